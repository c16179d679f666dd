//! Daily limit of idempotency keys for each user.
//!
//! Keys are counted in memory, beginning with the number in the table at a user's first key of the day, so most keys cost no
//! query. Other nodes count separately, so the table is read again after each quarter of the remaining keys: under an even
//! load up to four nodes stay within the limit, and a node can go beyond it by no more than the part of a quarter that it
//! had not used yet.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::civil::Date;
use quick_cache::sync::Cache;

use super::read_model;
use crate::base::id::UserId;
use crate::eventlog::StoreError;
use crate::postgres::Pool;

/// Most keys of a user in a day: 1.6 MB with their index.
pub const MAX_A_DAY: u32 = 10_000;
/// Least number of keys that may be used before the table is read again.
const LEAST: u32 = 32;
/// Most users whose keys are counted in memory. The table is read again for an evicted one.
const USERS: usize = 20_000;

/// Keys that a user may still use.
#[derive(Debug)]
struct Counted {
    /// Day for which the numbers hold.
    day: Date,
    /// Keys that may be used before the table has to be read again.
    left: u32,
    /// True if the table has as many keys as it may: the rest of the day needs no query.
    is_full: bool,
}

/// Number of keys that each user may use. Cheap to clone.
#[derive(Debug, Clone)]
pub struct DailyLimit {
    /// Database sessions to count a user's keys.
    pool: Pool,
    /// Counts of the users who sent keys last, bounded by eviction.
    users: Arc<Cache<UserId, Arc<Mutex<Counted>>>>,
}

impl DailyLimit {
    pub(super) fn new(pool: Pool) -> Self {
        Self { pool, users: Arc::new(Cache::new(USERS)) }
    }

    /// Takes one key of a day. Returns false if none was left.
    ///
    /// # Errors
    ///
    /// If the table cannot be read.
    pub(super) async fn take(&self, owner: UserId, day: Date) -> Result<bool, StoreError> {
        if let Some(counted) = self.users.get(&owner)
            && let Some(is_left) = lock(&counted).take(day)
        {
            return Ok(is_left);
        }
        let most = i64::from(MAX_A_DAY);
        let used = read_model::count(&self.pool, owner, day, most).await;
        let used = used.map_err(StoreError::of_read)?;
        let mut counted = Counted::new(day, u32::try_from(used).unwrap_or(MAX_A_DAY));
        let is_left = counted.take(day).unwrap_or_default();
        self.users.insert(owner, Arc::new(Mutex::new(counted)));
        Ok(is_left)
    }
}

fn lock(counted: &Mutex<Counted>) -> std::sync::MutexGuard<'_, Counted> {
    counted.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Counted {
    /// The allowance of a user who has used so many keys already.
    fn new(day: Date, used: u32) -> Self {
        let left = MAX_A_DAY.saturating_sub(used);
        Self { day, left: (left / 4).max(LEAST).min(left), is_full: left == 0 }
    }

    /// Takes one key. Returns false if none is left, and `None` if the table has to be read.
    fn take(&mut self, day: Date) -> Option<bool> {
        if self.day != day {
            None
        } else if self.is_full {
            Some(false)
        } else {
            self.left = self.left.checked_sub(1)?;
            Some(true)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TODAY: Date = Date::constant(2026, 1, 1);
    const TOMORROW: Date = Date::constant(2026, 1, 2);

    /// Number of keys that are taken before the table has to be read again.
    fn taken(used: u32) -> u32 {
        let mut counted = Counted::new(TODAY, used);
        let mut taken = 0;
        while counted.take(TODAY) == Some(true) {
            taken += 1;
        }
        taken
    }

    #[test]
    fn four_nodes_together_use_no_more_keys_than_there_are() {
        for used in (0..=MAX_A_DAY - 4 * LEAST).step_by(7) {
            assert!(used + 4 * taken(used) <= MAX_A_DAY, "{used}");
        }
        assert_eq!((taken(MAX_A_DAY - 1), taken(MAX_A_DAY)), (1, 0));
    }

    #[test]
    fn the_table_is_asked_some_thirty_times_for_all_keys_of_a_day() {
        let (mut used, mut asked) = (0, 0);
        while used < MAX_A_DAY {
            used += taken(used);
            asked += 1;
        }
        assert!((20..40).contains(&asked), "{asked}");
    }

    #[test]
    fn a_user_who_has_used_all_is_refused_without_asking_until_the_next_day() {
        let mut counted = Counted::new(TODAY, MAX_A_DAY);
        for _ in 0..3 {
            assert_eq!(counted.take(TODAY), Some(false));
        }
        assert_eq!(counted.take(TOMORROW), None);
    }
}
