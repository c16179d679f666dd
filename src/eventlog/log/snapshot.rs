//! Snapshots: the state of a stream at a version, so that loading does not read the whole history.
//!
//! A snapshot is a shortcut and never a source: one of another shape, or one that does not parse, is ignored.
//!
//! Some are *regular*: taken a number of events after the last regular one. Of a decider that keeps history these stay,
//! until `retention` thins out the old ones. Others are taken when an entity leaves memory, so that it comes back without
//! reading events. Those, and all of a decider without history, are removed by the next snapshot of their stream.
//!
//! # Design
//!
//! A snapshot after a fixed number of events, whatever its size, costs a long list more than its events do. The events
//! between two regular snapshots therefore grow with the size of the state (`BYTES_PER_EVENT`): taking snapshots stays a
//! fraction of writing the events, and reading the events after a snapshot a fraction of reading the snapshot. For this
//! reason too, an entity with a large state leaves without a snapshot when hardly anything has happened to it
//! (`BYTES_PER_EVENT_ON_LEAVING`).

use std::sync::Arc;

use serde::de::DeserializeOwned;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use crate::base::clock::Timestamp;
use crate::eventlog::model::decider::Decider;
use crate::eventlog::model::error::StoreError;
use crate::eventlog::model::published::Published;
use crate::eventlog::model::statement::{JsonColumn, Jsonb};
use crate::eventlog::model::stream::StreamName;
use crate::eventlog::resources::Resources;
use crate::postgres::Pool;

/// Bytes of JSON that are parsed, or written, on the threads that answer requests. It takes about half a millisecond.
pub(crate) const SHORT: usize = 64 * 1024;

/// The newest snapshot of a stream up to a version, if it has the shape this program writes, and the version of the newest
/// regular one that is kept.
const SELECT: &str = "\
select version, state,
       coalesce((select version from snapshots regular
                 where regular.stream = $1 and regular.schema = $2 and regular.version <= $3 and regular.kept
                 order by version desc limit 1), 0)
from snapshots where stream = $1 and schema = $2 and version <= $3 order by version desc limit 1";

/// Stores a snapshot and removes those it takes the place of: older ones that do not stay, and those of another shape. One
/// that does not stay itself is not stored behind a newer one. The commit does not wait for the disk: a crash may take it,
/// and the snapshot is taken again.
const SAVE: &str = "\
with removed as (
    delete from snapshots where stream = $1 and (schema <> $2 or (version < $3 and not kept))
)
insert into snapshots (stream, schema, version, kept, state, taken_at)
select $1, $2, $3, $4::boolean, $5, $6 from set_config('synchronous_commit', 'off', true)
where $4::boolean
   or (select version from snapshots where stream = $1 and schema = $2 and version > $3 limit 1) is null
on conflict (stream, schema, version) do update
set kept = snapshots.kept or excluded.kept, state = excluded.state, taken_at = excluded.taken_at";

/// Bytes of snapshot that an event may cost: about as many as it takes in the log itself.
const BYTES_PER_EVENT: u64 = 512;

/// As `BYTES_PER_EVENT`, for an entity that leaves memory: that is rarer than an event, and the next request then waits
/// less.
const BYTES_PER_EVENT_ON_LEAVING: u64 = 8_192;

/// The snapshots of a stream; all zeros when there is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SnapshotInfo {
    /// The version the newest one was taken at.
    pub version: i64,
    /// Size of the newest one in bytes of JSON.
    pub bytes: u64,
    /// The version of the newest regular one. Without history, all of them count as regular.
    pub regular: i64,
}

impl SnapshotInfo {
    /// Returns true if another regular one is due at `version`, with at least `every` events between them.
    pub(crate) fn is_due(self, version: i64, every: u64) -> bool {
        events_between(self.regular, version) >= every.max(self.bytes / BYTES_PER_EVENT)
    }

    /// Returns true if an entity that leaves memory at `version` should leave a snapshot behind.
    pub(crate) fn is_worth_leaving(self, version: i64) -> bool {
        let since = events_between(self.version, version);
        since >= 1 && since >= self.bytes / BYTES_PER_EVENT_ON_LEAVING
    }
}

fn events_between(version: i64, later: i64) -> u64 {
    u64::try_from(later - version).unwrap_or(0)
}

/// Loads the newest snapshot at or below `version` that this program can use; `None` if there is none.
pub(crate) async fn load<D: Decider>(
    pool: &Pool,
    resources: &Resources,
    stream: &StreamName,
    version: i64,
) -> Result<Option<(Published<D>, SnapshotInfo)>, StoreError> {
    let mut at_most = version;
    loop {
        let params: [&(dyn ToSql + Sync); 3] = [&stream.as_str(), &D::SNAPSHOT_SCHEMA, &at_most];
        let row = pool.get().await?.query_opt(SELECT, &params).await?;
        let Some(row) = row else { return Ok(None) };
        let (version, regular): (i64, i64) = (row.get(0), row.get(2));
        let bytes = row.get::<_, JsonColumn<'_>>(1).0.len();
        match state_of(row, bytes, resources).await {
            Ok(state) => {
                let regular = if D::KEEPS_HISTORY { regular } else { version };
                let taken = SnapshotInfo { version, bytes: bytes as u64, regular };
                return Ok(Some((Published { version, state }, taken)));
            }
            Err(error) => {
                tracing::warn!(stream.name = %stream, version, %error, "snapshot does not match its schema; trying an older one");
                at_most = version - 1;
            }
        }
    }
}

/// The state in a row. A large one is read away from the threads that answer requests.
async fn state_of<S: DeserializeOwned + Send + 'static>(
    row: Row,
    bytes: usize,
    resources: &Resources,
) -> Result<S, String> {
    let read = move || {
        let JsonColumn(json) = row.get(1);
        serde_json::from_str(json).map_err(|error| error.to_string())
    };
    if bytes <= SHORT {
        return read();
    }
    resources.long_work().run(read).await.unwrap_or_else(|error| Err(error.to_string()))
}

/// A state as it is stored. A large one is written away from the threads that answer requests.
pub(super) async fn json_of<D: Decider>(
    published: &Arc<Published<D>>,
    resources: &Resources,
) -> Result<Vec<u8>, StoreError> {
    let refused = |error: &dyn std::fmt::Display| StoreError::Refused(error.to_string());
    let written = if D::weight(&published.state) <= SHORT {
        serde_json::to_vec(&published.state)
    } else {
        let published = Arc::clone(published);
        let write = move || serde_json::to_vec(&published.state);
        resources.long_work().run(write).await.map_err(|error| refused(&error))?
    };
    written.map_err(|error| refused(&error))
}

/// Stores a snapshot: a regular one if the last of those in `before` makes it due, at least `every` events later.
pub(super) async fn save<D: Decider>(
    pool: &Pool,
    stream: &StreamName,
    (version, json): (i64, &[u8]),
    taken_at: Timestamp,
    (before, every): (SnapshotInfo, u64),
) -> Result<SnapshotInfo, StoreError> {
    let is_regular = !D::KEEPS_HISTORY || before.is_due(version, every);
    let kept = D::KEEPS_HISTORY && is_regular;
    let client = pool.get().await?;
    let state = Jsonb(json);
    let taken_at = taken_at.to_jiff();
    let params: [&(dyn ToSql + Sync); 6] =
        [&stream.as_str(), &D::SNAPSHOT_SCHEMA, &version, &kept, &state, &taken_at];
    client.execute(SAVE, &params).await?;
    let regular = if is_regular { version } else { before.regular };
    Ok(SnapshotInfo { version, bytes: json.len() as u64, regular })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(version: i64, bytes: u64) -> SnapshotInfo {
        SnapshotInfo { version, bytes, regular: version }
    }

    #[test]
    fn a_large_state_is_taken_less_often() {
        let small = taken(100, 1_000);
        assert!(!small.is_due(199, 100) && small.is_due(200, 100));
        let large = taken(100, 1_000 * BYTES_PER_EVENT);
        assert!(!large.is_due(1_099, 100) && large.is_due(1_100, 100));
        assert!(
            !SnapshotInfo::default().is_due(99, 100) && SnapshotInfo::default().is_due(100, 100)
        );
    }

    #[test]
    fn a_snapshot_in_between_does_not_put_off_the_next_regular_one() {
        let in_between = SnapshotInfo { regular: 100, ..taken(190, 1_000) };
        assert!(!in_between.is_due(199, 100) && in_between.is_due(200, 100));
    }

    #[test]
    fn a_small_state_is_left_behind_after_any_event_and_a_large_one_after_many() {
        let small = taken(100, BYTES_PER_EVENT_ON_LEAVING - 1);
        assert!(!small.is_worth_leaving(100) && small.is_worth_leaving(101));
        let large = taken(100, 50 * BYTES_PER_EVENT_ON_LEAVING);
        assert!(!large.is_worth_leaving(149) && large.is_worth_leaving(150));
        assert!(
            !SnapshotInfo::default().is_worth_leaving(0)
                && SnapshotInfo::default().is_worth_leaving(1)
        );
    }
}
