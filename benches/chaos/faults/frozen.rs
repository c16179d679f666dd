//! A frozen node: its memory becomes stale without its noticing, and requests queue up in its sockets.
//!
//! Meanwhile other nodes change a list that it has in memory and end a session that it knows to be valid. Both are requested
//! from the frozen node by clients whose timeout is longer than the freeze, and again right after it resumes.

use std::time::{Duration, Instant};

use anyhow::Context;
use futures_util::future::join_all;
use reqwest::Method;

use crate::checker::history::Outcome;
use crate::clients::person::{Login, Person};
use crate::clients::world::{Door, World};
use crate::cluster::Cluster;
use crate::probe::{BOUND, Probe, Recovery};

/// Concurrent requests to the node, both during the freeze and right after it.
const ASKED: usize = 4;
/// Attempts at the healthy nodes, where a failure does not last.
const ATTEMPTS: usize = 20;

/// Freezes a node for a while.
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
    let frozen = cluster.nodes.get(number).context("there is no such node")?;
    let (door, other) = (Door::Node(number), Door::Node((number + 1) % cluster.nodes.len()));
    let (person, live) = (&probe.person, &probe.login);
    person.keep_fresh(world, other, live).await;
    let ended = person.sign_in(world, other).await.context("nobody can sign in")?;
    ask(world, person, door, [live, &ended], BOUND).await;
    frozen.freeze()?;
    let thaw = Instant::now() + length;
    change_meanwhile(world, person, other, live, &ended).await?;
    // Requests sent during the freeze and answered after it.
    let patient = ask(world, person, door, [live, &ended], length + BOUND);
    let thawed = async {
        tokio::time::sleep_until(thaw.into()).await;
        let since = Instant::now();
        frozen.thaw()?;
        ask(world, person, door, [live, &ended], BOUND).await;
        anyhow::Ok(since)
    };
    let ((), since) = tokio::join!(patient, thawed);
    probe.recovery(world, since?).await
}

/// Writes to the list and ends one of the sessions through a healthy node.
async fn change_meanwhile(
    world: &World,
    person: &Person,
    other: Door,
    live: &Login,
    ended: &Login,
) -> anyhow::Result<()> {
    for _ in 0..ATTEMPTS {
        let Some(task) = person.create(world, other, live).await else { continue };
        person.change(world, other, live, task, Method::PATCH).await;
        person.delete(world, other, live, task).await;
        person.create(world, other, live).await;
        if person.sign_out(world, other, ended).await.outcome() == Outcome::Done {
            return Ok(());
        }
    }
    anyhow::bail!("the nodes that are well do not serve")
}

async fn ask(world: &World, person: &Person, door: Door, logins: [&Login; 2], patience: Duration) {
    join_all((0..ASKED).flat_map(|_| logins).map(|login| async move {
        person.list(world, door, login, patience).await;
        person.session(world, door, login, patience).await;
    }))
    .await;
}
