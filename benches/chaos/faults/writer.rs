//! Faults of the session in which a node writes the log: frozen between two batches, or its statement cancelled.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use futures_util::future::join_all;
use reqwest::Method;
use tokio_postgres::Client;

use crate::clients::world::{Door, World};
use crate::cluster::Cluster;
use crate::cluster::postgres::Role;
use crate::probe::{Probe, Recovery};

/// Finds the sessions of a node that write the log, by their last statement.
const SELECT_WRITERS: &str = "\
select pid from pg_stat_activity
where application_name = $1 and backend_type = 'client backend' and query ilike '%into events%'";
const SELECT_IDLE: &str = "select state = 'idle' from pg_stat_activity where pid = $1";
const CANCEL: &str = "\
select count(pg_cancel_backend(pid)) from pg_stat_activity
where backend_type = 'client backend' and application_name like 'node-%' and state = 'active' and query ilike '%into events%'";

/// Attempts to freeze a session between two batches; a session caught inside a batch is resumed.
const ATTEMPTS: usize = 2_000;
/// Concurrent clients of one list on the node whose statements are cancelled.
const WRITERS: usize = 4;
/// Number of cancelled statements.
const CANCELLED: i64 = 20;

/// Freezes the session in which a node writes, between two batches so that no other session waits for it. Statements sent to
/// it meanwhile are of unknown outcome for the client, and are executed after it resumes.
///
/// # Errors
///
/// If the fault cannot be injected, or service does not recover.
pub async fn freeze(
    cluster: &Cluster,
    world: &World,
    probe: &Probe,
    number: usize,
    length: Duration,
) -> anyhow::Result<Recovery> {
    let name = &cluster.nodes.get(number).context("there is no such node")?.name;
    let link = cluster.postgres.session(Role::Primary).await?;
    let writer = stop_between_batches(cluster, &link.client, name).await?;
    let thaw = Instant::now() + length;
    // The batch of this request is sent to a session that does not answer.
    probe.person.create(world, Door::Node(number), &probe.login).await;
    tokio::time::sleep_until(thaw.into()).await;
    let since = Instant::now();
    cluster.postgres.thaw_session(writer)?;
    probe.recovery(world, since).await
}

async fn stop_between_batches(
    cluster: &Cluster,
    client: &Client,
    name: &str,
) -> anyhow::Result<u32> {
    for _ in 0..ATTEMPTS {
        let rows = client.query(SELECT_WRITERS, &[&name]).await?;
        let Some(pid) = rows.first().map(|row| row.get::<_, i32>(0)) else { continue };
        let process = u32::try_from(pid)?;
        cluster.postgres.freeze_session(process)?;
        let state = client.query_opt(SELECT_IDLE, &[&pid]).await?;
        if state.is_some_and(|row| row.get(0)) {
            return Ok(process);
        }
        cluster.postgres.thaw_session(process)?;
    }
    anyhow::bail!("the session of {name} that writes is never idle")
}

/// Cancels the statements that write the log repeatedly, while several clients write.
///
/// # Errors
///
/// If the fault cannot be injected, or service does not recover.
pub async fn cancel(
    cluster: &Cluster,
    world: &World,
    probe: &Probe,
    number: usize,
) -> anyhow::Result<Recovery> {
    let link = cluster.postgres.session(Role::Primary).await?;
    let since = Instant::now();
    let writing = join_all((0..WRITERS).map(|_| write(world, probe, Door::Node(number), since)));
    let cancelling = async {
        let mut cancelled = 0_i64;
        for _ in 0..ATTEMPTS {
            cancelled += link.client.query_one(CANCEL, &[]).await?.get::<_, i64>(0);
            if cancelled >= CANCELLED {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        ensure!(cancelled > 0, "no statement was cancelled");
        anyhow::Ok(())
    };
    tokio::select! {
        done = cancelling => done?,
        _ = writing => {}
    }
    probe.recovery(world, since).await
}

/// Creates and deletes tasks for as long as statements are cancelled.
async fn write(world: &World, probe: &Probe, door: Door, since: Instant) {
    while since.elapsed() < Duration::from_secs(30) {
        if let Some(task) = probe.person.create(world, door, &probe.login).await {
            probe.person.delete(world, door, &probe.login, task).await;
        }
    }
}

/// Writes to one list through every node at once, so that batches conflict, while other clients write through the nodes too.
///
/// # Errors
///
/// If service does not recover.
pub async fn conflict(
    cluster: &Cluster,
    world: &World,
    probe: &Probe,
    length: Duration,
) -> anyhow::Result<Recovery> {
    let task = probe.person.create(world, Door::InTurn, &probe.login).await;
    let task = task.context("the probe cannot make a task")?;
    let since = Instant::now();
    let writers = (0..WRITERS * cluster.nodes.len()).map(|number| async move {
        let door = Door::Node(number % cluster.nodes.len());
        while since.elapsed() < length {
            probe.person.change(world, door, &probe.login, task, Method::PATCH).await;
        }
    });
    join_all(writers).await;
    let since = Instant::now();
    let recovery = probe.recovery(world, since).await?;
    probe.person.delete(world, Door::InTurn, &probe.login, task).await;
    Ok(recovery)
}
