//! Batches of the largest size, as many as the server accepts.

use std::sync::Arc;

use serde_json::json;

use super::requests::{batch, fill, ids, patch, post, toggles};
use crate::attack::Attack;
use crate::stage::{Play, Stage, crowd};

const KIND: &str = "batches";
/// Number of attacking users.
const USERS: usize = 4;

/// Attacks of this kind.
pub const ATTACKS: &[Attack] = &[
    Attack::new(
        "toggle-batches",
        KIND,
        "4 users with 256 connections each send batches of 500 changes that complete a task and take that back",
        |stage| Box::pin(toggle_batches(stage)),
    )
    .lasting(6.0),
    Attack::variation(
        "large-creates",
        KIND,
        "4 users with 16 connections each send batches of 10 tasks with descriptions of 2,000 characters, and delete them again",
        |stage| Box::pin(large_creates(stage)),
    ),
    Attack::variation(
        "undo-batches",
        KIND,
        "a user takes a batch of 500 changes back and does it again, over 32 connections",
        |stage| Box::pin(undo_batches(stage)),
    ),
    Attack::new(
        "undo-beside-writers",
        KIND,
        "a user takes changes back while six connections change the same list",
        |stage| Box::pin(undo_beside_writers(stage)),
    ),
];

async fn toggle_batches(stage: Stage) -> anyhow::Result<Play> {
    let mut users = Vec::new();
    for person in stage.people(USERS).await? {
        let task = person.create_task(&stage.target.url).await?;
        users.push((person, toggles(&[task], 500)));
    }
    let users = Arc::new(users);
    Ok(crowd(USERS * 256, move |number| {
        let (stage, users) = (stage.clone(), Arc::clone(&users));
        async move {
            let Some((person, body)) = users.get(number % USERS) else { return };
            stage.send(post(&stage, person, "/batch", body.clone())).await;
        }
    }))
}

async fn large_creates(stage: Stage) -> anyhow::Result<Play> {
    let users = Arc::new(stage.people(USERS).await?);
    let task = json!({"op": "create", "task": {"title": "Milk", "description": "€".repeat(2_000)}});
    let creates = batch(&vec![task; 10]);
    Ok(crowd(USERS * 16, move |number| {
        let (stage, users, creates) = (stage.clone(), Arc::clone(&users), creates.clone());
        async move {
            let Some(person) = users.get(number % USERS) else { return };
            stage.send(post(&stage, person, "/batch", creates)).await;
            stage.send(post(&stage, person, "/undo", "".into())).await;
        }
    }))
}

async fn undo_batches(stage: Stage) -> anyhow::Result<Play> {
    let person = Arc::new(stage.person().await?);
    fill(&stage, &person, &[500], "Two litres").await?;
    let tasks = ids(&stage, &person, 500).await?;
    stage.send(post(&stage, &person, "/batch", toggles(&tasks, 500))).await;
    Ok(crowd(32, move |_| {
        let (stage, person) = (stage.clone(), Arc::clone(&person));
        async move {
            stage.send(post(&stage, &person, "/undo", "".into())).await;
            stage.send(post(&stage, &person, "/redo", "".into())).await;
        }
    }))
}

async fn undo_beside_writers(stage: Stage) -> anyhow::Result<Play> {
    let person = Arc::new(stage.person().await?);
    let task = Arc::new(person.create_task(&stage.target.url).await?);
    Ok(crowd(7, move |number| {
        let (stage, person, task) = (stage.clone(), Arc::clone(&person), Arc::clone(&task));
        async move {
            if number == 0 {
                let undone = post(&stage, &person, "/undo", "".into()).send().await;
                let status = undone.map_or(0, |answer| answer.status().as_u16());
                stage.hear(&format!("undo {status}"));
            } else {
                let body = json!({"title": crate::fresh_name()});
                stage.send(patch(&stage, &person, &task, &body)).await;
            }
        }
    }))
}
