//! Rebuilding the state of one long stream from the log.

use std::sync::Arc;
use std::time::Instant;

use keyfold::app::features::{budgets, projections};
use keyfold::base::clock::Clock;
use keyfold::capacity::budget::{Budget, Purpose};
use keyfold::config::Config;
use keyfold::eventlog::log::append::appender;
use keyfold::eventlog::log::snapshot::SnapshotInfo;
use keyfold::eventlog::model::term::Term;
use keyfold::eventlog::node_status::Writable;
use keyfold::eventlog::{EventLog, Resources, StreamName};
use keyfold::postgres::Pool;
use keyfold::tasks::task_list::TaskList;

use crate::figures::{Figure, Goal, Row};
use crate::postgres;
use crate::processor::Reading;
use crate::server::Server;

/// Repetitions. Each is short, and for some time PostgreSQL still writes back the pages of the new stream.
const REBUILDS: usize = 9;

/// Events after the snapshot: the largest distance between two snapshots of a list of this size.
const AFTER: i64 = 600;

/// Events of the stream.
const EVENTS: i64 = 100_000;

pub async fn measure() -> anyhow::Result<Vec<Row>> {
    let server = Server::start("rebuild").await?;
    let connection = server.database().await?;
    postgres::write_life(&postgres::session(&connection).await?, &postgres::person(1), EVENTS)
        .await?;
    let stream = StreamName::stored(&format!("tasks-{}", postgres::person(1)));
    let pool = Pool::new(&connection, "readers", 2)?;
    let (appender, _writer) = appender::channel(appender::Setup {
        pool: pool.clone(),
        projections: Arc::new(projections()),
        node: uuid::Uuid::nil(),
        budget: Budget::new(Purpose::Appends, usize::MAX, usize::MAX),
        timeout: appender::BATCH_TIMEOUT,
        term: Term::default(),
        writable: Writable::default(),
    });
    let resources = Resources::new(&budgets(&Config::default()))?;
    let log = EventLog::new(pool, appender, Clock::system(), resources);

    let (mut cold, mut snapshot) = (Vec::new(), Vec::new());
    for _ in 0..REBUILDS {
        let (begun, before) = (Instant::now(), Reading::take());
        let hydrated = log.hydrate::<TaskList>(&stream).await?;
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let value = EVENTS as f64 / begun.elapsed().as_secs_f64();
        // The server's code runs in this process.
        let shares = before.and_then(|before| before.shares_until_now(std::process::id()));
        cold.push(Figure { value, shares, ..Figure::default() });
        anyhow::ensure!(hydrated.published.version == EVENTS, "the whole stream was read");
    }
    let hydrated = log.hydrate::<TaskList>(&stream).await?;
    log.save_snapshot(&stream, &Arc::new(hydrated.published), hydrated.snapshot, 1).await?;
    for _ in 0..REBUILDS {
        let begun = Instant::now();
        let hydrated = log.hydrate::<TaskList>(&stream).await?;
        snapshot.push(Figure::of(begun.elapsed().as_secs_f64() * 1e3));
        anyhow::ensure!(hydrated.snapshot.version == EVENTS, "the snapshot was read");
    }
    let million = million(&server, &log).await?;
    server.stop().await?;
    let mut rows = vec![
        Row::alone(
            "rebuild a stream of 100,000 events, cold",
            "events/s",
            cold,
            Goal::AtLeast(500_000.0),
        ),
        Row::alone("the same from its snapshot", "ms", snapshot, Goal::AtMost(5.0))
            .held_by("parsing the snapshot of 1,000 tasks"),
    ];
    rows.extend(million);
    Ok(rows)
}

/// Measures a stream of a million events, with the snapshots that the server would have near the measured versions.
async fn million(server: &Server, log: &EventLog) -> anyhow::Result<[Row; 2]> {
    let (person, events) = (postgres::person(2), 1_000_000);
    let database = postgres::session(&server.database().await?).await?;
    postgres::write_life(&database, &person, events).await?;
    let stream = StreamName::stored(&format!("tasks-{person}"));
    let middle = events / 2;
    for version in [middle, events - AFTER] {
        let then = log.hydrate_at::<TaskList>(&stream, version).await?;
        log.save_snapshot(&stream, &Arc::new(then), SnapshotInfo::default(), 1).await?;
    }
    let (mut now, mut past) = (Vec::new(), Vec::new());
    for _ in 0..REBUILDS {
        let begun = Instant::now();
        let hydrated = log.hydrate::<TaskList>(&stream).await?;
        now.push(Figure::of(begun.elapsed().as_secs_f64() * 1e3));
        anyhow::ensure!(hydrated.published.version == events, "the list is as it is");
        let begun = Instant::now();
        let then = log.hydrate_at::<TaskList>(&stream, middle + AFTER).await?;
        past.push(Figure::of(begun.elapsed().as_secs_f64() * 1e3));
        anyhow::ensure!(then.version == middle + AFTER, "the list is as it was");
    }
    let name = format!("load a stream of 1,000,000 events, {AFTER} after its snapshot");
    Ok([
        Row::alone(name, "ms", now, Goal::AtMost(5.0)),
        Row::alone("the same as of the middle", "ms", past, Goal::AtMost(5.0)),
    ])
}
