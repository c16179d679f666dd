//! Large responses that the client does not read.

use std::sync::Arc;

use crate::attack::Attack;
use crate::attacks::requests::{fill, head};
use crate::people::Person;
use crate::stage::{Play, Stage, crowd, hold};

const KIND: &str = "answers";

/// Attacks of this kind.
pub const ATTACKS: &[Attack] = &[
    Attack::new(
        "unread-pages",
        KIND,
        "300 connections of 4 users ask for a page of 1,000 tasks of 2 kB each and read nothing",
        |stage| Box::pin(unread(stage, 300, 1, "?limit=1000")),
    ),
    Attack::variation(
        "pipelined-unread",
        KIND,
        "100 connections ask for 20 such pages at once and read nothing",
        |stage| Box::pin(unread(stage, 100, 20, "?limit=1000")),
    ),
    Attack::variation(
        "unread-exports",
        KIND,
        "100 connections ask for the whole list as a file and read nothing",
        |stage| Box::pin(unread(stage, 100, 1, "/export")),
    ),
    Attack::variation(
        "unread-history",
        KIND,
        "100 connections ask for the history of the list, as much as there may be at once, and read nothing",
        |stage| Box::pin(unread(stage, 100, 4, "/history?limit=100")),
    ),
];

/// Signs up users and gives each a list of some megabytes.
pub async fn owners(stage: &Stage, count: usize) -> anyhow::Result<Vec<Person>> {
    let people = stage.people(count).await?;
    for person in &people {
        fill(stage, person, &[2_000], &"d".repeat(2_000)).await?;
    }
    Ok(people)
}

async fn unread(
    stage: Stage,
    connections: usize,
    times: usize,
    rest: &'static str,
) -> anyhow::Result<Play> {
    let people = owners(&stage, 4).await?;
    let requests = people
        .iter()
        .map(|person| head("GET", &format!("{}{rest}", person.tasks()), person, "").repeat(times));
    let requests: Arc<Vec<Vec<u8>>> = Arc::new(requests.collect());
    Ok(crowd(connections, move |number| {
        let (stage, requests) = (stage.clone(), Arc::clone(&requests));
        async move {
            let Some(request) = requests.get(number % 4) else { return };
            let Some(connection) = stage.connect_and_send(request).await else { return };
            stage.hear("asked");
            hold().await;
            drop(connection);
        }
    }))
}
