//! Probe for recovery: through every route a client writes and reads until both succeed.

use std::time::{Duration, Instant};

use anyhow::Context;
use futures_util::future::try_join_all;
use reqwest::Method;
use uuid::Uuid;

use crate::checker::history::Outcome;
use crate::clients::person::{Login, Person};
use crate::clients::world::{Door, World};

/// Longest acceptable recovery time.
pub const BOUND: Duration = Duration::from_secs(30);

const PAUSE: Duration = Duration::from_millis(20);
/// Timeout of one attempt, after which the next one starts.
const ATTEMPT: Duration = Duration::from_secs(1);

/// A user with one task for every route.
#[derive(Debug)]
pub struct Probe {
    /// Account of the probe.
    pub person: Person,
    /// Session of the probe.
    pub login: Login,
    tasks: Vec<(Door, Uuid)>,
}

/// Recovery times of a fault.
#[derive(Debug, Clone, Copy)]
pub struct Recovery {
    /// Through nginx, to the nodes in turn.
    pub nginx: Duration,
    /// Through every node directly, the slowest one.
    pub nodes: Duration,
}

impl Probe {
    /// Signs up the user and creates a task for each route.
    ///
    /// # Errors
    ///
    /// If a request fails: no fault has been injected yet.
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

    /// Waits until service has recovered on every route, and returns the times since `since`.
    ///
    /// # Errors
    ///
    /// If service does not recover within [`BOUND`].
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
