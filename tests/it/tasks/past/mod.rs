//! Features of a task list that need its log: history, time travel, undo and redo, changes as they happen.

mod changes;
mod diff;
mod following;
mod history;
mod long;
mod random;
mod restoring;
mod retries;
mod time_travel;
mod undoing;

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::app::{Reply, START, v};
use crate::support::user::TestUser;

/// The fields of a task that changes tell of.
const FIELDS: [&str; 8] =
    ["title", "description", "completed", "completedAt", "priority", "due", "tags", "position"];

/// So many seconds after the start, as it is written.
fn at(seconds: u64) -> String {
    START.after(Duration::from_secs(seconds)).to_string()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn id(task: &Value) -> &str {
    text(&task["id"])
}

/// Sends a request about the tasks of a user, with a body if there is one.
async fn ask(user: &TestUser, method: Method, rest: &str, body: Option<Value>) -> Reply {
    let request = user.request(method, &user.tasks(rest));
    match body {
        Some(body) => request.json(&body).send().await,
        None => request.send().await,
    }
}

async fn get(user: &TestUser, rest: &str) -> Value {
    ask(user, Method::GET, rest, None).await.expect(200)
}

async fn post(user: &TestUser, rest: &str, body: Value) -> Value {
    ask(user, Method::POST, rest, Some(body)).await.expect(200)
}

async fn patch(user: &TestUser, task: &Value, body: Value) -> Value {
    ask(user, Method::PATCH, &format!("/{}", id(task)), Some(body)).await.expect(200)
}

async fn delete(user: &TestUser, task: &Value) {
    ask(user, Method::DELETE, &format!("/{}", id(task)), None).await.expect(204);
}

/// Restores a task, as it was when it was deleted or in the version with a number.
async fn restore(user: &TestUser, task: &Value, number: Option<i64>) -> Reply {
    let body = number.map_or(json!({}), |number| json!({"version": v(number)}));
    ask(user, Method::POST, &format!("/{}/restore", id(task)), Some(body)).await
}

async fn undo(user: &TestUser) -> Reply {
    ask(user, Method::POST, "/undo", None).await
}

async fn redo(user: &TestUser) -> Reply {
    ask(user, Method::POST, "/redo", None).await
}

/// The whole list, as far as it fits on a page.
async fn all(user: &TestUser) -> Value {
    get(user, "?limit=1000").await
}

fn tasks(page: &Value) -> &Vec<Value> {
    page["tasks"].as_array().unwrap()
}

/// The content of each task, in order, without version and time of change: undo restores exactly this.
fn seen(page: &Value) -> Vec<Value> {
    let mut seen = tasks(page).clone();
    for task in &mut seen {
        let task = task.as_object_mut().unwrap();
        task.remove("version");
        task.remove("updatedAt");
    }
    seen
}

/// The fields of a task that changes tell of.
fn fields(task: &Value) -> Value {
    FIELDS.iter().map(|name| ((*name).to_owned(), task[*name].clone())).collect()
}

/// A change without the sides that it does not have.
fn present(mut change: Value) -> Value {
    change.as_object_mut().unwrap().retain(|_, side| !side.is_null());
    change
}
