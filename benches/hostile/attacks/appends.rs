//! Appends that are refused, and their cost for the other appends in the batch.

use std::sync::Arc;

use futures_util::future::join_all;
use serde_json::json;

use super::requests::{patch, sign_up_as};
use crate::attack::Attack;
use crate::people::Person;
use crate::stage::{Play, Stage, crowd, paced, ready};

const KIND: &str = "appends";

/// Attacks of this kind.
pub const ATTACKS: &[Attack] = &[
    Attack::new(
        "taken-address",
        KIND,
        "50 sign-ups a second with an address that is taken",
        |stage| Box::pin(taken_address(stage)),
    ),
    Attack::variation(
        "raced-address",
        KIND,
        "4 times a second 8 sign-ups at once with one new address, of which one can succeed",
        |stage| ready(raced_address(stage)),
    ),
    Attack::variation(
        "raced-key",
        KIND,
        "20 times a second 8 tasks at once with one new `Idempotency-Key`",
        |stage| Box::pin(raced_key(stage)),
    ),
    Attack::new(
        "version-conflicts",
        KIND,
        "64 connections change a task under an `If-Match` that is long past",
        |stage| Box::pin(version_conflicts(stage)),
    ),
];

async fn taken_address(stage: Stage) -> anyhow::Result<Play> {
    let email = stage.person().await?.email;
    Ok(paced(50, move |_| {
        let (stage, email) = (stage.clone(), email.clone());
        async move { stage.send(sign_up_as(&stage, &email)).await }
    }))
}

fn raced_address(stage: Stage) -> Play {
    paced(4, move |_| {
        let stage = stage.clone();
        async move {
            let email = format!("{}@example.com", crate::fresh_name());
            join_all((0..8).map(|_| stage.send(sign_up_as(&stage, &email)))).await;
        }
    })
}

async fn raced_key(stage: Stage) -> anyhow::Result<Play> {
    let person = stage.person().await?;
    Ok(paced(20, move |_| {
        let (stage, person) = (stage.clone(), person.clone());
        async move {
            let key = crate::fresh_name();
            let create = |_| {
                let request = stage.http.post(stage.url(&person.tasks()));
                let request = request.bearer_auth(&person.access_token);
                stage.send(request.header("idempotency-key", &key).json(&json!({"title": "Milk"})))
            };
            join_all((0..8).map(create)).await;
        }
    }))
}

async fn version_conflicts(stage: Stage) -> anyhow::Result<Play> {
    let person = Arc::new(stage.person().await?);
    let task = person.create_task(&stage.target.url).await?;
    for title in ["Bread", "Salt"] {
        stage.send(patch(&stage, &person, &task, &json!({"title": title}))).await;
    }
    Ok(crowd(64, move |number| {
        let (stage, person, task) = (stage.clone(), Arc::clone(&person), task.clone());
        async move { conflict(&stage, &person, &task, number).await }
    }))
}

async fn conflict(stage: &Stage, person: &Person, task: &str, number: usize) {
    let body = json!({"title": format!("Milk {number}")});
    stage.send(patch(stage, person, task, &body).header("if-match", "\"1.AAAAAAAA\"")).await;
}
