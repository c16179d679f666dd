//! Checks of the log: that it has no hole and that it takes events, for `keyfold doctor` and for readiness.

use std::time::Duration;

use tokio_postgres::Client;

use crate::base::clock::Timestamp;
use crate::eventlog::model::error::StoreError;
use crate::postgres::PooledSession;

/// Positions that are counted at once.
const PAGE: i64 = 50_000;

const COUNT: &str = "select count(*) from events where position > $1 and position <= $2";
const FIRST_MISSING: &str = "\
select place from generate_series($1::bigint + 1, $2::bigint) as place
where (select position from events where position = place) is null limit 1";

const NEWEST_DATE: &str = "select max(recorded_at) from events where position > $1";

/// Appends an event and takes it back. That leaves a dead row to be vacuumed, so it is done in doubt only. The event is
/// larger than a page and does not compress: on a full disk a small one may still find room in a page that exists.
const TRY: &str = "\
do $$
declare
    base bigint;
begin
    base := events_lock();
    insert into events (position, stream, version, slice, event_id, type, schema, data, context, recorded_at)
    select base + 1, 'readiness-trial', 1, 0, gen_random_uuid(), 'Tried', 1,
           json_build_array(string_agg(md5(random()::text), '')), '{}', now()
    from generate_series(1, 1024);
    raise exception 'taken back' using errcode = 'KF000';
exception when sqlstate 'KF000' then
    null;
end
$$";

/// Position at which the log ends, and true if a session may write.
const STANDS: &str = "\
select coalesce((select position from events where position > 0 order by position desc limit 1), 0),
       not pg_is_in_recovery() and current_setting('transaction_read_only') = 'off'";

/// Standing of the log at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogEnd {
    /// Position of the last event; 0 in an empty log.
    pub head: i64,
    /// True if the database takes writes at all; a standby does not.
    pub takes_writes: bool,
}

/// Reads the standing of the log.
///
/// # Errors
///
/// If the database is unavailable.
pub async fn stands(client: &PooledSession) -> Result<LogEnd, StoreError> {
    let row = client.query_one(STANDS, &[]).await?;
    Ok(LogEnd { head: row.get(0), takes_writes: row.get(1) })
}

/// Result of a search for holes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HoleSearch {
    /// Position after which everything was looked at.
    pub after: i64,
    /// A position that has no event.
    pub hole: Option<i64>,
}

/// Looks for positions up to `head` that have no event, from the newest on, for about as long as `patience`.
///
/// # Errors
///
/// If the database is unavailable.
pub async fn holes(
    client: &Client,
    head: i64,
    patience: Duration,
) -> Result<HoleSearch, StoreError> {
    let began = std::time::Instant::now();
    let mut upto = head;
    while upto > 0 && began.elapsed() < patience {
        let after = (upto - PAGE).max(0);
        let count: i64 = client.query_one(COUNT, &[&after, &upto]).await?.get(0);
        if count < upto - after {
            let missing = client.query_opt(FIRST_MISSING, &[&after, &upto]).await?;
            return Ok(HoleSearch { after, hole: missing.map(|row| row.get(0)) });
        }
        upto = after;
    }
    Ok(HoleSearch { after: upto, hole: None })
}

/// The latest date that an event after a position has, whichever event that is.
///
/// # Errors
///
/// If the database is unavailable.
pub async fn newest_date(client: &Client, after: i64) -> Result<Option<Timestamp>, StoreError> {
    let row = client.query_one(NEWEST_DATE, &[&after]).await?;
    Ok(row.get::<_, Option<jiff::Timestamp>>(0).map(Timestamp::from))
}

/// Appends an event and takes it back, to find out whether it could be appended.
///
/// # Errors
///
/// The reason for which it could not.
pub(crate) async fn append_and_take_back(client: &Client) -> Result<(), tokio_postgres::Error> {
    client.batch_execute(TRY).await
}
