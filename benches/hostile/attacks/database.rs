//! Events at the database during service: an operator's command, a forgotten transaction, a frozen process. None of them is
//! hostile by itself, and no request may suffer.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use tokio::process::Command;
use tokio_postgres::Client;

use super::requests::{patch, post};
use crate::attack::Attack;
use crate::processes::{Signal, signal};
use crate::stage::{Play, Stage, crowd, hold};

const KIND: &str = "the database";

/// Finds the sessions that write the log, by their last statement.
const WRITERS: &str = "\
select pid from pg_stat_activity
where backend_type = 'client backend' and pid <> pg_backend_pid() and query ilike '%into events%'";

/// Attacks of this kind.
pub const ATTACKS: &[Attack] = &[
    Attack::new(
        "replay",
        KIND,
        "`keyfold replay` runs again and again in a database with 150,000 sessions",
        |stage| Box::pin(replay(stage)),
    )
    .lasting(8.0),
    Attack::new(
        "open-snapshot",
        KIND,
        "a repeatable-read transaction stays open while 32 more connections write",
        |stage| Box::pin(open_snapshot(stage)),
    )
    .lasting(8.0),
    Attack::new(
        "frozen-writer",
        KIND,
        "the session that writes the log is frozen for a second, every other second",
        |stage| Box::pin(frozen_writer(stage)),
    )
    .stopping_service(),
    Attack::variation(
        "cancelled-statements",
        KIND,
        "the statement that writes the log is cancelled ten times a second",
        |stage| Box::pin(upon_writers(stage, "pg_cancel_backend")),
    ),
    Attack::variation(
        "ended-sessions",
        KIND,
        "the session that writes the log is ended ten times a second",
        |stage| Box::pin(upon_writers(stage, "pg_terminate_backend")),
    ),
];

async fn replay(stage: Stage) -> anyhow::Result<Play> {
    crate::crowding::write_sessions(&stage.database().await?, 150_000).await?;
    Ok(crowd(1, move |_| {
        let stage = stage.clone();
        async move {
            stage.hear("begun");
            let done = Command::new(&stage.target.program)
                .arg("replay")
                .env_clear()
                .env("PATH", std::env::var_os("PATH").unwrap_or_default())
                .env("KEYFOLD_DATA", &stage.target.data)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .kill_on_drop(true)
                .status()
                .await;
            stage.hear(&done.map_or_else(|error| error.to_string(), |status| status.to_string()));
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }))
}

async fn open_snapshot(stage: Stage) -> anyhow::Result<Play> {
    let database = Arc::new(stage.database().await?);
    let person = Arc::new(stage.person().await?);
    let task = Arc::new(person.create_task(&stage.target.url).await?);
    Ok(crowd(33, move |number| {
        let (stage, database) = (stage.clone(), Arc::clone(&database));
        let (person, task) = (Arc::clone(&person), Arc::clone(&task));
        async move {
            if number == 32 {
                stay_open(&stage, &database).await;
            } else {
                let body = serde_json::json!({"title": crate::fresh_name()});
                stage.send(patch(&stage, &person, &task, &body)).await;
            }
        }
    }))
}

async fn stay_open(stage: &Stage, database: &Client) {
    // First rolls back a transaction that the last play left open.
    let open = "rollback; begin isolation level repeatable read; select 1 from events limit 1";
    match database.batch_execute(open).await {
        Ok(()) => stage.hear("opened"),
        Err(error) => stage.hear(&error.to_string()),
    }
    hold().await;
}

async fn frozen_writer(stage: Stage) -> anyhow::Result<Play> {
    let database = Arc::new(stage.database().await?);
    Ok(crowd(1, move |_| {
        let (stage, database) = (stage.clone(), Arc::clone(&database));
        async move {
            let rows = database.query(WRITERS, &[]).await.unwrap_or_default();
            let frozen: Vec<u32> =
                rows.iter().filter_map(|row| u32::try_from(row.get::<_, i32>(0)).ok()).collect();
            let thaw = Thaw(&frozen);
            for pid in &frozen {
                let stopped = signal(*pid, Signal::STOP);
                stage.hear(if stopped.is_ok() { "frozen" } else { "not frozen" });
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
            drop(thaw);
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }))
}

/// Resumes frozen processes on drop.
struct Thaw<'a>(&'a [u32]);

impl Drop for Thaw<'_> {
    fn drop(&mut self) {
        for pid in self.0 {
            let _ = signal(*pid, Signal::CONT);
        }
    }
}

async fn upon_writers(stage: Stage, function: &'static str) -> anyhow::Result<Play> {
    let database = Arc::new(stage.database().await?);
    let person = Arc::new(stage.person().await?);
    let statement = format!("select {function}(pid) from ({WRITERS}) writers");
    Ok(crowd(2, move |number| {
        let (stage, database) = (stage.clone(), Arc::clone(&database));
        let (person, statement) = (Arc::clone(&person), statement.clone());
        async move {
            if number == 0 {
                let rows = database.query(&statement, &[]).await.map_or(0, |rows| rows.len());
                stage.hear(if rows > 0 { function } else { "nobody wrote" });
                tokio::time::sleep(Duration::from_millis(100)).await;
            } else {
                let task = r#"{"title":"Milk"}"#;
                stage.send(post(&stage, &person, "", task.into())).await;
            }
        }
    }))
}
