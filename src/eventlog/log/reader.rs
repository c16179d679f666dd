//! Reading the log, and the handle through which an entity uses it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::value::RawValue;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::append::appender::Appender;
use super::append::request::{Append, Appended};
use super::snapshot;
use super::snapshot::SnapshotInfo;
use crate::base::clock::{Clock, Timestamp};
use crate::eventlog::model::decider::Decider;
use crate::eventlog::model::error::StoreError;
use crate::eventlog::model::event::RecordedEvent;
use crate::eventlog::model::published::Published;
use crate::eventlog::model::statement::JsonColumn;
use crate::eventlog::model::stream::StreamName;
use crate::eventlog::resources::Resources;
use crate::postgres::{Pool, PooledSession};

/// Position at which the log ends.
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

/// A page of one stream, after a version and a position of which one may be 0.
const SELECT_LOG_OF_STREAM: &str = "\
select position, stream, version, event_id, type, schema, data, context, recorded_at
from events where stream = $1 and version > $2 and position > $3 order by version limit $4";

/// Longest time for which an entity that leaves memory may wait for its turn and take its snapshot: the stop of the node,
/// or the entity that needs the place, waits for that.
const LEAVING: Duration = Duration::from_secs(2);

/// The event log of this node. Cheap to clone.
#[derive(Debug, Clone)]
pub struct EventLog {
    /// Database sessions for reading, and for snapshots.
    pub(crate) pool: Pool,
    /// Queue of the appender, the only writer of events.
    appender: Appender,
    /// Clock that dates events and snapshots.
    clock: Clock,
    /// Budgets and threads that the entities on the log share.
    pub(crate) resources: Resources,
    /// Turn to take a regular snapshot, with one permit.
    snapshots: Arc<Semaphore>,
    /// As `snapshots`, for entities that leave memory: however many do, they never hold up the regular ones.
    departures: Arc<Semaphore>,
}

impl EventLog {
    /// A log that reads through `pool` and writes through `appender`, with the resources that entities on it share.
    pub fn new(pool: Pool, appender: Appender, clock: Clock, resources: Resources) -> Self {
        let single_permit = || Arc::new(Semaphore::new(1));
        Self {
            pool,
            appender,
            clock,
            resources,
            snapshots: single_permit(),
            departures: single_permit(),
        }
    }

    /// Resources that the entities on this log share.
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

    /// Up to `limit` events of one stream after a version, in order.
    ///
    /// # Errors
    ///
    /// If the database is unavailable or an event is not JSON.
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

    /// The turn to take a regular snapshot, if it is free: taking many at once would hold up everything else.
    pub(crate) fn snapshot_permit(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.snapshots).try_acquire_owned().ok()
    }

    /// Stores a snapshot: a regular one if the last of those in `before` makes it due, at least `every` events later. A
    /// failure loses nothing: the log has the events.
    ///
    /// # Errors
    ///
    /// If the database is unavailable.
    pub async fn save_snapshot<D: Decider>(
        &self,
        stream: &StreamName,
        published: &Arc<Published<D>>,
        before: SnapshotInfo,
        every: u64,
    ) -> Result<SnapshotInfo, StoreError> {
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

    /// As [`save_snapshot`](Self::save_snapshot), for an entity that leaves memory. If too many leave at once, some do so
    /// without a snapshot.
    pub(crate) async fn leave_snapshot<D: Decider>(
        &self,
        stream: &StreamName,
        published: &Arc<Published<D>>,
        before: SnapshotInfo,
        every: u64,
    ) {
        let leave = async {
            // The semaphore is never closed.
            let _turn = self.departures.acquire().await;
            let saved = self.save_snapshot(stream, published, before, every).await;
            self.tell_of_departure(stream, saved.err());
        };
        if tokio::time::timeout(LEAVING, leave).await.is_err() {
            tracing::debug!(stream.name = %stream, "entity passivated without a snapshot");
        }
    }

    /// Logs that entities leave without a snapshot, as all of them do without a database: once, until one is saved again.
    fn tell_of_departure(&self, stream: &StreamName, failure: Option<StoreError>) {
        let is_told = &self.resources.is_told_of_departures;
        let Some(error) = failure else {
            is_told.store(false, Ordering::Relaxed);
            return;
        };
        if is_told.swap(true, Ordering::Relaxed) {
            tracing::debug!(stream.name = %stream, %error, "entity passivated without a snapshot");
        } else {
            tracing::warn!(
                stream.name = %stream, %error,
                "entity passivated without a snapshot; more are logged at debug level until a snapshot succeeds"
            );
        }
    }
}

/// The position of the last event; 0 for an empty log.
///
/// # Errors
///
/// If the database is unavailable.
pub async fn head(client: &tokio_postgres::Client) -> Result<i64, StoreError> {
    Ok(client.query_one(SELECT_HEAD, &[]).await?.get(0))
}

/// The current version of each of the streams, in their order.
///
/// # Errors
///
/// If the database is unavailable.
pub async fn versions(
    client: &PooledSession,
    streams: &[StreamName],
) -> Result<Vec<i64>, StoreError> {
    let names: Vec<&str> = streams.iter().map(StreamName::as_str).collect();
    Ok(client.query(SELECT_VERSIONS, &[&names]).await?.iter().map(|row| row.get(0)).collect())
}

/// Up to `limit` events after `position`, of the whole log or of one stream.
///
/// # Errors
///
/// If the database is unavailable or an event is not JSON.
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

/// A stored event, from the columns that every reader of the log selects in this order.
///
/// # Errors
///
/// If it is not JSON.
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

fn raw(JsonColumn(json): JsonColumn<'_>) -> Result<Box<RawValue>, StoreError> {
    serde_json::from_str(json).map_err(|error| StoreError::Refused(error.to_string()))
}
