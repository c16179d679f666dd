//! The table of idempotency keys, partitioned by day.

use jiff::civil::Date;
use tokio_postgres::types::ToSql;

use super::record::{KeyedRequest, RecordedOutcome};
use crate::base::id::UserId;
use crate::eventlog::{Statement, StoreError};
use crate::postgres::Pool;

/// A command with events sorts before those that passed it unseen and changed nothing.
const OUTCOME: &str = "\
select fingerprint, version, events from idempotency_keys where owner = $1 and key = $2
order by events desc, day limit 1";

const INSERT: &str = "\
insert into idempotency_keys (day, owner, key, fingerprint, version, events) values ($1, $2, $3, $4, $5, $6)";

/// Prefix of all constraints that refuse a second outcome of a key, those of the partitions included.
const CONSTRAINTS: &str = "idempotency_keys";

/// Number of keys that a user has used on a day, up to a maximum.
const COUNT: &str = "\
select count(*) from (select from idempotency_keys where owner = $1 and day = $2 limit $3) counted";

const FORGET: &str = "delete from idempotency_keys where owner = $1";

/// The present day by the database's clock, and the days that have a partition.
const DAYS: &str = "\
select (now() at time zone 'UTC')::date, array(
    select to_date(right(inhrelid::regclass::text, 8), 'YYYYMMDD') from pg_inherits
    where inhparent = 'idempotency_keys'::regclass
)";

const ADD: &str = "select idempotency_keys_add($1)";
const DROP: &str = "select idempotency_keys_drop($1)";

/// Outcome of the request with a key, and the fingerprint of that request.
pub(super) async fn outcome(
    pool: &Pool,
    request: &KeyedRequest,
) -> Result<Option<(Vec<u8>, RecordedOutcome)>, StoreError> {
    let client = pool.get().await?;
    let row = client.query_opt(OUTCOME, &[&request.owner.uuid(), &request.key.0]).await?;
    Ok(row.map(|row| {
        let events = usize::try_from(row.get::<_, i32>(2)).unwrap_or_default();
        (row.get(0), RecordedOutcome { version: row.get(1), events })
    }))
}

/// Statement that records the outcome of a request.
pub(super) fn record(request: &KeyedRequest, recorded: RecordedOutcome, day: Date) -> Statement {
    let params: Vec<Box<dyn ToSql + Send + Sync>> = vec![
        Box::new(day),
        Box::new(request.owner.uuid()),
        Box::new(request.key.0),
        Box::new(request.fingerprint.to_vec()),
        Box::new(recorded.version),
        Box::new(i32::try_from(recorded.events).unwrap_or(i32::MAX)),
    ];
    Statement::new(INSERT, params)
}

/// True for a constraint that refuses a second outcome of a key.
pub(crate) fn is_second_outcome(constraint: &str) -> bool {
    constraint.starts_with(CONSTRAINTS)
}

/// Number of keys that a user has used on a day, up to `most`.
pub(super) async fn count(
    pool: &Pool,
    owner: UserId,
    day: Date,
    most: i64,
) -> Result<i64, StoreError> {
    let client = pool.get().await?;
    Ok(client.query_one(COUNT, &[&owner.uuid(), &day, &most]).await?.get(0))
}

/// Statement that deletes the keys of a user.
pub(super) fn forget(owner: UserId) -> Statement {
    Statement::new(FORGET, vec![Box::new(owner.uuid())])
}

/// The present day by the database's clock, and the days that have a partition.
pub(super) async fn days(pool: &Pool) -> Result<(Date, Vec<Date>), StoreError> {
    let row = pool.get().await?.query_one(DAYS, &[]).await?;
    Ok((row.get(0), row.get(1)))
}

/// Adds the partition of a day, if it is missing.
pub(super) async fn add(pool: &Pool, day: Date) -> Result<(), StoreError> {
    pool.get().await?.query_one(ADD, &[&day]).await?;
    Ok(())
}

/// Drops the partition of a day. Returns false if that would have made requests wait.
pub(super) async fn drop_day(pool: &Pool, day: Date) -> Result<bool, StoreError> {
    Ok(pool.get().await?.query_one(DROP, &[&day]).await?.get(0))
}
