//! Requests and lists that several attacks need.

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

/// A sign-in of a person.
pub fn sign_in(stage: &Stage, person: &Person) -> RequestBuilder {
    let body = json!({"email": person.email, "password": PASSWORD});
    stage.http.post(stage.url("/api/auth/signin")).json(&body)
}

/// A change of a task.
pub fn patch(stage: &Stage, person: &Person, task: &str, body: &Value) -> RequestBuilder {
    let url = stage.url(&format!("{}/{task}", person.tasks()));
    stage.http.patch(url).bearer_auth(&person.access_token).json(body)
}

/// Something read below a person's list.
pub fn get(stage: &Stage, person: &Person, rest: &str) -> RequestBuilder {
    let url = stage.url(&format!("{}{rest}", person.tasks()));
    stage.http.get(url).bearer_auth(&person.access_token)
}

/// Something posted below a person's list, as JSON.
pub fn post(stage: &Stage, person: &Person, rest: &str, body: Bytes) -> RequestBuilder {
    let url = stage.url(&format!("{}{rest}", person.tasks()));
    let request = stage.http.post(url).bearer_auth(&person.access_token);
    request.header("content-type", "application/json").body(body)
}

/// The body of a batch.
pub fn batch(commands: &[Value]) -> Bytes {
    json!({ "commands": commands }).to_string().into()
}

/// A batch that completes tasks and takes that back, in turn, so often.
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

/// A file of so many tasks with this description.
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

/// Fills a person's list by import with as many tasks as the server takes, at most these; returns how many. The work before
/// may still be under way, so it is tried some times.
///
/// # Errors
///
/// When it takes none.
pub async fn fill(
    stage: &Stage,
    person: &Person,
    counts: &[usize],
    description: &str,
) -> anyhow::Result<usize> {
    // A server with little memory takes smaller lists: an eighth of the smallest count is tried last.
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

/// The identifiers of the first tasks of a person.
///
/// # Errors
///
/// When the server does not show them.
pub async fn ids(stage: &Stage, person: &Person, count: usize) -> anyhow::Result<Vec<String>> {
    let answer = get(stage, person, &format!("?limit={count}")).send().await?;
    let answer: Value = answer.error_for_status()?.json().await?;
    let tasks = answer.get("tasks").and_then(Value::as_array).context("no tasks")?;
    let id = |task: &Value| task.get("id").and_then(Value::as_str).map(str::to_owned);
    Ok(tasks.iter().filter_map(id).collect())
}

/// Makes a history: one task that was changed so many times, 500 changes a batch. Returns the task.
///
/// # Errors
///
/// When the server does not make it.
pub async fn history(stage: &Stage, person: &Person, changes: usize) -> anyhow::Result<String> {
    let task = person.create_task(&stage.target.url).await?;
    let body = toggles(std::slice::from_ref(&task), 500);
    for _ in 0..changes / 500 {
        let answer = post(stage, person, "/batch", body.clone()).send().await?;
        ensure!(answer.status().is_success(), "a batch was answered with {}", answer.status());
    }
    Ok(task)
}

/// The head and the beginning of a body, as they go over a connection.
pub fn head(method: &str, path: &str, person: &Person, more: &str) -> Vec<u8> {
    format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n{more}\r\n",
        person.access_token
    )
    .into_bytes()
}
