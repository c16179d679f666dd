//! How many keys a user may use in a day.
//!
//! They are counted in memory, from what the table says when a user's first key of the day comes. Other nodes count theirs, so
//! the table is asked again whenever a quarter of what was left is used: no number of nodes up to four goes beyond the limit, and
//! a key costs no counting.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::civil::Date;
use quick_cache::sync::Cache;

use super::read_model;
use crate::base::id::UserId;
use crate::eventlog::StoreError;
use crate::postgres::Pool;

/// Most keys of a user in a day: 1.6 MB with their index.
pub const MAX_A_DAY: u32 = 10_000;
/// Keys that may be used at least before the table is asked again.
const LEAST: u32 = 32;
/// Users whose keys are counted at the same time. Of one who was forgotten the table is asked again.
const USERS: usize = 20_000;

/// Keys of one user that may still be used.
#[derive(Debug)]
struct Counted {
    day: Date,
    /// Before the table has to be asked again.
    left: u32,
    /// The table said that there are as many as may be.
    is_full: bool,
}

/// The users' keys of the day. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Ration {
    pool: Pool,
    users: Arc<Cache<UserId, Arc<Mutex<Counted>>>>,
}

impl Ration {
    pub(super) fn new(pool: Pool) -> Self {
        Self { pool, users: Arc::new(Cache::new(USERS)) }
    }

    /// Takes one key of a day; whether there was one left.
    ///
    /// # Errors
    ///
    /// When the table cannot be asked.
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
    /// What may be used when so many were used already.
    fn new(day: Date, used: u32) -> Self {
        let left = MAX_A_DAY.saturating_sub(used);
        Self { day, left: (left / 4).max(LEAST).min(left), is_full: left == 0 }
    }

    /// Takes one, and says whether there was one; nothing when the table has to be asked.
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

    /// How many are taken before the table has to be asked again.
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
