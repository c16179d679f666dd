//! Snapshots: the state of a stream at a version, so that loading does not read the whole history.
//!
//! A snapshot is a shortcut and never a source: one of another shape, or one that does not parse, is ignored.
//!
//! # Design
//!
//! A state that is taken every so many events, whatever its size, costs a long list more than its events do. The events
//! between two snapshots therefore grow with the size of the state (`BYTES_PER_EVENT`): taking snapshots stays a
//! fraction of writing the events, and reading the events after a snapshot a fraction of reading the snapshot.

use super::decider::Decider;
use super::error::StoreError;
use super::published::Published;
use super::statement::{Jsonb, RawJson};
use super::stream::StreamName;
use crate::clock::Timestamp;
use crate::database::Pool;

/// The newest snapshot of a stream, if it has the shape this program writes.
const SELECT: &str = "select version, state from snapshots where stream = $1 and schema = $2";

/// Keeps the newer of the stored and the given snapshot. Its commit does not wait for the disk: a crash may take it, and
/// it is taken again.
const UPSERT: &str = "\
insert into snapshots (stream, version, schema, state, taken_at)
select $1, $2, $3, $4, $5 from set_config('synchronous_commit', 'off', true)
on conflict (stream) do update
set version = excluded.version, schema = excluded.schema, state = excluded.state, taken_at = excluded.taken_at
where snapshots.version < excluded.version or snapshots.schema <> excluded.schema";

/// How many bytes of snapshot an event may cost: about as much as it takes in the log itself.
const BYTES_PER_EVENT: u64 = 512;

/// The newest snapshot of a stream; all zeros when there is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Taken {
    /// The version it was taken at.
    pub version: i64,
    /// Its size.
    pub bytes: u64,
}

impl Taken {
    /// Whether another one is due at `version`, with at least `every` events between them.
    pub(super) fn is_due(self, version: i64, every: u64) -> bool {
        let since = u64::try_from(version - self.version).unwrap_or(0);
        since >= every.max(self.bytes / BYTES_PER_EVENT)
    }
}

/// Loads the snapshot of a stream and says how large it is; `None` when there is none this program can use.
pub(super) async fn load<D: Decider>(
    client: &deadpool_postgres::Object,
    stream: &StreamName,
) -> Result<Option<(Published<D>, Taken)>, StoreError> {
    let statement = client.prepare_cached(SELECT).await?;
    let Some(row) = client.query_opt(&statement, &[&stream.as_str(), &D::SNAPSHOT_SCHEMA]).await?
    else {
        return Ok(None);
    };
    let RawJson(json) = row.get(1);
    match serde_json::from_str(json) {
        Ok(state) => {
            let published = Published { version: row.get(0), state };
            let taken = Taken { version: published.version, bytes: json.len() as u64 };
            Ok(Some((published, taken)))
        }
        Err(error) => {
            tracing::warn!(stream.name = %stream, %error, "ignoring a snapshot that does not have its shape");
            Ok(None)
        }
    }
}

/// Stores a snapshot.
pub(super) async fn save<D: Decider>(
    pool: &Pool,
    stream: &StreamName,
    published: &Published<D>,
    taken_at: Timestamp,
) -> Result<Taken, StoreError> {
    let json = serde_json::to_vec(&published.state)
        .map_err(|error| StoreError::Refused(error.to_string()))?;
    let client = pool.get().await?;
    let statement = client.prepare_cached(UPSERT).await?;
    let state = Jsonb(&json);
    let taken_at = taken_at.to_jiff();
    let params: [&(dyn tokio_postgres::types::ToSql + Sync); 5] =
        [&stream.as_str(), &published.version, &D::SNAPSHOT_SCHEMA, &state, &taken_at];
    client.execute(&statement, &params).await?;
    Ok(Taken { version: published.version, bytes: json.len() as u64 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_state_is_taken_less_often() {
        let small = Taken { version: 100, bytes: 1_000 };
        assert!(!small.is_due(199, 100) && small.is_due(200, 100));
        let large = Taken { version: 100, bytes: 1_000 * BYTES_PER_EVENT };
        assert!(!large.is_due(1_099, 100) && large.is_due(1_100, 100));
        assert!(!Taken::default().is_due(99, 100) && Taken::default().is_due(100, 100));
    }
}
