//! The kernel without any feature: rules, an event, a projection, and an entity that is run by them.

#![expect(clippy::print_stdout, reason = "an example shows what happens")]

use std::time::Duration;

use keyfold::eventlog::embedded::Kernel;
use keyfold::eventlog::entity::supervisor::Lifespan;
use keyfold::eventlog::{
    CommandRequest, Context, Decider, DecodeError, Event, EventView, Projection, Projections,
    Statement, StreamName,
};
use keyfold::postgres::private_cluster::{ClusterConfig, PrivateCluster};

/// Something was added. The log stores it as `Added`, in its first shape.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Added(i64);

/// The events of a counter.
#[derive(Debug, Clone)]
pub enum Counted {
    /// Something was added.
    Added(Added),
}

keyfold::event_kinds!(Counted { "Added" @ 1 => Added });

/// The rules of a counter, which never falls below zero.
enum Counter {}

#[derive(Debug, Clone, thiserror::Error)]
#[error("the counter may not fall below zero")]
struct BelowZero;

impl Decider for Counter {
    const CATEGORY: &'static str = "counter";
    const SNAPSHOT_SCHEMA: i16 = 1;
    type Command = i64;
    type Event = Counted;
    type State = i64;
    type Rejection = BelowZero;

    fn decide(sum: &i64, amount: i64) -> Result<Vec<Counted>, BelowZero> {
        if sum + amount < 0 { Err(BelowZero) } else { Ok(vec![Counted::Added(Added(amount))]) }
    }

    fn evolve(sum: i64, Counted::Added(Added(amount)): &Counted) -> i64 {
        sum + amount
    }
}

/// The read model: a row for each counter, written in the transaction of the events.
struct Sums;

const TABLE: &str = "create table if not exists sums (name text primary key, sum bigint)";
const ADD: &str = "insert into sums values ($1, $2)
    on conflict (name) do update set sum = sums.sum + excluded.sum";
const SUM: &str = "select sum from sums where name = $1";

impl Projection for Sums {
    fn tables(&self) -> &'static [&'static str] {
        &["sums"]
    }

    fn project(&self, event: &EventView<'_>) -> Result<Vec<Statement>, DecodeError> {
        let Counted::Added(added) = Counted::decode(event.name, event.schema, event.data)?;
        Ok(vec![Statement::new(ADD, vec![Box::new(event.stream.to_owned()), Box::new(added.0)])])
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let data = std::env::args_os().nth(1).unwrap_or_else(|| "counter-data".into());
    let cluster = PrivateCluster::start(&ClusterConfig::of(data)).await?;
    let database = cluster.connection().connect().await?;
    database.client.batch_execute(TABLE).await?;

    let projections = Projections::new(vec![Box::new(Sums)]);
    let kernel = Kernel::start(&cluster.connection(), projections).await?;
    let lifespan =
        Lifespan { max_alive: 1_000, idle_after: Duration::from_mins(1), snapshot_every: 100 };
    let counters = kernel.entities::<Counter>(lifespan).await?;

    let name = StreamName::stored("counter-apples");
    for amount in [3, 4, -9] {
        match counters.execute(&name, CommandRequest::new(amount, Context::default())).await {
            Ok(outcome) => println!("{amount:+}: the sum is {}", outcome.published.state),
            Err(error) => println!("{amount:+}: refused, {error}"),
        }
    }
    let row = database.client.query_one(SUM, &[&name.as_str()]).await?;
    let (version, sum) = (counters.read(&name).await?.version, row.get::<_, i64>(0));
    println!("version {version} of the log; the table has {sum}");
    counters.drain().await;
    Ok(cluster.stop().await?)
}
