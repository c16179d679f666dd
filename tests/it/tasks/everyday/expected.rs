//! Failures that are expected in several places.

use serde_json::{Value, json};

/// `412` with the current task.
pub fn mismatch(current: &Value) -> Value {
    json!({
        "code": "VERSION_MISMATCH",
        "message": "This has changed since you read it; nothing was changed",
        "current": current,
    })
}

/// `412` for a command of a batch, with the current task.
pub fn mismatch_at(command: usize, current: &Value) -> Value {
    let detail = json!({
        "field": format!("commands[{command}].ifVersion"),
        "code": "IF_VERSION_INVALID",
        "message": "is no longer the version of the task",
    });
    let mut problem = mismatch(current);
    problem["details"] = json!([detail]);
    problem
}

/// `404` of a task.
pub fn no_task() -> Value {
    json!({"code": "TASK_NOT_FOUND", "message": "There is no such task"})
}

/// `404` of a task that a command of a batch names.
pub fn no_task_at(field: &str) -> Value {
    let detail =
        json!({"field": field, "code": "ID_UNKNOWN", "message": "is not a task of this list"});
    json!({"code": "TASK_NOT_FOUND", "message": "There is no such task", "details": [detail]})
}

/// `422`.
pub fn reused() -> Value {
    json!({
        "code": "IDEMPOTENCY_KEY_REUSED",
        "message": "Another request was sent with this Idempotency-Key; nothing was changed",
    })
}

/// `409` while the first one is at work.
pub fn in_use() -> Value {
    json!({
        "code": "IDEMPOTENCY_KEY_IN_USE",
        "message": "The request with this Idempotency-Key is still at work, ask again shortly",
    })
}
