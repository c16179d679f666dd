//! Queries of the log for task lists: histories, deletions, and the version at a time.

use std::collections::HashMap;

use tokio_postgres::types::Json;
use tokio_postgres::{Error, Row};
use uuid::Uuid;

use super::history::entry::HistoryFilter;
use super::values::{TaskId, Title};
use crate::base::clock::Timestamp;
use crate::eventlog::log::reader;
use crate::eventlog::{RecordedEvent, StoreError, StreamName};
use crate::postgres::{Pool, PooledSession};

/// Events of a task, from one of them backwards. Each names the previous one, except that a creation or a restoration
/// follows the last deletion before it: the command that brings a task back need not know that one, and may name an earlier
/// one.
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

/// Last deletion of each of the given tasks.
const DELETIONS: &str = "\
select deletion.position, deletion.stream, deletion.version, deletion.event_id, deletion.type, deletion.schema,
       deletion.data, deletion.context, deletion.recorded_at
from unnest($2::text[]) asked (task_id)
cross join lateral (
    select * from events
    where stream = $1 and type = 'TaskDeleted' and data ->> 'taskId' = asked.task_id
    order by version desc limit 1
) deletion";

/// Titles that the given tasks had at their last deletion. Tasks that were never deleted have no row.
const LAST_TITLES: &str = "\
select asked.task_id, deletion.title
from unnest($2::uuid[]) asked (task_id)
cross join lateral (
    select data #> '{task,title}' as title from events
    where stream = $1 and type = 'TaskDeleted' and data ->> 'taskId' = asked.task_id::text
    order by version desc limit 1
) deletion";

/// Events of a list before a version, newest first.
const LIST_HISTORY: &str = "\
select position, stream, version, event_id, type, schema, data, context, recorded_at
from events where stream = $1 and version < $2 order by version desc limit $3";

/// Deletions of a list before a version, newest first.
const LIST_DELETIONS: &str = "\
select position, stream, version, event_id, type, schema, data, context, recorded_at
from events where stream = $1 and type = 'TaskDeleted' and version < $2 order by version desc limit $3";

/// Last version of a list, up to $3, that existed at a time. Found by binary search, because time never decreases in a list.
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

/// Bytes of stored events at which a page of a history ends.
const MAX_PAGE: usize = 512 * 1024;
/// Events that are read at once. Those that the page has no room for are read in vain.
const CHUNK: usize = 128;

/// A page of a history, newest event first.
#[derive(Debug, Default)]
pub(super) struct HistoryEvents {
    /// Events of the page, newest first.
    pub(super) events: Vec<RecordedEvent>,
    /// Bytes of these events as they are stored.
    pub(super) bytes: usize,
    /// True if there are earlier events.
    pub(super) more: bool,
}

/// Subject of a history.
#[derive(Debug, Clone, Copy)]
pub(super) enum HistorySubject {
    /// One task, from the event in this version backwards.
    Task(i64),
    /// A whole list, or only its deletions.
    List(Option<HistoryFilter>),
}

impl HistorySubject {
    /// Up to `most` events before a version, newest first.
    async fn read(
        self,
        client: &PooledSession,
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
            Self::List(Some(HistoryFilter::Deleted)) => {
                client.query(LIST_DELETIONS, &[&stream, &before, &most]).await
            }
        }
    }
}

/// Up to `limit` events of a history before a version, or as many as a page has bytes for.
pub(super) async fn history(
    pool: &Pool,
    stream: &StreamName,
    (of, mut before): (HistorySubject, i64),
    limit: usize,
) -> Result<HistoryEvents, StoreError> {
    let client = pool.get().await?;
    let mut page = HistoryEvents::default();
    loop {
        // One event more than there is room for shows that there is another page.
        let most = CHUNK.min(limit - page.events.len() + 1);
        let chunk = i64::try_from(most).unwrap_or(i64::MAX);
        let rows = of.read(&client, stream, before, chunk).await?;
        for row in &rows {
            if page.events.len() == limit || page.bytes >= MAX_PAGE {
                return Ok(HistoryEvents { more: true, ..page });
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

/// Titles that the given tasks had at their last deletion, without those that were never deleted.
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

/// Last deletions of the given tasks, without those that were never deleted.
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

/// The version that a list had at a time; at most `last`.
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
