//! Ends of sessions as the log has them, found by an index that holds nothing else.

use tokio_postgres::Row;

use super::security_event::End;
use crate::clock::Timestamp;
use crate::database::Pool;
use crate::eventlog::StoreError;
use crate::eventlog::statement::RawJson;
use crate::eventlog::stream::id_of;
use crate::sessions::events::SessionEnded;

const SELECT_AFTER: &str = "\
select position, event_id, stream, data, recorded_at from events
where type = 'SessionEnded' and position > $1 order by position limit $2";
const SELECT_BEFORE: &str = "\
select position, event_id, stream, data, recorded_at from events
where type = 'SessionEnded' and position < $1 order by position desc limit $2";

/// Ends after a position, the oldest first.
pub(super) async fn after(pool: &Pool, position: i64, most: i64) -> Result<Vec<End>, StoreError> {
    select(pool, SELECT_AFTER, position, most).await
}

/// Ends before a position, the newest first.
pub(super) async fn before(pool: &Pool, position: i64, most: i64) -> Result<Vec<End>, StoreError> {
    select(pool, SELECT_BEFORE, position, most).await
}

async fn select(
    pool: &Pool,
    sql: &'static str,
    position: i64,
    most: i64,
) -> Result<Vec<End>, StoreError> {
    let client = pool.get().await?;
    let rows = client.query(sql, &[&position, &most]).await?;
    Ok(rows.iter().filter_map(end).collect())
}

/// The end of a session. What cannot be read is told by the SessionActor, which reads the same events.
fn end(row: &Row) -> Option<End> {
    let RawJson(data) = row.get(3);
    let ended: SessionEnded = serde_json::from_str(data).ok()?;
    Some(End {
        position: row.get(0),
        id: row.get(1),
        user_id: id_of(row.get(2)).parse().ok()?,
        session_id: ended.session_id,
        reason: ended.reason,
        at: Timestamp::from(row.get::<_, jiff::Timestamp>(4)),
    })
}
