//! A frozen node: what it has in memory grows old without its knowing, and requests wait for it in its sockets.
//!
//! While it is frozen, others change a list it has in memory and sign out of a session it knows to live. It is asked for
//! both while it is frozen, by clients patient enough to hear what it says first when it goes on, and at once after.

use std::time::{Duration, Instant};

use anyhow::Context;
use futures_util::future::join_all;
use reqwest::Method;

use crate::checker::history::Outcome;
use crate::clients::person::{Login, Person};
use crate::clients::world::{Door, World};
use crate::cluster::Cluster;
use crate::probe::{BOUND, Probe, Recovery};

/// How often the node is asked at once, while it is frozen and again when it goes on.
const ASKED: usize = 4;
/// What may go wrong at the nodes that are well, nothing does for long.
const ATTEMPTS: usize = 20;

/// Freezes a node for a while.
///
/// # Errors
///
/// When it cannot be done, or service does not come back.
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
    // Sent while the node is frozen, answered when it goes on.
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

/// Writes to the list and ends one of the sessions at a node that is well.
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
