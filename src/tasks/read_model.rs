//! What task lists ask of the log beside their state.

use std::collections::HashMap;

use tokio_postgres::types::Json;
use tokio_postgres::{Error, Row};
use uuid::Uuid;

use super::history::entry::Only;
use super::values::{TaskId, Title};
use crate::base::clock::Timestamp;
use crate::eventlog::log::reader;
use crate::eventlog::{RecordedEvent, StoreError, StreamName};
use crate::postgres::{Lent, Pool};

/// A task's events from one of them backwards. Each names the one before it, except that what comes before a beginning is
/// the last deletion: the command that brings a task back need not know it, and may take back an earlier one.
const HISTORY: &str = "\
with recursive told as (
    select position, stream, version, event_id, type, schema, data, context, recorded_at
    from events where stream = $1 and version = $2
    union all
    select earlier.position, earlier.stream, earlier.version, earlier.event_id, earlier.type, earlier.schema,
           earlier.data, earlier.context, earlier.recorded_at
    from told join events earlier
         on earlier.stream = $1 and earlier.version = case
             when told.type in ('TaskCreated', 'TaskRestored') then (
                 select version from events deletion
                 where deletion.stream = $1 and deletion.type = 'TaskDeleted'
                       and deletion.data ->> 'taskId' = told.data ->> 'taskId' and deletion.version < told.version
                 order by deletion.version desc limit 1
             )
             else (told.data ->> 'previous')::bigint
         end
)
select position, stream, version, event_id, type, schema, data, context, recorded_at
from told where version < $3 limit $4";

/// The last deletion of each of some tasks.
const DELETIONS: &str = "\
select deletion.position, deletion.stream, deletion.version, deletion.event_id, deletion.type, deletion.schema,
       deletion.data, deletion.context, deletion.recorded_at
from unnest($2::text[]) asked (task_id)
cross join lateral (
    select * from events
    where stream = $1 and type = 'TaskDeleted' and data ->> 'taskId' = asked.task_id
    order by version desc limit 1
) deletion";

/// What the tasks were called that were ever deleted, when they were deleted last.
const LAST_TITLES: &str = "\
select asked.task_id, deletion.title
from unnest($2::uuid[]) asked (task_id)
cross join lateral (
    select data #> '{task,title}' as title from events
    where stream = $1 and type = 'TaskDeleted' and data ->> 'taskId' = asked.task_id::text
    order by version desc limit 1
) deletion";

/// The events of a list before a version, the last first.
const LIST_HISTORY: &str = "\
select position, stream, version, event_id, type, schema, data, context, recorded_at
from events where stream = $1 and version < $2 order by version desc limit $3";

/// The deletions of a list before a version, the last first.
const LIST_DELETIONS: &str = "\
select position, stream, version, event_id, type, schema, data, context, recorded_at
from events where stream = $1 and type = 'TaskDeleted' and version < $2 order by version desc limit $3";

/// The last version of a list, up to $3, that was there at a time. Time does not run backwards in a list, so halving the
/// versions finds it.
const VERSION_AT: &str = "\
with recursive halving (low, high) as (
    select 0::bigint, $3::bigint
    union all
    select case when is_past then mid else low end, case when is_past then high else mid - 1 end
    from (
        select low, high, mid, (
            select (data ->> 'at')::timestamptz <= $2 from events where stream = $1 and version = mid
        ) as is_past
        from (select low, high, (low + high + 1) / 2 as mid from halving where low < high) halves
    ) looked_at
)
select low from halving where low = high";

/// Bytes of stored events from which on a page of a history takes no more.
const MAX_PAGE: usize = 512 * 1024;
/// Events that are read at once: those that a page has no room for were read for nothing.
const CHUNK: usize = 128;

/// A page of a history, the last event first.
#[derive(Debug, Default)]
pub(super) struct Page {
    /// Its events.
    pub(super) events: Vec<RecordedEvent>,
    /// Their bytes.
    pub(super) bytes: usize,
    /// Whether there are earlier ones.
    pub(super) more: bool,
}

/// Whose history.
#[derive(Debug, Clone, Copy)]
pub(super) enum Of {
    /// A task's, looked for from the event in this version backwards.
    Task(i64),
    /// A whole list's, or only its deletions.
    List(Option<Only>),
}

impl Of {
    /// The last `most` events before a version.
    async fn read(
        self,
        client: &Lent,
        stream: &StreamName,
        before: i64,
        most: i64,
    ) -> Result<Vec<Row>, Error> {
        let stream = stream.as_str();
        match self {
            Self::Task(last) => {
                client.query(HISTORY, &[&stream, &last.min(before), &before, &most]).await
            }
            Self::List(None) => client.query(LIST_HISTORY, &[&stream, &before, &most]).await,
            Self::List(Some(Only::Deleted)) => {
                client.query(LIST_DELETIONS, &[&stream, &before, &most]).await
            }
        }
    }
}

/// Up to `limit` events of a history from before a version, as many as a page has bytes for.
pub(super) async fn history(
    pool: &Pool,
    stream: &StreamName,
    (of, mut before): (Of, i64),
    limit: usize,
) -> Result<Page, StoreError> {
    let client = pool.get().await?;
    let mut page = Page::default();
    loop {
        // One more than there is room for tells whether it is the last page.
        let most = CHUNK.min(limit - page.events.len() + 1);
        let chunk = i64::try_from(most).unwrap_or(i64::MAX);
        let rows = of.read(&client, stream, before, chunk).await?;
        for row in &rows {
            if page.events.len() == limit || page.bytes >= MAX_PAGE {
                return Ok(Page { more: true, ..page });
            }
            let event = reader::recorded(row)?;
            before = event.version;
            page.bytes += event.data.get().len();
            page.events.push(event);
        }
        if rows.len() < most {
            return Ok(page);
        }
    }
}

/// What those of the tasks were called that were ever deleted, when they were deleted last.
pub(super) async fn last_titles(
    pool: &Pool,
    stream: &StreamName,
    tasks: impl Iterator<Item = TaskId>,
) -> Result<HashMap<TaskId, Title>, StoreError> {
    let client = pool.get().await?;
    let ids: Vec<Uuid> = tasks.map(TaskId::uuid).collect();
    let rows = client.query(LAST_TITLES, &[&stream.as_str(), &ids]).await?;
    let called = |row: &Row| {
        let Json(title) = row.try_get(1)?;
        Ok((TaskId::from_uuid(row.try_get(0)?), title))
    };
    rows.iter().map(called).collect()
}

/// The last deletions of those of the tasks that were ever deleted.
pub(super) async fn deletions(
    pool: &Pool,
    stream: &StreamName,
    tasks: &[TaskId],
) -> Result<Vec<RecordedEvent>, StoreError> {
    let client = pool.get().await?;
    let ids: Vec<String> = tasks.iter().map(ToString::to_string).collect();
    let rows = client.query(DELETIONS, &[&stream.as_str(), &ids]).await?;
    rows.iter().map(reader::recorded).collect()
}

/// The version that a list had at a time, which is at most `last`.
pub(super) async fn version_at(
    pool: &Pool,
    stream: &StreamName,
    at: Timestamp,
    last: i64,
) -> Result<i64, StoreError> {
    let client = pool.get().await?;
    let row = client.query_one(VERSION_AT, &[&stream.as_str(), &at.to_jiff(), &last]).await?;
    Ok(row.get(0))
}
