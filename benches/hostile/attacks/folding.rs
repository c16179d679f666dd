//! Processor time for lists of the largest size.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use super::requests::{fill, get, history, ids, post};
use crate::attack::Attack;
use crate::people::Person;
use crate::stage::{Play, Stage, crowd};

const KIND: &str = "processor";

/// Attacks of this kind.
pub const ATTACKS: &[Attack] = &[
    Attack::new(
        "expanding-search",
        KIND,
        "4 users search lists full of U+FDFA, a character that becomes eighteen, each for the first time and then again and again",
        |stage| Box::pin(expanding_search(stage)),
    )
    .lasting(8.0),
    Attack::new(
        "moves-in-a-full-list",
        KIND,
        "32 connections of 2 users move tasks of a list of 10,000 from one end to the other",
        |stage| Box::pin(moves(stage)),
    ),
    Attack::variation(
        "moments",
        KIND,
        "16 connections ask for a list of 20,000 changes as it was, each time at another moment",
        |stage| Box::pin(moments(stage)),
    ),
    Attack::variation(
        "large-pages",
        KIND,
        "16 connections ask for pages of 1,000 of 10,000 tasks, each time by another query",
        |stage| Box::pin(large_pages(stage)),
    ),
];

async fn expanding_search(stage: Stage) -> anyhow::Result<Play> {
    let people = stage.people(4).await?;
    for person in &people {
        fill(&stage, person, &[10_000, 2_500, 500], &"\u{FDFA}".repeat(2_000)).await?;
    }
    Ok(numbered(people, 8, move |person, number| {
        let (stage, person) = (stage.clone(), Arc::clone(person));
        async move { stage.send(get(&stage, &person, &format!("?q=zz{number}"))).await }
    }))
}

async fn moves(stage: Stage) -> anyhow::Result<Play> {
    let mut users = Vec::new();
    for person in stage.people(2).await? {
        fill(&stage, &person, &[10_000], "Two litres").await?;
        let tasks = ids(&stage, &person, 1_000).await?;
        users.push((person, tasks));
    }
    let users = Arc::new(users);
    let counter = Arc::new(AtomicUsize::new(0));
    Ok(crowd(32, move |number| {
        let (stage, users, counter) = (stage.clone(), Arc::clone(&users), Arc::clone(&counter));
        async move {
            let next = counter.fetch_add(1, Ordering::Relaxed);
            let Some((person, tasks)) = users.get(number % 2) else { return };
            let (Some(task), Some(before)) =
                (tasks.get(next % tasks.len()), tasks.get((next + tasks.len() / 2) % tasks.len()))
            else {
                return;
            };
            let body = json!({"before": before}).to_string();
            stage.send(post(&stage, person, &format!("/{task}/move"), body.into())).await;
        }
    }))
}

async fn moments(stage: Stage) -> anyhow::Result<Play> {
    let person = stage.person().await?;
    fill(&stage, &person, &[5_000], "Two litres").await?;
    history(&stage, &person, 15_000).await?;
    let now: Arc<str> = stage.version(&person).await?.into();
    Ok(numbered(vec![person], 16, move |person, number| {
        let (stage, person) = (stage.clone(), Arc::clone(person));
        let moment = format!("{}@{now}", 1 + number * 7_919 % 20_000);
        async move { stage.send(get(&stage, &person, &format!("?asOf={moment}"))).await }
    }))
}

async fn large_pages(stage: Stage) -> anyhow::Result<Play> {
    let person = stage.person().await?;
    fill(&stage, &person, &[10_000], &"d".repeat(500)).await?;
    Ok(numbered(vec![person], 16, move |person, number| {
        let (stage, person) = (stage.clone(), Arc::clone(person));
        let query = format!("?limit=1000&q={}", number % 100);
        async move { stage.send(get(&stage, &person, &query)).await }
    }))
}

/// Attack by connections that use the users in turn; each request has another number.
fn numbered<F, A>(people: Vec<Person>, connections: usize, act: F) -> Play
where
    F: Fn(&Arc<Person>, usize) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = ()> + Send + 'static,
{
    let people: Arc<Vec<Arc<Person>>> = Arc::new(people.into_iter().map(Arc::new).collect());
    let counter = Arc::new(AtomicUsize::new(0));
    crowd(connections, move |connection| {
        let number = counter.fetch_add(1, Ordering::Relaxed);
        let person = people.get(connection % people.len()).map(Arc::clone);
        let act = act.clone();
        async move {
            if let Some(person) = person {
                act(&person, number).await;
            }
        }
    })
}
