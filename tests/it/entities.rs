//! Entities: they die alone, leave memory when idle, and never exceed their number.

use std::sync::Arc;
use std::time::Duration;

use keyfold::clock::Clock;
use keyfold::database::{Connection, Pool, migrate};
use keyfold::eventlog::supervisor::Lifespan;
use keyfold::eventlog::{
    Context, Decider, Entities, EventLog, ExecuteError, Projections, StreamName, appender,
};
use keyfold::id::Id;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use serde::{Deserialize, Serialize};

use crate::app::START;
use crate::postgres;
use crate::process::until;

/// A number that is added to.
enum Counter {}

#[derive(Debug, Clone)]
enum Command {
    Add(i64),
    /// A mistake in a decider.
    Panic,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Added {
    amount: i64,
}

#[derive(Debug, Clone, PartialEq)]
enum CounterEvent {
    Added(Added),
}

keyfold::event_kinds!(CounterEvent { "Added" @ 1 => Added });

#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("nothing to add")]
struct Nothing;

impl Decider for Counter {
    const CATEGORY: &'static str = "counter";
    const SNAPSHOT_SCHEMA: i16 = 1;
    type Command = Command;
    type Event = CounterEvent;
    type State = i64;
    type Rejection = Nothing;

    fn decide(_state: &i64, command: Command) -> Result<Vec<CounterEvent>, Nothing> {
        match command {
            Command::Add(0) => Err(Nothing),
            Command::Add(amount) => Ok(vec![CounterEvent::Added(Added { amount })]),
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

struct Node {
    connection: Connection,
    counters: Entities<Counter>,
}

const LONG: Duration = Duration::from_hours(1);

impl Node {
    async fn start(max_alive: usize, idle_after: Duration, snapshot_every: u64) -> Self {
        let connection = postgres::new_schema().await;
        migrate(&connection).await.unwrap();
        let counters =
            counters(&connection, Lifespan { max_alive, idle_after, snapshot_every }).await;
        Self { connection, counters }
    }

    async fn add(&self, name: &str, amount: i64) -> Result<i64, String> {
        self.execute(name, Command::Add(amount)).await
    }

    async fn execute(&self, name: &str, command: Command) -> Result<i64, String> {
        let outcome =
            self.counters.execute(&stream(name), command, Context::default(), Vec::new()).await;
        outcome
            .map(|outcome| outcome.published.state)
            .map_err(|error: ExecuteError<Nothing>| error.to_string())
    }

    async fn value(&self, name: &str) -> i64 {
        self.counters.read(&stream(name)).await.unwrap().state
    }
}

async fn counters(connection: &Connection, lifespan: Lifespan) -> Entities<Counter> {
    let pool = Pool::new(connection, 4).unwrap();
    let node = Id::<()>::generate(&Clock::system()).uuid();
    let (appender, writer) =
        appender::channel(pool.clone(), Arc::new(Projections::default()), node);
    tokio::spawn(writer.run());
    let log = EventLog::new(pool, appender, Clock::manual(START));
    let (parent, _) = Actor::spawn(None, Parent, ()).await.unwrap();
    Entities::start(log, lifespan, &parent.get_cell()).await.unwrap()
}

fn stream(name: &str) -> StreamName {
    StreamName::stored(&format!("counter-{name}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entity_that_panics_takes_nobody_with_it_and_the_next_command_works() {
    let node = Node::start(100, LONG, 1_000).await;
    node.add("a", 1).await.unwrap();
    node.add("b", 10).await.unwrap();
    assert_eq!(
        node.execute("a", Command::Panic).await,
        Err("the entity gave no answer".to_owned())
    );
    assert_eq!(node.add("a", 1).await, Ok(2));
    assert_eq!(node.add("b", 10).await, Ok(20));
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_that_wait_behind_a_panic_are_answered() {
    let node = Node::start(100, LONG, 1_000).await;
    let commands = (0..50).map(|number| {
        let command = if number % 10 == 5 { Command::Panic } else { Command::Add(1) };
        node.execute("a", command)
    });
    let outcomes = futures_util::future::join_all(commands).await;
    let done = i64::try_from(outcomes.iter().filter(|outcome| outcome.is_ok()).count()).unwrap();
    assert_eq!(node.value("a").await, done, "what was answered as done is done, and nothing else");
    assert_eq!(node.add("a", 1).await, Ok(done + 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_command_is_an_answer_and_changes_nothing() {
    let node = Node::start(100, LONG, 1_000).await;
    assert_eq!(node.add("a", 0).await, Err("nothing to add".to_owned()));
    assert_eq!((node.add("a", 5).await, node.value("a").await), (Ok(5), 5));
}

#[tokio::test(flavor = "multi_thread")]
async fn at_most_the_configured_number_of_entities_is_alive() {
    let node = Node::start(3, LONG, 1_000).await;
    for round in 1..=3 {
        for number in 0..20 {
            assert_eq!(node.add(&number.to_string(), 1).await, Ok(round));
            assert!(node.counters.alive() <= 3, "{} alive", node.counters.alive());
        }
    }
    let all = (0..20).map(|number| {
        let node = &node;
        async move { node.add(&number.to_string(), 1).await }
    });
    assert_eq!(futures_util::future::join_all(all).await, vec![Ok(4); 20]);
    assert!(node.counters.alive() <= 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_entity_leaves_memory_and_comes_back_as_it_was() {
    let node = Node::start(100, Duration::from_millis(50), 1_000).await;
    node.add("a", 5).await.unwrap();
    let mut moments = tokio::time::interval(Duration::from_millis(10));
    let gone = async {
        while node.counters.alive() > 0 {
            moments.tick().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), gone).await.expect("the entity is passivated");
    assert_eq!((node.value("a").await, node.add("a", 1).await), (5, Ok(6)));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_command_is_lost_while_its_entity_is_passivated_again_and_again() {
    let node = Node::start(1, Duration::from_millis(1), 1_000).await;
    let commands = (0..400).map(|number| {
        let node = &node;
        // Two entities that push each other out of the only seat.
        async move { node.add(if number % 2 == 0 { "a" } else { "b" }, 1).await }
    });
    let outcomes = futures_util::future::join_all(commands).await;
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    assert_eq!((node.value("a").await, node.value("b").await), (200, 200));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_shortens_loading_and_is_never_a_source() {
    let node = Node::start(100, LONG, 10).await;
    for _ in 0..25 {
        node.add("a", 1).await.unwrap();
    }
    let link = node.connection.connect().await.unwrap();
    // It is taken beside the commands, so it may be a little later than due.
    let right = "select count(*) from snapshots where version between 20 and 25 and state::text = version::text";
    until("the second snapshot is taken", async || {
        link.client.query_one(right, &[]).await.unwrap().get::<_, i64>(0) == 1
    })
    .await;

    // A snapshot is believed; one of another shape, one that does not parse, and none at all, are done without.
    for (change, expected) in [
        ("update snapshots set state = to_json(version + 1000)", 1025),
        ("update snapshots set schema = 2", 25),
        ("update snapshots set schema = 1, state = '\"x\"'", 25),
        ("delete from snapshots", 25),
    ] {
        link.client.batch_execute(change).await.unwrap();
        let lifespan = Lifespan { max_alive: 10, idle_after: LONG, snapshot_every: 1_000 };
        let fresh = counters(&node.connection, lifespan).await;
        assert_eq!(fresh.read(&stream("a")).await.unwrap().state, expected, "{change}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entity_with_a_full_queue_refuses() {
    let node = Node::start(100, LONG, 1_000).await;
    let commands = (0..2_000).map(|_| node.add("a", 1));
    let outcomes = futures_util::future::join_all(commands).await;
    let done = i64::try_from(outcomes.iter().filter(|outcome| outcome.is_ok()).count()).unwrap();
    let refused = Err("the entity's queue is full".to_owned());
    assert!(outcomes.iter().all(|outcome| outcome.is_ok() || *outcome == refused), "{outcomes:?}");
    assert!(done < 2_000, "the queue is bounded");
    assert_eq!(node.value("a").await, done);
}
