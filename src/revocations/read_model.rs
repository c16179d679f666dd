//! Ends of sessions as the log has them, found by an index that holds nothing else.

use tokio_postgres::Row;

use super::security_event::SessionEnd;
use crate::base::clock::Timestamp;
use crate::eventlog::model::statement::JsonColumn;
use crate::eventlog::{Event, StoreError};
use crate::postgres::Pool;
use crate::sessions::events::SessionEvent;

const SELECT_AFTER: &str = "\
select position, event_id, type, schema, data, recorded_at from events
where type = 'SessionEnded' and position > $1 order by position limit $2";
const SELECT_BEFORE: &str = "\
select position, event_id, type, schema, data, recorded_at from events
where type = 'SessionEnded' and position < $1 order by position desc limit $2";

/// An end as the log has it.
#[derive(Debug, Clone)]
pub(super) struct Recorded {
    /// Position in the log, by which pages are read.
    pub(super) position: i64,
    /// Time of recording, by the clock of the node that recorded it.
    pub(super) at: Timestamp,
    /// The end; `None` if this version of the program cannot read it, which is not the same as no end.
    pub(super) end: Option<SessionEnd>,
}

/// Reads ends after a position, the oldest first.
pub(super) async fn after(
    pool: &Pool,
    position: i64,
    most: i64,
) -> Result<Vec<Recorded>, StoreError> {
    select(pool, SELECT_AFTER, position, most).await
}

/// Reads ends before a position, the newest first.
pub(super) async fn before(
    pool: &Pool,
    position: i64,
    most: i64,
) -> Result<Vec<Recorded>, StoreError> {
    select(pool, SELECT_BEFORE, position, most).await
}

async fn select(
    pool: &Pool,
    sql: &'static str,
    position: i64,
    most: i64,
) -> Result<Vec<Recorded>, StoreError> {
    let client = pool.get().await?;
    let rows = client.query(sql, &[&position, &most]).await?;
    Ok(rows.iter().map(recorded).collect())
}

fn recorded(row: &Row) -> Recorded {
    let (position, at) = (row.get(0), Timestamp::from(row.get::<_, jiff::Timestamp>(5)));
    let end = end(row, position, at);
    if end.is_none() {
        tracing::error!(position, "failed to decode the end of a session");
    }
    Recorded { position, at, end }
}

fn end(row: &Row, position: i64, at: Timestamp) -> Option<SessionEnd> {
    let JsonColumn(data) = row.get(4);
    let SessionEvent::Ended(ended) = SessionEvent::decode(row.get(2), row.get(3), data).ok()?
    else {
        return None;
    };
    Some(SessionEnd {
        position,
        id: row.get(1),
        session_id: ended.session_id,
        reason: ended.reason,
        at,
    })
}
