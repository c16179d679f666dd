//! The entity of these tests, and a node that holds such entities.

use std::time::Duration;

use keyfold::base::clock::Clock;
use keyfold::capacity::memory::{Budgets, MemoryPlan};
use keyfold::eventlog::entity::supervisor::Lifespan;
use keyfold::eventlog::log::append::appender;
use keyfold::eventlog::{
    CommandRequest, Context, Decider, Entities, EventLog, ExecuteError, Projections, Resources,
    Statement, StreamName,
};
use keyfold::postgres::{Connection, Link, Pool, migrate};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;

use crate::support::app::{START, resources};
use crate::support::postgres;
use crate::support::process::until;

/// A number that is added to, whose regular snapshots may stay for ever.
pub(super) enum Counter<const KEEPS_HISTORY: bool> {}

#[derive(Debug, Clone)]
pub(super) enum Command {
    Add(i64),
    /// Rejection: the command adds nothing.
    AddNothing,
    /// A panic in a decider.
    Panic,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Added {
    pub(super) amount: i64,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum CounterEvent {
    Added(Added),
}

keyfold::event_kinds!(CounterEvent { "Added" @ 1 => Added });

#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("nothing to add")]
pub(super) struct Nothing;

impl<const KEEPS_HISTORY: bool> Decider for Counter<KEEPS_HISTORY> {
    const CATEGORY: &'static str = "counter";
    const SNAPSHOT_SCHEMA: i16 = 1;
    const KEEPS_HISTORY: bool = KEEPS_HISTORY;
    type Command = Command;
    type Event = CounterEvent;
    type State = i64;
    type Rejection = Nothing;

    fn decide(_state: &i64, command: Command) -> Result<Vec<CounterEvent>, Nothing> {
        match command {
            Command::Add(0) => Err(Nothing),
            Command::Add(amount) => Ok(vec![CounterEvent::Added(Added { amount })]),
            Command::AddNothing => Ok(Vec::new()),
            Command::Panic => panic!("a mistake on purpose"),
        }
    }

    fn evolve(state: i64, event: &CounterEvent) -> i64 {
        match event {
            CounterEvent::Added(Added { amount }) => state + amount,
        }
    }
}

struct Parent;

impl Actor for Parent {
    type Msg = ();
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<()>, (): ()) -> Result<(), ActorProcessingErr> {
        Ok(())
    }
}

/// A node that holds counters, and its log.
pub(super) struct Node<const KEEPS_HISTORY: bool = false> {
    pub(super) connection: Connection,
    pub(super) counters: Entities<Counter<KEEPS_HISTORY>>,
    pub(super) log: EventLog,
}

pub(super) const LONG: Duration = Duration::from_hours(1);

impl<const KEEPS_HISTORY: bool> Node<KEEPS_HISTORY> {
    /// The only node.
    pub(super) async fn start(max_alive: usize, idle_after: Duration, snapshot_every: u64) -> Self {
        let connection = postgres::new_schema().await;
        migrate(&connection).await.unwrap();
        Self::on(connection, Lifespan { max_alive, idle_after, snapshot_every }, resources()).await
    }

    /// The only node, which has so much memory.
    pub(super) async fn within(plan: MemoryPlan) -> Self {
        let connection = postgres::new_schema().await;
        migrate(&connection).await.unwrap();
        let lifespan = Lifespan { max_alive: 1_000, idle_after: LONG, snapshot_every: 1_000 };
        Self::on(connection, lifespan, Resources::new(&Budgets::new(plan)).unwrap()).await
    }

    /// Another node on the same database, with nothing in memory, that takes no regular snapshots.
    pub(super) async fn another(&self) -> Self {
        let lifespan = Lifespan { max_alive: 10, idle_after: LONG, snapshot_every: 1_000 };
        Self::on(self.connection.clone(), lifespan, resources()).await
    }

    async fn on(connection: Connection, lifespan: Lifespan, resources: Resources) -> Self {
        let pool = Pool::new(&connection, "readers", 4).unwrap();
        let (appender, writer) =
            appender::channel(postgres::appender(pool.clone(), Projections::default()));
        tokio::spawn(writer.run());
        let log = EventLog::new(pool, appender, Clock::manual(START), resources);
        let (parent, _) = Actor::spawn(None, Parent, ()).await.unwrap();
        let counters = Entities::start(log.clone(), lifespan, &parent.get_cell()).await.unwrap();
        Self { connection, counters, log }
    }

    pub(super) async fn add(&self, name: &str, amount: i64) -> Result<i64, String> {
        self.execute(name, Command::Add(amount)).await
    }

    pub(super) async fn execute(&self, name: &str, command: Command) -> Result<i64, String> {
        let outcome = self
            .counters
            .execute(&stream(name), CommandRequest::new(command, Context::default()))
            .await;
        outcome
            .map(|outcome| outcome.published.state)
            .map_err(|error: ExecuteError<Nothing>| error.to_string())
    }

    pub(super) async fn value(&self, name: &str) -> i64 {
        self.counters.read(&stream(name)).await.unwrap().state
    }

    /// Has an append of an entity wait, that adds 1, and `count` - 1 commands that do so too behind it.
    pub(super) async fn blocked(&self, name: &str, context: Context, count: usize) -> Blocked {
        let link = self.connection.connect().await.unwrap();
        link.client.execute("select pg_advisory_lock(7)", &[]).await.unwrap();
        let adds = (0..count).map(|_| {
            let (counters, stream, context) =
                (self.counters.clone(), stream(name), context.clone());
            let wait = Statement::new("select pg_advisory_xact_lock(7)", Vec::new());
            tokio::spawn(async move {
                let add = counters.execute(
                    &stream,
                    CommandRequest::new(Command::Add(1), context).also_write(vec![wait]),
                );
                add.await.map(drop).map_err(|error| error.to_string())
            })
        });
        let adds = adds.collect();
        let waits = "select count(*)::text from pg_locks where locktype = 'advisory' and objid = 7 and not granted";
        until("an append waits", async || self.texts(waits).await != ["0"]).await;
        Blocked { link, adds }
    }

    /// Waits until no entity is in memory.
    pub(super) async fn emptied(&self) {
        until("the entities are passivated", async || self.counters.alive() == 0).await;
    }

    /// Runs statements.
    pub(super) async fn sql(&self, statements: &str) {
        let link = self.connection.connect().await.unwrap();
        link.client.batch_execute(statements).await.unwrap();
    }

    /// The values of a column of text.
    pub(super) async fn texts(&self, select: &str) -> Vec<String> {
        let link = self.connection.connect().await.unwrap();
        link.client.query(select, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
    }
}

/// Commands that wait, because the append of one of them does.
pub(super) struct Blocked {
    link: Link,
    adds: Vec<JoinHandle<Result<(), String>>>,
}

impl Blocked {
    /// Lets them go on, and waits until they are carried out.
    pub(super) async fn release(self) {
        self.link.client.execute("select pg_advisory_unlock(7)", &[]).await.unwrap();
        for add in self.adds {
            assert_eq!(add.await.unwrap(), Ok(()));
        }
    }
}

pub(super) fn stream(name: &str) -> StreamName {
    StreamName::stored(&format!("counter-{name}"))
}
