//! Retention: old snapshots that the log can do without are dropped.
//!
//! Events are the truth and stay. Regular snapshots stay too while they are young; later they are thinned out, so that one
//! is left for each `SPAN` events of a stream. An old version of a stream is then made from more events, but never from
//! more than those. The newest snapshot of a stream is no short cut to the past but the way to its present, and stays.
//!
//! Every node thins, at its start and once a day: a second one finds nothing to do.

use std::time::Duration;

use tokio_postgres::types::ToSql;

use crate::base::clock::Clock;
use crate::eventlog::model::error::StoreError;
use crate::eventlog::model::statement::Statement;
use crate::eventlog::model::stream::StreamName;
use crate::postgres::Pool;

/// Number of events of a stream for which one old snapshot is left. They are read in some 30 ms.
const SPAN: i64 = 16_384;

/// Time until the next round.
const PAUSE: Duration = Duration::from_hours(24);

/// Thins a page of kept snapshots, in the order of their key, and returns the key at which it ended.
///
/// Snapshots to delete are named by text: a join could be planned, while there are no snapshots, as one that reads all of
/// them.
const THIN: &str = "\
with page as (
    select stream, schema, version, concat_ws(' ', stream, schema, version) as name,
           taken_at < $4
           and (select version from snapshots newer
                where newer.stream = old.stream and newer.schema = old.schema and newer.version > old.version
                limit 1) is not null
           and (select version from snapshots earlier
                where earlier.stream = old.stream and earlier.schema = old.schema and earlier.version < old.version
                  and earlier.version >= old.version / $5 * $5 and earlier.kept limit 1) is not null as goes
    from snapshots old
    where kept and stream >= $1 and (stream, schema, version) > ($1, $2::smallint, $3::bigint)
    order by stream, schema, version limit 1000
), thinned as (
    delete from snapshots
    where stream = any (array(select stream from page where goes))
      and concat_ws(' ', stream, schema, version) = any (array(select name from page where goes))
    returning 1
)
select stream, schema, version, (select count(*) from thinned) from page
order by stream desc, schema desc, version desc limit 1";

const FORGET: &str = "delete from snapshots where stream = any ($1)";

/// Drops every snapshot of streams that are not read any more.
pub fn forget(streams: &[StreamName]) -> Statement {
    let streams: Vec<String> = streams.iter().map(|stream| stream.as_str().to_owned()).collect();
    Statement::new(FORGET, vec![Box::new(streams)])
}

/// The part of the server that thins old snapshots out.
#[derive(Debug)]
pub struct Retention {
    /// Database sessions, of which a round needs one at a time.
    pool: Pool,
    /// Clock by which snapshots age. While it is wrong nothing is thinned.
    clock: Clock,
    /// Age up to which every snapshot stays.
    young: Duration,
}

impl Retention {
    /// Leaves snapshots alone while they are `young`.
    pub fn new(pool: Pool, clock: Clock, young: Duration) -> Self {
        Self { pool, clock, young }
    }

    /// Thins for as long as the server runs.
    pub async fn run(self) {
        loop {
            // By a clock that is ahead everything would be old.
            if self.clock.is_right() {
                match self.thin().await {
                    Ok(0) => {}
                    Ok(snapshots) => tracing::info!(snapshots, "deleted old snapshots"),
                    Err(error) => {
                        tracing::warn!(%error, "failed to delete old snapshots; retrying in a day");
                    }
                }
            }
            self.clock.sleep_until(self.clock.now().after(PAUSE)).await;
        }
    }

    /// Thins once, and returns the number of snapshots that are gone.
    ///
    /// # Errors
    ///
    /// If the database is unavailable.
    pub async fn thin(&self) -> Result<u64, StoreError> {
        let old = self.clock.now().before(self.young).to_jiff();
        let (mut at, mut gone) = ((String::new(), 0_i16, 0_i64), 0);
        while let Some((end, thinned)) = self.thin_after(&at, old).await? {
            (at, gone) = (end, gone + thinned);
        }
        Ok(gone)
    }

    async fn thin_after(
        &self,
        (stream, schema, version): &(String, i16, i64),
        old: jiff::Timestamp,
    ) -> Result<Option<((String, i16, i64), u64)>, StoreError> {
        let params: [&(dyn ToSql + Sync); 5] = [stream, schema, version, &old, &SPAN];
        let row = self.pool.get().await?.query_opt(THIN, &params).await?;
        Ok(row.map(|row| {
            let thinned = u64::try_from(row.get::<_, i64>(3)).unwrap_or_default();
            ((row.get(0), row.get(1), row.get(2)), thinned)
        }))
    }
}
