//! Idempotency keys, and the storage for their responses.

use std::sync::Arc;

use serde_json::json;

use super::requests::{fill, ids, patch, post, toggles};
use crate::attack::Attack;
use crate::stage::{Play, Stage, crowd};

const KIND: &str = "idempotency keys";

/// Attacks of this kind.
pub const ATTACKS: &[Attack] = &[
    Attack::new(
        "keyed-batches",
        KIND,
        "4 users with 8 connections each complete 500 tasks with long descriptions in a batch, each with a fresh key",
        |stage| Box::pin(keyed_batches(stage)),
    ),
    Attack::new(
        "keyed-no-ops",
        KIND,
        "64 connections change a task to what it is, each with a fresh key",
        |stage| Box::pin(keyed_no_ops(stage)),
    ),
    Attack::variation(
        "keyed-creates",
        KIND,
        "32 connections add tasks with fresh keys of 255 characters until the list is full, and go on",
        |stage| Box::pin(keyed_creates(stage)),
    ),
    Attack::variation(
        "keyed-replays",
        KIND,
        "32 connections send one batch of 500 changes again and again under the same key",
        |stage| Box::pin(keyed_replays(stage)),
    ),
];

async fn keyed_batches(stage: Stage) -> anyhow::Result<Play> {
    let mut users = Vec::new();
    for person in stage.people(4).await? {
        fill(&stage, &person, &[500], &"d".repeat(2_000)).await?;
        let tasks = ids(&stage, &person, 500).await?;
        users.push((person, toggles(&tasks, 500)));
    }
    let users = Arc::new(users);
    Ok(crowd(32, move |number| {
        let (stage, users) = (stage.clone(), Arc::clone(&users));
        async move {
            let Some((person, body)) = users.get(number % 4) else { return };
            let request = post(&stage, person, "/batch", body.clone());
            stage.send(request.header("idempotency-key", crate::fresh_name())).await;
        }
    }))
}

async fn keyed_no_ops(stage: Stage) -> anyhow::Result<Play> {
    let person = Arc::new(stage.person().await?);
    let task = Arc::new(person.create_task(&stage.target.url).await?);
    stage.send(patch(&stage, &person, &task, &json!({"title": "Milk"}))).await;
    Ok(crowd(64, move |_| {
        let (stage, person, task) = (stage.clone(), Arc::clone(&person), Arc::clone(&task));
        async move {
            let request = patch(&stage, &person, &task, &json!({"title": "Milk"}));
            stage.send(request.header("idempotency-key", crate::fresh_name())).await;
        }
    }))
}

async fn keyed_creates(stage: Stage) -> anyhow::Result<Play> {
    let person = Arc::new(stage.person().await?);
    Ok(crowd(32, move |_| {
        let (stage, person) = (stage.clone(), Arc::clone(&person));
        async move {
            let key = format!("{:-<255}", crate::fresh_name());
            let request = post(&stage, &person, "", r#"{"title":"Milk"}"#.into());
            stage.send(request.header("idempotency-key", key)).await;
        }
    }))
}

async fn keyed_replays(stage: Stage) -> anyhow::Result<Play> {
    let person = Arc::new(stage.person().await?);
    fill(&stage, &person, &[500], &"d".repeat(2_000)).await?;
    let body = toggles(&ids(&stage, &person, 500).await?, 500);
    let key = Arc::new(crate::fresh_name());
    Ok(crowd(32, move |_| {
        let (stage, person, key) = (stage.clone(), Arc::clone(&person), Arc::clone(&key));
        let body = body.clone();
        async move {
            let request = post(&stage, &person, "/batch", body);
            stage.send(request.header("idempotency-key", key.as_str())).await;
        }
    }))
}
