//! When is service back? Through every door somebody writes and reads until both succeed.

use std::time::{Duration, Instant};

use anyhow::Context;
use futures_util::future::try_join_all;
use reqwest::Method;
use uuid::Uuid;

use crate::checker::history::Outcome;
use crate::clients::person::{Login, Person};
use crate::clients::world::{Door, World};

/// Longest time that service may take to come back.
pub const BOUND: Duration = Duration::from_secs(30);

const PAUSE: Duration = Duration::from_millis(20);
/// An attempt that takes longer is given up for the next one.
const ATTEMPT: Duration = Duration::from_secs(1);

/// Somebody with a task for every door.
#[derive(Debug)]
pub struct Probe {
    /// Who.
    pub person: Person,
    /// Their session.
    pub login: Login,
    tasks: Vec<(Door, Uuid)>,
}

/// How long service took to come back.
#[derive(Debug, Clone, Copy)]
pub struct Recovery {
    /// Through nginx, to the nodes in turn.
    pub nginx: Duration,
    /// Through every node.
    pub nodes: Duration,
}

impl Probe {
    /// Signs them up and makes their tasks.
    ///
    /// # Errors
    ///
    /// When that fails: nothing is wrong yet with the cluster.
    pub async fn new(world: &World, number: usize) -> anyhow::Result<Self> {
        let person = Person::sign_up(world, number).await?;
        let login =
            person.sign_in(world, Door::InTurn).await.context("the probe cannot sign in")?;
        let mut tasks = Vec::new();
        for door in world.doors() {
            let task = person.create(world, door, &login).await;
            tasks.push((door, task.context("the probe cannot make a task")?));
        }
        Ok(Self { person, login, tasks })
    }

    /// Waits until service is back through every door, and tells how long that took from `since`.
    ///
    /// # Errors
    ///
    /// When it does not come back within [`BOUND`].
    pub async fn recovery(&self, world: &World, since: Instant) -> anyhow::Result<Recovery> {
        self.person.keep_fresh(world, Door::InTurn, &self.login).await;
        let doors = self.tasks.iter().map(|(door, task)| async move {
            let back = tokio::time::timeout(BOUND, self.until_back(world, *door, *task)).await;
            back.with_context(|| format!("no service through {door:?} within {BOUND:?}"))?;
            anyhow::Ok((*door, since.elapsed()))
        });
        let mut recovery = Recovery { nginx: Duration::ZERO, nodes: Duration::ZERO };
        for (door, took) in try_join_all(doors).await? {
            match door {
                Door::InTurn => recovery.nginx = took,
                Door::ByUser => {}
                Door::Node(_) => recovery.nodes = recovery.nodes.max(took),
            }
        }
        Ok(recovery)
    }

    async fn until_back(&self, world: &World, door: Door, task: Uuid) {
        loop {
            let written = async {
                let reply = self.person.change(world, door, &self.login, task, Method::PATCH).await;
                reply.outcome() == Outcome::Done
                    && self.person.read(world, door, &self.login, task).await.status() == Some(200)
            };
            if tokio::time::timeout(ATTEMPT, written).await.unwrap_or(false) {
                return;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}
