//! Operators' tasks on a cluster in service: a dump that keeps a snapshot open, and a replay.

use std::time::{Duration, Instant};

use anyhow::Context;

use crate::clients::world::World;
use crate::cluster::Cluster;
use crate::cluster::postgres::Role;
use crate::probe::{Probe, Recovery};

/// First statements of a dump, in a session without an idle timeout.
const SNAPSHOT: &str = "set idle_in_transaction_session_timeout = 0; \
                        begin isolation level repeatable read; select 1 from events limit 1";

/// Keeps a database snapshot open while clients write.
///
/// # Errors
///
/// If the snapshot cannot be opened, or writes fail meanwhile.
pub async fn keep_snapshot(
    cluster: &Cluster,
    world: &World,
    probe: &Probe,
    length: Duration,
) -> anyhow::Result<Recovery> {
    let link = cluster.postgres.session(Role::Primary).await?;
    link.client.batch_execute(SNAPSHOT).await?;
    tokio::time::sleep(length).await;
    let recovery = probe.recovery(world, Instant::now()).await;
    link.client.batch_execute("rollback").await?;
    recovery
}

/// Rebuilds the read models from the log while clients write.
///
/// # Errors
///
/// If the command fails, or writes fail meanwhile.
pub async fn replay(
    cluster: &Cluster,
    world: &World,
    probe: &Probe,
    number: usize,
) -> anyhow::Result<Recovery> {
    let node = cluster.nodes.get(number).context("there is no such node")?;
    let since = Instant::now();
    let (replayed, recovery) = tokio::join!(node.command("replay"), probe.recovery(world, since));
    replayed?;
    recovery
}
