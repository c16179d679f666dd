//! The everyday use of tasks: fields, order, lists, versions, repeated requests, batches, files, limits.

mod batch;
mod conditions;
mod cursors;
mod expected;
mod fields;
mod files;
mod heavy;
mod keys;
mod large;
mod limits;
mod listing;
mod placing;

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::app::{Reply, TestApp, number, tag, v};
use crate::support::user::TestUser;

/// Start time of the clock of a test.
const NOW: &str = "2026-01-01T00:00:00.000Z";

/// A server, and a user without tasks.
async fn ada() -> (TestApp, TestUser) {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    (app, ada)
}

/// Lets a second pass.
fn wait(app: &TestApp) {
    app.clock().advance(Duration::from_secs(1));
}

/// The id of a task.
fn id(task: &Value) -> &str {
    task["id"].as_str().unwrap()
}

/// A request with a JSON body about something below the tasks of a user.
async fn send(user: &TestUser, method: Method, rest: &str, body: &Value) -> Reply {
    user.request(method, &user.tasks(rest)).json(body).send().await
}

async fn post(user: &TestUser, rest: &str, body: &Value) -> Reply {
    send(user, Method::POST, rest, body).await
}

async fn patch(user: &TestUser, task: &Value, body: &Value) -> Reply {
    send(user, Method::PATCH, &format!("/{}", id(task)), body).await
}

async fn relocate(user: &TestUser, task: &Value, body: &Value) -> Reply {
    post(user, &format!("/{}/move", id(task)), body).await
}

async fn delete(user: &TestUser, task: &Value) {
    let path = user.tasks(&format!("/{}", id(task)));
    user.request(Method::DELETE, &path).send().await.expect(204);
}

/// A task as it is now.
async fn get(user: &TestUser, task: &Value) -> Value {
    user.list(&format!("/{}", id(task))).await.expect(200)
}

/// The body of a list or of a page.
async fn page(user: &TestUser, query: &str) -> Value {
    user.list(query).await.expect(200)
}

/// The titles on a page.
fn titles(page: &Value) -> Vec<&str> {
    page["tasks"].as_array().unwrap().iter().map(|task| task["title"].as_str().unwrap()).collect()
}

/// New tasks with these titles.
async fn tasks<const COUNT: usize>(user: &TestUser, titles: [&str; COUNT]) -> [Value; COUNT] {
    let mut tasks = Vec::with_capacity(COUNT);
    for title in titles {
        tasks.push(user.create_task(title).await);
    }
    tasks.try_into().unwrap()
}

/// An object with other members.
fn with(object: &Value, members: &Value) -> Value {
    let mut object = object.clone();
    for (name, value) in members.as_object().unwrap() {
        object[name] = value.clone();
    }
    object
}

/// A new task with everything there is of it, except for what is said.
fn shown(user: &TestUser, task: &Value, members: &Value) -> Value {
    let plain = json!({
        "id": task["id"], "userId": user.id, "title": task["title"], "description": null, "completed": false,
        "completedAt": null, "priority": "none", "due": null, "tags": [], "position": "i0000000",
        "createdAt": NOW, "updatedAt": NOW, "version": v(1),
    });
    with(&plain, members)
}

/// The body of a failure, without what makes it different every time.
#[track_caller]
fn problem(reply: &Reply, status: u16) -> Value {
    let mut body = reply.expect(status);
    assert!(body.as_object_mut().unwrap().remove("traceId").is_some_and(|id| id.is_string()));
    body
}

/// Every event of every list.
async fn events(app: &TestApp) -> String {
    let events = "select coalesce(string_agg(e::text, E'\\n' order by position), '') from events e
                  where stream like 'tasks-%'";
    app.query_text(events).await
}

/// Number of events of all lists together.
async fn event_count(app: &TestApp) -> usize {
    let count = "select count(*)::text from events where stream like 'tasks-%'";
    app.query_text(count).await.parse().unwrap()
}

/// A file to take in.
async fn import(user: &TestUser, content_type: &str, file: impl Into<reqwest::Body>) -> Reply {
    let request = user.request(Method::POST, &user.tasks("/import"));
    request.header("content-type", content_type).body(file).send().await
}

/// The file of a whole list.
async fn export(user: &TestUser, format: &str) -> String {
    let reply = user.list(&format!("/export?format={format}")).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.text
}
