//! The kernel in a program of its own: a log, its appender and a root for entities, on one connection.
//!
//! `examples/counter.rs` shows all of it. A server starts these parts one by one, with a place among other nodes, pools
//! for each kind of work, and budgets from its configuration.

use std::sync::Arc;

use anyhow::Context as _;
use ractor::{Actor, ActorProcessingErr, ActorRef};

use super::entity::handle::Entities;
use super::entity::supervisor::Lifespan;
use super::log::append::appender::{self, BATCH_TIMEOUT, Setup};
use super::log::reader::EventLog;
use super::model::decider::Decider;
use super::model::projection::Projections;
use super::model::term::Term;
use super::node_status::Writable;
use super::resources::Resources;
use crate::base::clock::Clock;
use crate::base::id::Id;
use crate::capacity::memory::{Budgets, MemoryPlan, available};
use crate::postgres::{Connection, Pool, migrate};

/// Database sessions of the pool for reading, and of that for writing.
const CONNECTIONS: usize = 4;

/// A log on a database, and the root of the entities on it.
#[derive(Debug)]
pub struct Kernel {
    /// Log to which the entities append.
    pub log: EventLog,
    /// Parent of every supervisor, under which the entities of all kinds live.
    root: ActorRef<()>,
}

impl Kernel {
    /// Brings the schema up to date and starts the appender. The log must have no other writers that do not expect versions.
    ///
    /// # Errors
    ///
    /// If the database cannot be reached or its schema is another program's.
    pub async fn start(connection: &Connection, projections: Projections) -> anyhow::Result<Self> {
        migrate(connection).await?;
        let clock = Clock::system();
        let budgets = Budgets::new(MemoryPlan::of(available(), 0));
        let (appender, writer) = appender::channel(Setup {
            pool: Pool::new(connection, "writers", CONNECTIONS)?,
            projections: Arc::new(projections),
            node: Id::<()>::generate(&clock).uuid(),
            budget: budgets.appends.clone(),
            timeout: BATCH_TIMEOUT,
            term: Term::default(),
            writable: Writable::default(),
        });
        #[expect(
            clippy::disallowed_methods,
            reason = "one; it ends with the last handle of the log"
        )]
        tokio::spawn(writer.run());
        let readers = Pool::new(connection, "readers", CONNECTIONS)?;
        let log = EventLog::new(readers, appender, clock, Resources::new(&budgets)?);
        let (root, _ends_with_the_actor) = Actor::spawn(None, EmbeddedRoot, ()).await?;
        Ok(Self { log, root })
    }

    /// Starts the supervisor of a kind of entity.
    ///
    /// # Errors
    ///
    /// If the kernel is stopping.
    pub async fn entities<D: Decider>(&self, lifespan: Lifespan) -> anyhow::Result<Entities<D>> {
        let entities = Entities::start(self.log.clone(), lifespan, &self.root.get_cell()).await;
        entities.context("the kernel is stopping")
    }
}

/// Actor type of the root, which only supervises.
struct EmbeddedRoot;

impl Actor for EmbeddedRoot {
    type Msg = ();
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<()>, (): ()) -> Result<(), ActorProcessingErr> {
        Ok(())
    }
}
