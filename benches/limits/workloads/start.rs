//! Starting on a long log beside starting on an empty one.

use anyhow::Context;

use crate::figures::{Figure, Goal, Row, in_turn};
use crate::postgres;
use crate::processor::resident_megabytes;
use crate::server::Server;

/// Users with twenty events each: a million in all.
const PEOPLE: usize = 50_000;
const EVENTS_OF_EACH: i64 = 20;

pub async fn measure() -> anyhow::Result<Vec<Row>> {
    // The first start creates the cluster; it is not measured.
    Server::start("start-empty").await?.stop().await?;
    let server = Server::start("start-long").await?;
    let people: Vec<_> = (0..PEOPLE).map(postgres::person).collect();
    let database = postgres::session(&server.database().await?).await?;
    postgres::write_tasks(&database, &people, EVENTS_OF_EACH).await?;
    server.stop().await?;
    let (runs, limits) = in_turn(|_| start("start-long"), |_| start("start-empty")).await?;
    let time = Row::alone("start on a log of 1,000,000 events", "ms", runs, Goal::RatioAtMost(1.5));
    let (runs, limits_of_memory) =
        in_turn(|_| memory("start-long"), |_| memory("start-empty")).await?;
    let memory = Row::alone("memory after that start", "MB", runs, Goal::RatioAtMost(1.1));
    Ok(vec![
        time.beside("on an empty log", limits).held_by("starting PostgreSQL"),
        memory.beside("on an empty log", limits_of_memory).held_by("nothing of it is the log's"),
    ])
}

async fn start(name: &str) -> anyhow::Result<Figure> {
    let server = Server::start(name).await?;
    let started_in = server.started_in.as_secs_f64() * 1e3;
    server.stop().await?;
    Ok(Figure::of(started_in))
}

async fn memory(name: &str) -> anyhow::Result<Figure> {
    let server = Server::start(name).await?;
    let resident = resident_megabytes(server.process()).context("no figure")?;
    server.stop().await?;
    Ok(Figure::of(resident))
}
