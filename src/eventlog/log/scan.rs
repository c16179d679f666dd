//! The log as it is read in passing: event by event, with no more of each than is needed.

use std::pin::pin;

use futures_util::TryStreamExt;
use tokio_postgres::types::ToSql;

use crate::base::clock::Timestamp;
use crate::eventlog::model::error::StoreError;
use crate::eventlog::model::event::PassingEvent;
use crate::eventlog::model::statement::JsonColumn;

/// A page of the whole log as it is read in passing, with the data of some categories, or of all.
const SELECT_PASSING: &str = "\
select position, stream, version, type, schema, recorded_at,
       case when $3::text[] is null or split_part(stream, '-', 1) = any ($3) then data end
from events where position > $1 order by position limit $2";

/// Goes through the events after a position, up to a limit, without having them all in memory, and returns the last
/// position. Only events of these categories have data, if any are named.
///
/// # Errors
///
/// If the database is unavailable, or `each` fails.
pub(crate) async fn walk(
    client: &tokio_postgres::Client,
    (position, limit): (i64, i64),
    categories: Option<&[&str]>,
    mut each: impl FnMut(&PassingEvent<'_>) -> Result<(), StoreError>,
) -> Result<Option<i64>, StoreError> {
    let params: [&(dyn ToSql + Sync); 3] = [&position, &limit, &categories];
    let mut rows = pin!(client.query_raw(SELECT_PASSING, params.iter().copied()).await?);
    let mut last = None;
    while let Some(row) = rows.try_next().await? {
        let data: Option<JsonColumn<'_>> = row.get(6);
        let recorded_at: jiff::Timestamp = row.get(5);
        let event = PassingEvent {
            position: row.get(0),
            stream: row.get(1),
            version: row.get(2),
            name: row.get(3),
            schema: row.get(4),
            data: data.map_or("null", |JsonColumn(json)| json),
            recorded_at: Timestamp::from(recorded_at),
        };
        each(&event)?;
        last = Some(event.position);
    }
    Ok(last)
}
