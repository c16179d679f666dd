//! Memory of a server at rest, and of one that holds the lists of many users.
//!
//! This program holds the lists with the server's own application inside it. Lists are read behind the API, because a
//! hundred thousand sign-ins would take most of an hour of hashing.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, ensure};
use keyfold::app::{App, Seams};
use keyfold::config::{Config, DatabaseLocation};
use tokio::process::Command;

use crate::figures::{Figure, Goal, RUNS, Row};
use crate::postgres;
use crate::processor::resident_megabytes;
use crate::server::Server;

/// Users whose lists are held.
const CROWD: usize = 100_000;
/// Tasks in each list.
const TASKS: i64 = 20;
/// Lists that are hydrated concurrently.
const AT_ONCE: usize = 64;

pub async fn measure() -> anyhow::Result<Vec<Row>> {
    let mut idle = Vec::new();
    for _ in 0..RUNS {
        let server = Server::start("memory").await?;
        idle.push(Figure::of(resident_megabytes(server.process()).context("no figure")?));
        server.stop().await?;
    }
    let server = Server::start("memory").await?;
    let people: Vec<_> = (0..CROWD).map(postgres::person).collect();
    let database = postgres::session(&server.database().await?).await?;
    postgres::write_tasks(&database, &people, TASKS).await?;
    server.stop().await?;
    let mut crowd = Vec::new();
    for _ in 0..RUNS {
        crowd.push(crowd_in_memory().await?);
    }
    let each = "resident memory; none of it in use but what the lists are made of: what is only read has no actor";
    Ok(vec![
        Row::alone("a server at rest after its start", "MB", idle, Goal::AtMost(40.0))
            .held_by("the program itself and its pages of code"),
        Row::alone(
            "100,000 users' lists in memory, 20 tasks each",
            "MB",
            crowd,
            Goal::AtMost(1_200.0),
        )
        .held_by(each),
    ])
}

async fn crowd_in_memory() -> anyhow::Result<Figure> {
    let output = Command::new(std::env::current_exe()?)
        .arg(crate::CROWD)
        .arg(crate::scratch()?.join("memory"))
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .output()
        .await?;
    ensure!(output.status.success(), "the crowd was not held: {}", output.status);
    Ok(Figure::of(String::from_utf8(output.stdout)?.trim().parse()?))
}

/// Hydrates the lists of all users and prints the resident memory in megabytes.
///
/// # Errors
///
/// If a list cannot be read.
pub async fn hold_crowd(data: &Path) -> anyhow::Result<()> {
    let mut config = Config::default();
    config.telemetry.metrics = keyfold::telemetry::settings::MetricsPlace::Off;
    config.http.listen = ([127, 0, 0, 1], 0).into();
    // Above the need of these lists on any machine, so that none is evicted.
    config.memory.limit = 8_000_000_000;
    config.database.location =
        DatabaseLocation::Private { data: data.to_owned(), binaries: None, run_as: None };
    let running = App::start(config, Seams::default()).await?;
    let tasks = &running.features().tasks;
    let people: Vec<_> = (0..CROWD).map(postgres::person).collect();
    for people in people.chunks(AT_ONCE) {
        let lists = people
            .iter()
            .map(async |person| tasks.of(person.parse()?).await.map_err(anyhow::Error::from));
        for list in futures_util::future::try_join_all(lists).await? {
            ensure!(list.version == TASKS, "a list has {} events", list.version);
        }
    }
    ensure!(tasks.alive() == CROWD, "{} lists are in memory", tasks.alive());
    let resident = resident_megabytes(std::process::id()).context("no figure")?;
    crate::print(&format!("{resident}\n"))?;
    running.stop().await;
    Ok(())
}
