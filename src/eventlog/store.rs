//! Reading the log, and the handle to everything an entity needs of it.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::TryStreamExt;
use serde_json::value::RawValue;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use tracing::field::Empty;
use tracing::{Instrument, Span};

use super::append::{Append, Appended};
use super::appender::Appender;
use super::decider::Decider;
use super::error::StoreError;
use super::event::{Event, Heard, RecordedEvent};
use super::measure;
use super::published::Published;
use super::resources::Resources;
use super::snapshot::{self, Taken};
use super::statement::RawJson;
use super::stream::StreamName;
use crate::clock::{Clock, Timestamp};
use crate::database::{Lent, Pool};
use crate::span_in;

/// The later events of one stream, up to a version, a page at a time. A range with two ends: with one, a plan made without
/// knowing it would expect a third of the stream and could read all of it.
const SELECT_STREAM: &str = "\
select version, type, schema, data from events
where stream = $1 and version > $2 and version <= $3 order by version limit $4";

/// Events that are read at once when a state is made of them.
const PAGE: i64 = 512;

/// Bytes of JSON that are parsed, or written, on the threads that answer requests. It takes about half a millisecond.
pub(super) const SHORT: usize = 64 * 1024;

/// Where the log ends.
const SELECT_HEAD: &str = "\
select coalesce((select position from events where position > 0 order by position desc limit 1), 0)";

/// The last version of each stream; 0 for streams that do not exist.
pub(super) const SELECT_VERSIONS: &str = "\
select coalesce((select version from events where events.stream = asked.stream order by version desc limit 1), 0)
from unnest($1::text[]) with ordinality as asked (stream, place) order by asked.place";

/// A page of the whole log.
const SELECT_LOG: &str = "\
select position, stream, version, event_id, type, schema, data, context, recorded_at
from events where position > $1 order by position limit $2";

/// A page of the whole log as it is read in passing, with the data of some categories, or of all.
const SELECT_PASSING: &str = "\
select position, stream, version, type, schema, recorded_at,
       case when $3::text[] is null or split_part(stream, '-', 1) = any ($3) then data end
from events where position > $1 order by position limit $2";

/// A page of one stream, after a version and a position of which one may be 0.
const SELECT_LOG_OF_STREAM: &str = "\
select position, stream, version, event_id, type, schema, data, context, recorded_at
from events where stream = $1 and version > $2 and position > $3 order by version limit $4";

/// How long an entity that leaves memory may wait for its turn and take its snapshot: whoever stops the node, or waits for
/// the entity's place, waits for that.
const LEAVING: Duration = Duration::from_secs(2);

/// A stream as it was loaded.
#[derive(Debug)]
pub struct Hydrated<D: Decider> {
    /// Its state and version.
    pub published: Published<D>,
    /// The snapshot it was loaded from, and the regular one before it.
    pub snapshot: Taken,
    /// How many events after that were read.
    pub events: usize,
}

/// The event log of this node. Cheap to clone.
#[derive(Debug, Clone)]
pub struct EventLog {
    pool: Pool,
    appender: Appender,
    clock: Clock,
    resources: Resources,
    /// Whose turn it is to take a regular snapshot.
    snapshots: Arc<Semaphore>,
    /// The same for entities that leave memory: however many do, they are not in the way of those.
    departures: Arc<Semaphore>,
}

impl EventLog {
    /// A log that reads through `pool` and writes through `appender`, and what entities on it share.
    pub fn new(pool: Pool, appender: Appender, clock: Clock, resources: Resources) -> Self {
        let turn = || Arc::new(Semaphore::new(1));
        Self { pool, appender, clock, resources, snapshots: turn(), departures: turn() }
    }

    /// What the entities on this log share.
    pub fn resources(&self) -> &Resources {
        &self.resources
    }

    /// The clock that dates events.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Appends, and returns when the events are committed.
    ///
    /// # Errors
    ///
    /// See [`Appender::append`].
    pub async fn append(&self, append: Append) -> Result<Appended, StoreError> {
        self.appender.append(append).await
    }

    /// State and version of a stream: its snapshot and the events after it, or the beginning of time.
    ///
    /// # Errors
    ///
    /// When the database is unavailable or a stored event cannot be read.
    pub async fn hydrate<D: Decider>(
        &self,
        stream: &StreamName,
    ) -> Result<Hydrated<D>, StoreError> {
        let began = Instant::now();
        let hydrated = Box::pin(self.hydrate_until(stream, i64::MAX, None)).await?;
        measure::rehydration::<D>(began.elapsed(), hydrated.events);
        Ok(hydrated)
    }

    /// The state after the events that follow a known one; `None` if the stream does not go on from there.
    pub(super) async fn catch_up<D: Decider>(
        &self,
        stream: &StreamName,
        known: &Published<D>,
    ) -> Result<Option<Published<D>>, StoreError> {
        let began = Instant::now();
        let caught_up = Box::pin(self.hydrate_until(stream, i64::MAX, Some(known))).await?;
        measure::rehydration::<D>(began.elapsed(), caught_up.events);
        let events = i64::try_from(caught_up.events).unwrap_or(i64::MAX);
        let goes_on = known.version.saturating_add(events) == caught_up.published.version;
        Ok(goes_on.then_some(caught_up.published))
    }

    /// The state a stream had at `version`: the nearest snapshot before it and the events up to it. Of a version beyond
    /// the end of the stream, the state at its end; which one it is, [`Published::version`] tells.
    ///
    /// # Errors
    ///
    /// When the database is unavailable or a stored event cannot be read.
    pub async fn hydrate_at<D: Decider>(
        &self,
        stream: &StreamName,
        version: i64,
    ) -> Result<Published<D>, StoreError> {
        Ok(Box::pin(self.hydrate_until(stream, version, None)).await?.published)
    }

    async fn hydrate_until<D: Decider>(
        &self,
        stream: &StreamName,
        version: i64,
        known: Option<&Published<D>>,
    ) -> Result<Hydrated<D>, StoreError> {
        let span = span_in!(
            &Span::current(),
            "entity.hydrate",
            stream.name = %stream,
            category = D::CATEGORY,
            events = Empty,
            otel.status_code = Empty,
        );
        let hydrated = self.load(stream, version, known).instrument(span.clone()).await;
        let hydrated = hydrated.inspect_err(|_| {
            span.record("otel.status_code", "ERROR");
        })?;
        // Exported as a number only if it is signed.
        span.record("events", i64::try_from(hydrated.events).unwrap_or(i64::MAX));
        Ok(hydrated)
    }

    async fn load<D: Decider>(
        &self,
        stream: &StreamName,
        until: i64,
        known: Option<&Published<D>>,
    ) -> Result<Hydrated<D>, StoreError> {
        let (mut published, snapshot) = if let Some(known) = known {
            (known.clone(), Taken::default())
        } else {
            let loaded = snapshot::load::<D>(&self.pool, &self.resources, stream, until);
            loaded.await?.unwrap_or_default()
        };
        let (mut events, mut page) = (0, self.page(stream, published.version, until).await?);
        while let Some(last) = page.last() {
            events += page.len();
            let is_last = i64::try_from(page.len()).is_ok_and(|count| count < PAGE);
            let after = last.get(0);
            // The next page is on its way while something is made of this one.
            let next = async {
                if is_last { Ok(Vec::new()) } else { self.page(stream, after, until).await }
            };
            let evolved = self.evolve(stream, published, page);
            (published, page) = futures_util::future::try_join(evolved, next).await?;
        }
        Ok(Hydrated { published, snapshot, events })
    }

    /// Events of a stream after a version, as many as a page has. Nobody's session is kept while something is made of them.
    async fn page(
        &self,
        stream: &StreamName,
        after: i64,
        until: i64,
    ) -> Result<Vec<Row>, StoreError> {
        let client = self.pool.get().await?;
        let params: [&(dyn ToSql + Sync); 4] = [&stream.as_str(), &after, &until, &PAGE];
        Ok(client.query(SELECT_STREAM, &params).await?)
    }

    /// The state after a page of events. Of many, it is made away from the threads that answer requests.
    async fn evolve<D: Decider>(
        &self,
        stream: &StreamName,
        published: Published<D>,
        page: Vec<Row>,
    ) -> Result<Published<D>, StoreError> {
        let bytes: usize = page.iter().map(|row| row.get::<_, RawJson<'_>>(3).0.len()).sum();
        if bytes <= SHORT {
            return evolve(stream, published, &page);
        }
        let stream = stream.clone();
        let evolved = self.resources.long_work(move || evolve(&stream, published, &page)).await;
        evolved.unwrap_or_else(|error| Err(StoreError::Refused(error.to_string())))
    }

    /// Up to `limit` events of one stream after a version, in order.
    ///
    /// # Errors
    ///
    /// When the database is unavailable or an event is not JSON.
    pub async fn read_stream(
        &self,
        stream: &StreamName,
        after_version: i64,
        limit: i64,
    ) -> Result<Vec<RecordedEvent>, StoreError> {
        let client = self.pool.get().await?;
        let params: [&(dyn ToSql + Sync); 4] = [&stream.as_str(), &after_version, &0_i64, &limit];
        client.query(SELECT_LOG_OF_STREAM, &params).await?.iter().map(recorded).collect()
    }

    /// The turn to take a regular snapshot, if nobody has it: taking many at once would hold up everything else.
    pub(super) fn snapshot_turn(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.snapshots).try_acquire_owned().ok()
    }

    /// Stores a snapshot, which is a regular one if it is due `every` so many events after those `before` it. Failing to do
    /// so loses nothing.
    ///
    /// # Errors
    ///
    /// When the database is unavailable.
    pub async fn save_snapshot<D: Decider>(
        &self,
        stream: &StreamName,
        published: &Arc<Published<D>>,
        before: Taken,
        every: u64,
    ) -> Result<Taken, StoreError> {
        let json = snapshot::json_of(published, &self.resources).await?;
        let taken_at = self.clock.now();
        snapshot::save::<D>(
            &self.pool,
            stream,
            (published.version, &json),
            taken_at,
            (before, every),
        )
        .await
    }

    /// The same for an entity that leaves memory. When too many leave at once, some do so without: then it stores nothing.
    pub(super) async fn leave_snapshot<D: Decider>(
        &self,
        stream: &StreamName,
        published: &Arc<Published<D>>,
        before: Taken,
        every: u64,
    ) -> Result<(), StoreError> {
        let leave = async {
            // It is never closed.
            let _turn = self.departures.acquire().await;
            self.save_snapshot(stream, published, before, every).await.map(drop)
        };
        tokio::time::timeout(LEAVING, leave).await.unwrap_or_else(|_too_many| {
            tracing::debug!(stream.name = %stream, "an entity left without a snapshot");
            Ok(())
        })
    }
}

/// The state after stored events.
fn evolve<D: Decider>(
    stream: &StreamName,
    published: Published<D>,
    page: &[Row],
) -> Result<Published<D>, StoreError> {
    page.iter().try_fold(published, |published, row| {
        let event = decode_row::<D>(stream, row)?;
        Ok(Published { version: row.get(0), state: D::evolve(published.state, &event) })
    })
}

fn decode_row<D: Decider>(stream: &StreamName, row: &Row) -> Result<D::Event, StoreError> {
    let RawJson(data) = row.get(3);
    D::Event::decode(row.get(1), row.get(2), data).map_err(|source| StoreError::Undecodable {
        stream: stream.clone(),
        version: row.get(0),
        source,
    })
}

/// The position of the last event; 0 for an empty log.
///
/// # Errors
///
/// When the database is unavailable.
pub async fn head(client: &tokio_postgres::Client) -> Result<i64, StoreError> {
    Ok(client.query_one(SELECT_HEAD, &[]).await?.get(0))
}

/// The same with a session of a pool.
///
/// # Errors
///
/// When the database is unavailable.
pub async fn head_in(pool: &Pool) -> Result<i64, StoreError> {
    Ok(pool.get().await?.query_one(SELECT_HEAD, &[]).await?.get(0))
}

/// The current version of each of the streams, in their order.
///
/// # Errors
///
/// When the database is unavailable.
pub async fn versions(client: &Lent, streams: &[StreamName]) -> Result<Vec<i64>, StoreError> {
    let names: Vec<&str> = streams.iter().map(StreamName::as_str).collect();
    Ok(client.query(SELECT_VERSIONS, &[&names]).await?.iter().map(|row| row.get(0)).collect())
}

/// Up to `limit` events after `position`, of the whole log or of one stream.
///
/// # Errors
///
/// When the database is unavailable or an event is not JSON.
pub async fn read_log(
    client: &tokio_postgres::Client,
    position: i64,
    limit: i64,
    stream: Option<&str>,
) -> Result<Vec<RecordedEvent>, StoreError> {
    let rows = match stream {
        Some(stream) => {
            client.query(SELECT_LOG_OF_STREAM, &[&stream, &0_i64, &position, &limit]).await?
        }
        None => client.query(SELECT_LOG, &[&position, &limit]).await?,
    };
    rows.iter().map(recorded).collect()
}

/// Goes through the events after a position, so many at most, without having them all in memory, and returns the last
/// position. Only events of these categories have data, if any are named.
///
/// # Errors
///
/// When the database is unavailable, or what `each` says.
pub(super) async fn walk(
    client: &tokio_postgres::Client,
    (position, limit): (i64, i64),
    categories: Option<&[&str]>,
    mut each: impl FnMut(&Heard<'_>) -> Result<(), StoreError>,
) -> Result<Option<i64>, StoreError> {
    let params: [&(dyn ToSql + Sync); 3] = [&position, &limit, &categories];
    let mut rows = pin!(client.query_raw(SELECT_PASSING, params.iter().copied()).await?);
    let mut last = None;
    while let Some(row) = rows.try_next().await? {
        let data: Option<RawJson<'_>> = row.get(6);
        let recorded_at: jiff::Timestamp = row.get(5);
        let event = Heard {
            position: row.get(0),
            stream: row.get(1),
            version: row.get(2),
            name: row.get(3),
            schema: row.get(4),
            data: data.map_or("null", |RawJson(json)| json),
            recorded_at: Timestamp::from(recorded_at),
        };
        each(&event)?;
        last = Some(event.position);
    }
    Ok(last)
}

/// A stored event, from the columns that every reader of the log selects in this order.
///
/// # Errors
///
/// When it is not JSON.
pub fn recorded(row: &Row) -> Result<RecordedEvent, StoreError> {
    let recorded_at: jiff::Timestamp = row.get(8);
    Ok(RecordedEvent {
        position: row.get(0),
        stream: row.get(1),
        version: row.get(2),
        event_id: row.get(3),
        name: row.get(4),
        schema: row.get(5),
        data: raw(row.get(6))?,
        context: raw(row.get(7))?,
        recorded_at: Timestamp::from(recorded_at),
    })
}

fn raw(RawJson(json): RawJson<'_>) -> Result<Box<RawValue>, StoreError> {
    serde_json::from_str(json).map_err(|error| StoreError::Refused(error.to_string()))
}
