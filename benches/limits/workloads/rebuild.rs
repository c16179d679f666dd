//! Rebuilding the state of one long stream from the log.

use std::sync::Arc;
use std::time::Instant;

use keyfold::app::features::projections;
use keyfold::clock::Clock;
use keyfold::database::Pool;
use keyfold::eventlog::{EventLog, StreamName, appender};
use keyfold::tasks::task_list::TaskList;

use crate::figures::{Figure, Goal, Row};
use crate::postgres;
use crate::processor::Reading;
use crate::server::Server;

/// How often it is rebuilt. Each time is short, and what wrote the stream is still being written back for a while.
const REBUILDS: usize = 9;

/// Events of the stream.
const EVENTS: i64 = 100_000;

pub async fn measure() -> anyhow::Result<Vec<Row>> {
    let server = Server::start("rebuild").await?;
    let connection = server.database().await?;
    postgres::write_life(&postgres::session(&connection).await?, &postgres::person(1), EVENTS)
        .await?;
    let stream = StreamName::stored(&format!("tasks-{}", postgres::person(1)));
    let pool = Pool::new(&connection, 2)?;
    let (appender, _writer) =
        appender::channel(pool.clone(), Arc::new(projections()), uuid::Uuid::nil());
    let log = EventLog::new(pool, appender, Clock::system());

    let (mut cold, mut snapshot) = (Vec::new(), Vec::new());
    for _ in 0..REBUILDS {
        let (begun, before) = (Instant::now(), Reading::take());
        let hydrated = log.hydrate::<TaskList>(&stream).await?;
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let value = EVENTS as f64 / begun.elapsed().as_secs_f64();
        // The server's part is done in this process.
        let shares = before.and_then(|before| before.shares_until_now(std::process::id()));
        cold.push(Figure { value, shares, ..Figure::default() });
        anyhow::ensure!(hydrated.published.version == EVENTS, "the whole stream was read");
    }
    let hydrated = log.hydrate::<TaskList>(&stream).await?;
    log.save_snapshot(&stream, &hydrated.published, hydrated.snapshot, 1).await?;
    for _ in 0..REBUILDS {
        let begun = Instant::now();
        let hydrated = log.hydrate::<TaskList>(&stream).await?;
        snapshot.push(Figure::of(begun.elapsed().as_secs_f64() * 1e3));
        anyhow::ensure!(hydrated.snapshot.version == EVENTS, "the snapshot was read");
    }
    server.stop().await?;
    Ok(vec![
        Row::alone(
            "rebuild a stream of 100,000 events, cold",
            "events/s",
            cold,
            Goal::AtLeast(500_000.0),
        ),
        Row::alone("the same from its snapshot", "ms", snapshot, Goal::AtMost(5.0))
            .held_by("parsing the snapshot of 1,000 tasks"),
    ])
}
