//! Requests and lists shared by several attacks.

use std::fmt::Write as _;

use anyhow::{Context, ensure};
use bytes::Bytes;
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::people::{PASSWORD, Person};
use crate::stage::Stage;

/// A sign-up with this address.
pub fn sign_up_as(stage: &Stage, email: &str) -> RequestBuilder {
    let body = json!({"email": email, "password": PASSWORD, "name": "Mallory"});
    stage.http.post(stage.url("/api/auth/signup")).json(&body)
}

/// A sign-in of a user.
pub fn sign_in(stage: &Stage, person: &Person) -> RequestBuilder {
    let body = json!({"email": person.email, "password": PASSWORD});
    stage.http.post(stage.url("/api/auth/signin")).json(&body)
}

/// A change of a task.
pub fn patch(stage: &Stage, person: &Person, task: &str, body: &Value) -> RequestBuilder {
    let url = stage.url(&format!("{}/{task}", person.tasks()));
    stage.http.patch(url).bearer_auth(&person.access_token).json(body)
}

/// A GET request below a user's list.
pub fn get(stage: &Stage, person: &Person, rest: &str) -> RequestBuilder {
    let url = stage.url(&format!("{}{rest}", person.tasks()));
    stage.http.get(url).bearer_auth(&person.access_token)
}

/// A POST request below a user's list, with a JSON body.
pub fn post(stage: &Stage, person: &Person, rest: &str, body: Bytes) -> RequestBuilder {
    let url = stage.url(&format!("{}{rest}", person.tasks()));
    let request = stage.http.post(url).bearer_auth(&person.access_token);
    request.header("content-type", "application/json").body(body)
}

/// Request body of a batch.
pub fn batch(commands: &[Value]) -> Bytes {
    json!({ "commands": commands }).to_string().into()
}

/// Request body of a batch that completes and reopens tasks in turn, `count` commands in all.
pub fn toggles(tasks: &[String], count: usize) -> Bytes {
    let ids = tasks.iter().cycle().take(count).enumerate();
    let rounds = |number: usize| number / tasks.len().max(1);
    let commands: Vec<_> = ids
        .map(|(number, id)| {
            let completed = rounds(number) % 2 == 0;
            json!({"op": "change", "id": id, "changes": {"completed": completed}})
        })
        .collect();
    batch(&commands)
}

/// An import file of `count` tasks with this description.
pub fn file(count: usize, description: &str) -> Bytes {
    let mut text = String::from("{\"tasks\":[");
    for number in 0..count {
        let comma = if number > 0 { "," } else { "" };
        let description = Value::from(description);
        let _ =
            write!(text, "{comma}{{\"title\":\"Task {number}\",\"description\":{description}}}");
    }
    text.push_str("]}");
    text.into()
}

/// Fills a user's list by import with the largest of these counts that the server accepts; returns the count. Work of the
/// attack before may still be in progress, so the import is retried.
///
/// # Errors
///
/// If the server accepts no size.
pub async fn fill(
    stage: &Stage,
    person: &Person,
    counts: &[usize],
    description: &str,
) -> anyhow::Result<usize> {
    // A server with little memory accepts smaller lists: fractions of the smallest count are tried last, down to an eighth.
    let smallest = counts.last().copied().unwrap_or_default();
    let smaller = [2, 4, 8].map(|part| smallest / part);
    for count in counts.iter().copied().chain(smaller) {
        for _ in 0..3 {
            let request = post(stage, person, "/import", file(count, description));
            let answer = request.send().await?;
            match answer.status().as_u16() {
                200 => return Ok(count),
                503 => tokio::time::sleep(std::time::Duration::from_millis(500)).await,
                _ => break,
            }
        }
    }
    anyhow::bail!("no list could be filled")
}

/// Ids of the first `count` tasks of a user.
///
/// # Errors
///
/// If the server does not return the list.
pub async fn ids(stage: &Stage, person: &Person, count: usize) -> anyhow::Result<Vec<String>> {
    let answer = get(stage, person, &format!("?limit={count}")).send().await?;
    let answer: Value = answer.error_for_status()?.json().await?;
    let tasks = answer.get("tasks").and_then(Value::as_array).context("no tasks")?;
    let id = |task: &Value| task.get("id").and_then(Value::as_str).map(str::to_owned);
    Ok(tasks.iter().filter_map(id).collect())
}

/// Creates a history: one task that is changed `changes` times, 500 changes per batch. Returns the id of the task.
///
/// # Errors
///
/// If the server rejects a request.
pub async fn history(stage: &Stage, person: &Person, changes: usize) -> anyhow::Result<String> {
    let task = person.create_task(&stage.target.url).await?;
    let body = toggles(std::slice::from_ref(&task), 500);
    for _ in 0..changes / 500 {
        let answer = post(stage, person, "/batch", body.clone()).send().await?;
        ensure!(answer.status().is_success(), "a batch was answered with {}", answer.status());
    }
    Ok(task)
}

/// Raw request head, for a connection without an HTTP client.
pub fn head(method: &str, path: &str, person: &Person, more: &str) -> Vec<u8> {
    format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n{more}\r\n",
        person.access_token
    )
    .into_bytes()
}
