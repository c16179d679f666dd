//! What task lists ask of the log beside their state.

use tokio_postgres::types::ToSql;

use super::values::TaskId;
use crate::clock::Timestamp;
use crate::database::Pool;
use crate::eventlog::{RecordedEvent, StoreError, StreamName, store};

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

/// The deletions of a list up to a version, the last first.
const LIST_DELETIONS: &str = "\
select position, stream, version, event_id, type, schema, data, context, recorded_at
from events where stream = $1 and type = 'TaskDeleted' and version <= $2 order by version desc limit $3";

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

/// Up to `limit` events of one task from before a version, looked for from the one at `begin` backwards.
pub(super) async fn history(
    pool: &Pool,
    stream: &StreamName,
    (begin, before): (i64, i64),
    limit: i64,
) -> Result<Vec<RecordedEvent>, StoreError> {
    let client = pool.get().await?;
    let params: [&(dyn ToSql + Sync); 4] = [&stream.as_str(), &begin, &before, &limit];
    client.query(HISTORY, &params).await?.iter().map(store::recorded).collect()
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
    rows.iter().map(store::recorded).collect()
}

/// Up to `limit` deletions of a list, the last first, from a version backwards.
pub(super) async fn list_deletions(
    pool: &Pool,
    stream: &StreamName,
    until: i64,
    limit: i64,
) -> Result<Vec<RecordedEvent>, StoreError> {
    let client = pool.get().await?;
    let params: [&(dyn ToSql + Sync); 3] = [&stream.as_str(), &until, &limit];
    client.query(LIST_DELETIONS, &params).await?.iter().map(store::recorded).collect()
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
