//! Cost of an append as the log grows.

use crate::figures::{Figure, Goal, Row, in_turn};
use crate::load::{CONNECTIONS, Load};
use crate::people::Person;
use crate::postgres;
use crate::server::Server;

/// Tasks of each user in the history.
const EVENTS_OF_EACH: i64 = 20;

pub async fn measure() -> anyhow::Result<Vec<Row>> {
    let (short, short_load) = with_history("growth-short", 500).await?;
    let (long, long_load) = with_history("growth-long", 50_000).await?;
    let (runs, limits) = in_turn(
        async |_| Ok(cost(long_load.run(&long.url, long.process()).await?)),
        async |_| Ok(cost(short_load.run(&short.url, short.process()).await?)),
    )
    .await?;
    short.stop().await?;
    long.stop().await?;
    let row =
        Row::alone("an append to a log of 1,000,000 events", "µs", runs, Goal::RatioAtMost(1.15));
    Ok(vec![row.beside("to one of 10,000", limits)])
}

/// A server whose log holds the history of this many users, and a load of appends.
async fn with_history(name: &str, people: usize) -> anyhow::Result<(Server, Load)> {
    let server = Server::start(name).await?;
    let history: Vec<_> = (0..people).map(postgres::person).collect();
    let database = postgres::session(&server.database().await?).await?;
    postgres::write_tasks(&database, &history, EVENTS_OF_EACH).await?;
    let writers = Person::sign_up_many(&server.url, usize::try_from(CONNECTIONS)?).await?;
    let requests: Vec<_> = writers.iter().map(Person::create_request).collect();
    Ok((server, Load::of(name, &requests)?))
}

/// Microseconds of the whole machine per append, from the throughput.
fn cost(run: Figure) -> Figure {
    Figure { value: 1e6 / run.value, ..run }
}
