//! Scans of the log by paging through history.

use std::sync::Arc;

use super::requests::{fill, get, history};
use crate::attack::Attack;
use crate::stage::{Play, Stage, crowd};

const KIND: &str = "log walks";
/// Changes in the history that is paged through.
const CHANGES: usize = 40_000;
const CONNECTIONS: usize = 16;

/// Attacks of this kind.
pub const ATTACKS: &[Attack] = &[
    Attack::new(
        "foreign-starts",
        KIND,
        "16 connections ask for the history of a task of 40,000 changes before a version that is another task's, while readiness is \
         asked for",
        |stage| Box::pin(foreign_starts(stage)),
    ),
    Attack::variation(
        "whole-histories",
        KIND,
        "16 connections ask for what was deleted of a list of 40,000 changes, where nothing was",
        |stage| Box::pin(asking(stage, |_, _| "/history?type=deleted".to_owned())),
    ),
    Attack::variation(
        "long-histories",
        KIND,
        "16 connections of 4 users ask for 1,000 changes of descriptions of 8 kB each, or the difference that they make",
        |stage| Box::pin(long_histories(stage)),
    ),
    Attack::variation(
        "differences",
        KIND,
        "16 connections ask for the difference between two moments of that list, each time others",
        |stage| {
            Box::pin(asking(stage, |number, now| {
                let from = 1 + number * 7_919 % (CHANGES / 2);
                format!("/diff?from={from}@{now}&to={}@{now}", from + CHANGES / 2)
            }))
        },
    ),
];

async fn foreign_starts(stage: Stage) -> anyhow::Result<Play> {
    let person = Arc::new(stage.person().await?);
    // The first version is the creation of this task, the second that of another task.
    let task = person.create_task(&stage.target.url).await?;
    person.create_task(&stage.target.url).await?;
    let body = super::requests::toggles(std::slice::from_ref(&task), 500);
    for _ in 0..CHANGES / 500 {
        let request = super::requests::post(&stage, &person, "/batch", body.clone());
        request.send().await?.error_for_status()?;
    }
    let now = stage.version(&person).await?;
    let path: Arc<str> = format!("/{task}/history?before=2@{now}&limit=1").into();
    Ok(crowd(CONNECTIONS + 1, move |number| {
        let (stage, person, path) = (stage.clone(), Arc::clone(&person), Arc::clone(&path));
        async move {
            if number == CONNECTIONS {
                stage.look_whether_ready().await;
            } else {
                stage.send(get(&stage, &person, &path)).await;
            }
        }
    }))
}

async fn long_histories(stage: Stage) -> anyhow::Result<Play> {
    let people = stage.people(4).await?;
    for person in &people {
        fill(&stage, person, &[1_000], &"🦀".repeat(2_000)).await?;
    }
    let people = Arc::new(people);
    Ok(crowd(CONNECTIONS, move |number| {
        let (stage, people) = (stage.clone(), Arc::clone(&people));
        async move {
            let paths = ["/history?limit=1000", "/diff?from=0&limit=1000"];
            let path = paths.get(number % 8 / 4).unwrap_or(&"");
            if let Some(person) = people.get(number % 4) {
                stage.send(get(&stage, person, path)).await;
            }
        }
    }))
}

async fn asking(stage: Stage, path: fn(usize, &str) -> String) -> anyhow::Result<Play> {
    let person = Arc::new(stage.person().await?);
    fill(&stage, &person, &[1_000], "Two litres").await?;
    history(&stage, &person, CHANGES - 1_000).await?;
    let counter = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let now: Arc<str> = stage.version(&person).await?.into();
    Ok(crowd(CONNECTIONS, move |_| {
        let number = counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let (stage, person) = (stage.clone(), Arc::clone(&person));
        let path = path(number, &now);
        async move { stage.send(get(&stage, &person, &path)).await }
    }))
}
