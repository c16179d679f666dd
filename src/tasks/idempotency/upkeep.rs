//! Partitions of the idempotency keys: adds tomorrow's in time, and drops those whose keys were kept for long enough.
//!
//! Each node does this at its start and every hour. Adding a partition makes no request wait. Dropping one gives up at once
//! if the keys are being read, and is tried again an hour later. A day is over once both this node's clock and the
//! database's say so: a clock that is ahead loses no keys.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::read_model;
use super::record::KEPT;
use crate::base::clock::{Clock, Timestamp};
use crate::eventlog::StoreError;
use crate::postgres::Pool;

/// Time between two rounds of upkeep.
const PAUSE: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// The days that have a partition, as of the last round of upkeep. Cheap to clone.
#[derive(Debug, Clone, Default)]
struct Days(Arc<Mutex<Vec<Date>>>);

impl Days {
    /// Day under which a key is recorded at a time: today if it has a partition, else the newest day that has one.
    fn of(&self, now: Timestamp) -> Date {
        let (today, days) = (day_of(now), self.0.lock().unwrap_or_else(PoisonError::into_inner));
        if days.contains(&today) { today } else { days.iter().max().copied().unwrap_or(today) }
    }

    fn set(&self, days: Vec<Date>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = days;
    }
}

/// The background task that keeps the partitions. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Upkeep {
    /// Database sessions for adding, listing and dropping partitions.
    pool: Pool,
    /// Clock of this node, which is not trusted while it is known to be wrong.
    clock: Clock,
    /// Days that have a partition, shared with the keys that are recorded under them.
    days: Days,
}

impl Upkeep {
    /// Starts with a first round of upkeep.
    ///
    /// # Errors
    ///
    /// If the partition of today cannot be added.
    pub(super) async fn begin(pool: Pool, clock: Clock) -> Result<Self, StoreError> {
        let upkeep = Self { pool, clock, days: Days::default() };
        upkeep.look_after().await?;
        Ok(upkeep)
    }

    /// Day under which a key is recorded at this time.
    pub(super) fn day_of(&self, now: Timestamp) -> Date {
        self.days.of(now)
    }

    /// Runs the upkeep for as long as the server runs.
    pub async fn run(self) {
        loop {
            self.clock.sleep_until(self.clock.now().after(PAUSE)).await;
            // A wrong clock adds no partitions: those of future days would stay.
            if !self.clock.is_right() {
                continue;
            }
            if let Err(error) = self.look_after().await {
                tracing::warn!(%error, "failed to maintain the partitions of idempotency keys; retrying in an hour");
            }
        }
    }

    async fn look_after(&self) -> Result<(), StoreError> {
        let today = day_of(self.clock.now());
        for day in [today, after(today, 1)] {
            read_model::add(&self.pool, day).await?;
        }
        let (their_today, days) = read_model::days(&self.pool).await?;
        let (over, mut kept): (Vec<_>, Vec<_>) =
            days.into_iter().partition(|day| is_over(*day, today.min(their_today)));
        for day in over {
            if read_model::drop_day(&self.pool, day).await? {
                tracing::info!(%day, "dropped the idempotency keys of a day");
            } else {
                kept.push(day);
            }
        }
        self.days.set(kept);
        Ok(())
    }
}

/// True if the keys of a day have been kept for long enough today.
fn is_over(day: Date, today: Date) -> bool {
    let kept = i64::try_from(KEPT.as_secs().div_ceil(DAY.as_secs())).unwrap_or(i64::MAX);
    after(day, kept) < today
}

fn day_of(now: Timestamp) -> Date {
    now.to_jiff().to_zoned(TimeZone::UTC).date()
}

fn after(day: Date, days: i64) -> Date {
    day.saturating_add(days.days())
}

/// Time until the next day begins, in UTC.
pub(super) fn until_next_day(now: Timestamp) -> Duration {
    let day = i64::try_from(DAY.as_millis()).unwrap_or(i64::MAX);
    let left = day - now.unix_millis().rem_euclid(day);
    Duration::from_millis(u64::try_from(left).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    const HOUR: i64 = 3_600_000;

    #[test]
    fn a_day_is_over_two_whole_days_after_its_end() {
        let day = date(2026, 2, 27);
        let today = |days| after(day, days);
        assert!(!is_over(day, today(0)) && !is_over(day, today(2)));
        assert!(is_over(day, today(3)) && today(3) == date(2026, 3, 2));
    }

    #[test]
    fn a_key_is_recorded_under_its_day_or_the_newest_there_is() {
        let days = Days::default();
        let at = |hours| Timestamp::from_unix_millis(hours * HOUR);
        assert_eq!(days.of(at(0)), date(1970, 1, 1), "nothing is known");
        days.set(vec![date(1970, 1, 3), date(1970, 1, 2)]);
        assert_eq!(days.of(at(24)), date(1970, 1, 2));
        assert_eq!(days.of(at(71)), date(1970, 1, 3));
        assert_eq!(days.of(at(72)), date(1970, 1, 3), "beyond the newest");
        assert_eq!(days.of(at(0)), date(1970, 1, 3), "before the oldest, which may go soon");
    }

    #[test]
    fn the_next_day_begins_at_midnight_in_utc() {
        let until = |hours| until_next_day(Timestamp::from_unix_millis(hours * HOUR));
        assert_eq!((until(0), until(23)), (DAY, Duration::from_hours(1)));
        assert_eq!(until(-1), Duration::from_hours(1));
    }
}
