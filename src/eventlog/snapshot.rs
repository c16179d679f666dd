//! Snapshots: the state of a stream at a version, so that loading does not read the whole history.
//!
//! A snapshot is a shortcut and never a source: one of another shape, or one that does not parse, is ignored.

use super::decider::Decider;
use super::error::StoreError;
use super::published::Published;
use super::statement::{Jsonb, RawJson};
use super::stream::StreamName;
use crate::clock::Timestamp;
use crate::database::Pool;

/// The newest snapshot of a stream, if it has the shape this program writes.
const SELECT: &str = "select version, state from snapshots where stream = $1 and schema = $2";

/// Keeps the newer of the stored and the given snapshot.
const UPSERT: &str = "\
insert into snapshots (stream, version, schema, state, taken_at) values ($1, $2, $3, $4, $5)
on conflict (stream) do update
set version = excluded.version, schema = excluded.schema, state = excluded.state, taken_at = excluded.taken_at
where snapshots.version < excluded.version or snapshots.schema <> excluded.schema";

/// Loads the snapshot of a stream; `None` when there is none this program can use.
pub(super) async fn load<D: Decider>(
    client: &deadpool_postgres::Object,
    stream: &StreamName,
) -> Result<Option<Published<D>>, StoreError> {
    let statement = client.prepare_cached(SELECT).await?;
    let Some(row) = client.query_opt(&statement, &[&stream.as_str(), &D::SNAPSHOT_SCHEMA]).await?
    else {
        return Ok(None);
    };
    let RawJson(json) = row.get(1);
    match serde_json::from_slice(json) {
        Ok(state) => Ok(Some(Published { version: row.get(0), state })),
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
) -> Result<(), StoreError> {
    let json = serde_json::to_vec(&published.state)
        .map_err(|error| StoreError::Refused(error.to_string()))?;
    let client = pool.get().await?;
    let statement = client.prepare_cached(UPSERT).await?;
    let state = Jsonb(&json);
    let taken_at = taken_at.to_chrono();
    let params: [&(dyn tokio_postgres::types::ToSql + Sync); 5] =
        [&stream.as_str(), &published.version, &D::SNAPSHOT_SCHEMA, &state, &taken_at];
    client.execute(&statement, &params).await?;
    Ok(())
}
