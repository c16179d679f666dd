//! The OpenAPI document.
//!
//! It is generated from the endpoints, and completed with facts that the generator cannot express: operations that need no
//! sign-in, and an example of every failure.

use std::sync::LazyLock;

use poem_openapi::types::Example;
use poem_openapi::{ContactObject, LicenseObject, ServerObject};
use serde_json::{Map, Value, json};

use super::auth::revocations::stream::Revocation;
use super::auth::session_cache::SessionCache;
use super::service::service;
use super::tasks::bodies::change::ChangeBody;
use super::tasks::bodies::history::HistoryBody;
use super::tasks::bodies::list::TaskListBody;
use super::tasks::bodies::task::TaskBody;
use super::tasks::files::encoding::example_table;
use crate::http::response::problem::ErrorBody;
use crate::http::response::problem::field_problem::{FieldProblem, Flaw};
use crate::http::response::raw_json::RawJson;

/// Tags in the order in which a newcomer needs them.
const CHAPTERS: [&str; 4] = ["Authentication", "Tasks", "Keys", "Health"];

/// Trace id of examples.
const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

const DESCRIPTION: &str = "\
Keyfold signs people up and in, keeps their sessions, issues access tokens that anybody can verify, and serves each \
user their own tasks.

**Try it here.** Run *Sign up*, copy `token` from the answer into *Authorize* under `accessToken`, and use the task \
operations with the `user.id` from the same answer. The session cookie is set by the browser itself.

**Tokens.** The access token is a JWT (RS256) that is verified with the keys at `/.well-known/jwks.json`; it lives \
minutes. The session token, in a cookie or sent as a bearer token, lives days and is exchanged for fresh access tokens \
at `/api/auth/token`. Signing out ends both at once; changing the password ends those of every session.

**Failures.** Every failure has the same body: a stable `code`, a `message` for people, a `traceId` that finds the \
request in the logs, and `details` per field when the input is invalid or taken, each with a `code` of its own: the field's name \
and what is wrong with it, `TITLE_TOO_LONG` for instance.

**Traces.** A request with `traceparent` (W3C Trace Context) goes on in the caller's trace; the answer names the span that \
served it in `traceresponse`, in the same form.";

/// Fields of requests that may be `null`, which the generator cannot express for a field that may also be absent.
const NULLABLE: [&str; 6] = [
    "/components/schemas/TaskRequest/properties/description",
    "/components/schemas/TaskRequest/properties/due",
    "/components/schemas/TaskPatch/properties/description",
    "/components/schemas/TaskPatch/properties/completed",
    "/components/schemas/TaskPatch/properties/due",
    "/components/schemas/TaskPatch/properties/tags",
];

/// Text of the document, pretty-printed and ending with a newline.
pub fn text() -> String {
    DOCUMENT.clone()
}

static DOCUMENT: LazyLock<String> = LazyLock::new(|| {
    let spec = service(SessionCache::new(0))
        .description(DESCRIPTION)
        .license(LicenseObject::new("MIT OR Apache-2.0").url("https://spdx.org/licenses/MIT.html"))
        .contact(ContactObject::new().name("Keyfold"))
        .server(ServerObject::new("/").description("This server"))
        .spec();
    let mut document: Value = serde_json::from_str(&spec).unwrap_or_default();
    if let Some(tags) = document.get_mut("tags").and_then(Value::as_array_mut) {
        tags.sort_by_key(chapter);
    }
    for operation in operations(&mut document) {
        complete(operation);
    }
    for field in NULLABLE {
        let schema = document.pointer_mut(field).and_then(Value::as_object_mut);
        schema.map(|schema| schema.insert("nullable".to_owned(), Value::Bool(true)));
    }
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
});

/// Place of a tag among the chapters; the generator sorts them by name.
fn chapter(tag: &Value) -> Option<usize> {
    CHAPTERS.iter().position(|name| tag.get("name").and_then(Value::as_str) == Some(*name))
}

fn operations(document: &mut Value) -> impl Iterator<Item = &mut Map<String, Value>> {
    let paths = document.get_mut("paths").and_then(Value::as_object_mut).into_iter().flatten();
    let methods = paths.filter_map(|(_, path)| path.as_object_mut()).flatten();
    methods.filter_map(|(_, operation)| operation.as_object_mut())
}

fn complete(operation: &mut Map<String, Value>) {
    // An empty list says that no sign-in is needed; without it, tools cannot tell that from an omission.
    operation.entry("security").or_insert_with(|| json!([]));
    let id = operation.get("operationId").and_then(Value::as_str).unwrap_or_default().to_owned();
    let waits_for_key = takes_header(operation, "Idempotency-Key");
    if let Some(body) = operation.get_mut("requestBody") {
        show(body, "text~1csv", json!(example_table()));
    }
    let responses =
        operation.get_mut("responses").and_then(Value::as_object_mut).into_iter().flatten();
    for (status, response) in responses {
        if let Some(example) = failure(&id, status) {
            show(response, "application~1json", json!(example));
        }
        let event = match &*id {
            "followTasks" => json!([ChangeBody::example()]),
            _ => json!([Revocation::example()]),
        };
        show(response, "text~1event-stream", event);
        if id == "getTasksHistory" && status == "200" {
            show(response, "application~1json", json!(HistoryBody::example_of_list()));
        }
        show(response, "text~1csv", json!(example_table()));
        if waits_for_key && status == "409" {
            let headers = json!({ "Retry-After": retry_with_key() });
            response.as_object_mut().map(|response| response.insert("headers".to_owned(), headers));
        }
    }
}

/// Adds an example to a body of a media type.
fn show(body: &mut Value, media_type: &str, example: Value) {
    let media = body.pointer_mut(&format!("/content/{media_type}")).and_then(Value::as_object_mut);
    media.map(|media| media.insert("example".to_owned(), example));
}

/// True if a header is one of an operation's parameters.
fn takes_header(operation: &Map<String, Value>, name: &str) -> bool {
    let parameters = operation.get("parameters").and_then(Value::as_array).into_iter().flatten();
    parameters.into_iter().any(|parameter| {
        let is = |member, value: &str| parameter.get(member).and_then(Value::as_str) == Some(value);
        is("in", "header") && is("name", name)
    })
}

/// Describes `Retry-After`, which only operations with an idempotency key have in their `409`.
fn retry_with_key() -> Value {
    json!({
        "description": "Seconds after which the request is worth repeating, while the one with the same key is at work.",
        "schema": { "type": "string" },
    })
}

/// Example of an operation's failure with a status.
fn failure(operation: &str, status: &str) -> Option<ErrorBody> {
    if status == "400" {
        return Some(invalid(invalid_field(operation)));
    }
    let (code, message) = refused(operation, status).or_else(|| failed(operation, status))?;
    let body = body(code, message);
    let current = (status == "412").then(|| current(operation)).flatten();
    let details = (code == "EMAIL_TAKEN").then(|| vec![taken()]);
    Some(ErrorBody { details, current, ..body })
}

/// Error of an address that belongs to an account.
fn taken() -> FieldProblem {
    FieldProblem::new("email", Flaw::Taken, "belongs to an account already: sign in instead")
}

/// Example of an error in an operation's input.
fn invalid_field(operation: &str) -> FieldProblem {
    let (field, flaw, message) = match operation {
        "signUp" => ("password", Flaw::TooShort, "must have at least 8 characters"),
        "changeProfile" => ("name", Flaw::TooLong, "must have at most 200 characters"),
        "changePassword" => ("currentPassword", Flaw::Invalid, "is not right"),
        "signIn" => ("email", Flaw::Invalid, "must be an email address such as ada@example.com"),
        "listTasks" | "getTaskHistory" | "getTasksHistory" => {
            ("limit", Flaw::TooLarge, "must be at most 1000")
        }
        "getTask" | "deleteTask" | "undoTasks" | "redoTasks" => {
            ("Idempotency-Key", Flaw::TooLong, "must have at most 255 characters")
        }
        "moveTask" => ("before", Flaw::Unknown, "must be a task of this list"),
        "restoreTask" => ("version", Flaw::Unknown, "is not a version of this list"),
        "diffTasks" => (
            "from",
            Flaw::Invalid,
            "must be a version of the list, or a date and time with its offset (RFC 3339)",
        ),
        "followTasks" => ("Last-Event-ID", Flaw::Unknown, "is not a version of this list"),
        "batchTasks" => {
            ("commands[3].changes.title", Flaw::TooLong, "must have at most 200 characters")
        }
        "importTasks" => ("tasks[3].title", Flaw::Empty, "must not be empty"),
        "listRevocations" | "streamRevocations" => {
            ("since", Flaw::Invalid, "must be the next of an answer")
        }
        "endSessions" => ("except", Flaw::Invalid, "must be current"),
        _ => ("title", Flaw::Empty, "must not be empty"),
    };
    FieldProblem::new(field, flaw, message)
}

/// Code and message of a request that is understood and refused.
fn refused(operation: &str, status: &str) -> Option<(&'static str, &'static str)> {
    Some(match (operation, status) {
        ("signIn", "401") => ("INVALID_EMAIL_OR_PASSWORD", "Invalid email or password"),
        (
            "getSession" | "getToken" | "listSessions" | "endSession" | "endSessions"
            | "changeProfile" | "changePassword",
            "401",
        ) => ("SESSION_ENDED", "The session has ended"),
        (_, "401") => ("TOKEN_EXPIRED", "The access token has expired"),
        ("signOut" | "endSession" | "endSessions" | "changeProfile" | "changePassword", "403") => {
            ("UNTRUSTED_ORIGIN", "Requests with a cookie are not accepted from this origin")
        }
        (_, "403") => ("NOT_YOURS", "This belongs to another user"),
        ("endSession", "404") => ("SESSION_NOT_FOUND", "There is no such session"),
        (_, "404") => ("TASK_NOT_FOUND", "There is no such task"),
        ("signUp", "409") => ("EMAIL_TAKEN", "An account with this email address exists already"),
        ("undoTasks", "409") => ("NOTHING_TO_UNDO", "There is nothing to undo"),
        ("redoTasks", "409") => ("NOTHING_TO_REDO", "There is nothing to redo"),
        ("createTask" | "batchTasks" | "restoreTask" | "importTasks", "409") => {
            ("LIST_FULL", "The list cannot take any more tasks")
        }
        (_, "409") => (
            "IDEMPOTENCY_KEY_IN_USE",
            "The request with this Idempotency-Key is still at work, ask again shortly",
        ),
        (_, "412") => {
            ("VERSION_MISMATCH", "This has changed since you read it; nothing was changed")
        }
        (_, "422") => (
            "IDEMPOTENCY_KEY_REUSED",
            "Another request was sent with this Idempotency-Key; nothing was changed",
        ),
        (operation, "429") if operation.ends_with("Task") || operation.ends_with("Tasks") => (
            "TOO_MANY_IDEMPOTENCY_KEYS",
            "Too many requests were sent with an Idempotency-Key today; nothing was changed",
        ),
        _ => return None,
    })
}

/// Code and message of a request that cannot be served.
fn failed(operation: &str, status: &str) -> Option<(&'static str, &'static str)> {
    Some(match (operation, status) {
        ("batchTasks", "413") => ("PAYLOAD_TOO_LARGE", "The body is larger than 4 MiB"),
        ("importTasks", "413") => ("PAYLOAD_TOO_LARGE", "The body is larger than 64 MiB"),
        (_, "413") => ("PAYLOAD_TOO_LARGE", "The body is larger than 64 KiB"),
        ("importTasks", "415") => (
            "UNSUPPORTED_MEDIA_TYPE",
            "The body must be JSON or CSV: send it with Content-Type: application/json or text/csv",
        ),
        ("changeTask" | "changeProfile", "415") => (
            "UNSUPPORTED_MEDIA_TYPE",
            "The body must be JSON: send it with Content-Type: application/merge-patch+json or application/json",
        ),
        (_, "415") => (
            "UNSUPPORTED_MEDIA_TYPE",
            "The body must be JSON: send it with Content-Type: application/json",
        ),
        (_, "429") => ("TOO_MANY_REQUESTS", "Too many requests, try again later"),
        (_, "500") => ("INTERNAL_ERROR", "Something went wrong on our side"),
        ("getKeys" | "getLiveness" | "getReadiness", "503") => {
            ("UNAVAILABLE", "The server cannot answer for the moment, try again shortly")
        }
        (_, "503") => {
            ("OVERLOADED", "The server is overloaded; nothing was changed, try again shortly")
        }
        _ => return None,
    })
}

/// Example of the state that a refused change has met.
fn current(operation: &str) -> Option<RawJson> {
    match operation {
        "batchTasks" | "undoTasks" | "redoTasks" | "importTasks" => {
            RawJson::of(&TaskListBody::example()).ok()
        }
        _ => RawJson::of(&TaskBody::example()).ok(),
    }
}

fn invalid(problem: FieldProblem) -> ErrorBody {
    let message = format!("{} {}", problem.field, problem.message);
    ErrorBody { details: Some(vec![problem]), ..body("INVALID_INPUT", &message) }
}

fn body(code: &str, message: &str) -> ErrorBody {
    let (code, message) = (code.to_owned(), message.to_owned());
    ErrorBody { code, message, trace_id: TRACE_ID.to_owned(), details: None, current: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_of_a_change_with_conditions_has_an_example() {
        let shown = |status| json!(failure("changeTask", status));
        let with_trace = |mut body: Value| {
            body["traceId"] = json!(TRACE_ID);
            body
        };
        let details =
            json!([{"field": "title", "code": "TITLE_EMPTY", "message": "must not be empty"}]);
        for (status, body) in [
            (
                "400",
                json!({"code": "INVALID_INPUT", "message": "title must not be empty", "details": details}),
            ),
            (
                "412",
                json!({
                    "code": "VERSION_MISMATCH",
                    "message": "This has changed since you read it; nothing was changed",
                    "current": TaskBody::example(),
                }),
            ),
            (
                "422",
                json!({
                    "code": "IDEMPOTENCY_KEY_REUSED",
                    "message": "Another request was sent with this Idempotency-Key; nothing was changed",
                }),
            ),
            (
                "429",
                json!({
                    "code": "TOO_MANY_IDEMPOTENCY_KEYS",
                    "message": "Too many requests were sent with an Idempotency-Key today; nothing was changed",
                }),
            ),
        ] {
            assert_eq!(shown(status), with_trace(body), "{status}");
        }
    }

    #[test]
    fn a_conflict_over_a_key_says_when_to_come_back_where_a_key_is_taken() {
        let headers = |parameters: Value| {
            let mut operation = json!({"parameters": parameters, "responses": {"409": {}}});
            complete(operation.as_object_mut().unwrap());
            operation["responses"]["409"]["headers"].clone()
        };
        let key = json!([{"name": "Idempotency-Key", "in": "header"}]);
        assert_eq!(headers(key), json!({ "Retry-After": retry_with_key() }));
        assert_eq!(headers(json!([{"name": "If-Match", "in": "header"}])), Value::Null);
    }
}
