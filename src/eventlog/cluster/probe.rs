//! Probe of the database, every few seconds: its time, and its readiness for changes.

use tokio_postgres::Error;
use uuid::Uuid;

use super::error::{HEARTBEAT_TIMEOUT, MembershipError};
use crate::base::clock::Timestamp;
use crate::base::skew::SkewProbe;
use crate::eventlog::log::soundness;
use crate::eventlog::node_status::Status;
use crate::postgres::Link;

/// Questions to the database. Asking for the use of its queue of notifications also makes PostgreSQL free those that no
/// session has to read any more: a queue that was full stays full otherwise.
const LOOK: &str = "\
select clock_timestamp(), pg_notification_queue_usage(),
       not pg_is_in_recovery() and has_table_privilege('events', 'insert')";

/// A change that changes nothing and is committed, to find out if changes are taken. Its notification names no batch.
const TRY: &str = "\
with touched as (update log_term set only_row = only_row where only_row returning only_row)
select pg_notify('keyfold:' || current_schema(), '') from touched";

/// Used share from which the queue of notifications counts as full: no change is taken then.
const FULL: f64 = 0.99;

/// Identifier of the event at a position, which tells one history of the log from another.
const SELECT_ID: &str = "select event_id from events where position = $1";

/// Compares the clocks, and finds out if the database takes changes.
pub(super) async fn look(link: &Link, status: &Status) -> Result<(), MembershipError> {
    let asked = SkewProbe::new();
    let row = in_time(link.client.query_one(LOOK, &[])).await?;
    let told = Timestamp::from(row.get::<_, jiff::Timestamp>(0));
    status.compare(|clock| asked.told(told, clock));
    let (used, may_write): (f64, bool) = (row.get(1), row.get(2));
    let writable = status.writable();
    writable.set_queue(used);
    if used >= FULL || !may_write {
        writable.set(false);
    } else if !writable.is_so() {
        let tried = async {
            soundness::append_and_take_back(&link.client).await?;
            link.client.execute(TRY, &[]).await
        };
        writable.set(in_time(tried).await.is_ok());
    }
    Ok(())
}

/// The identifier of the event at a position.
pub(super) async fn id_at(link: &Link, position: i64) -> Result<Option<Uuid>, MembershipError> {
    let row = in_time(link.client.query_opt(SELECT_ID, &[&position])).await?;
    Ok(row.map(|row| row.get(0)))
}

/// Answer of a statement, if it comes in time; otherwise the database is silent.
async fn in_time<T>(
    statement: impl Future<Output = Result<T, Error>>,
) -> Result<T, MembershipError> {
    let answered = tokio::time::timeout(HEARTBEAT_TIMEOUT, statement).await;
    Ok(answered.map_err(|_| MembershipError::Silent)??)
}
