//! Counts of failed sign-ins by address: they tell a typing mistake from an attacker who tries many passwords on one
//! account, and from one who tries one password on many accounts.
//!
//! Counting refuses no sign-in; it is a metric. Each process counts for itself. Addresses are known by a hash that is seeded
//! anew in every process, and only `REMEMBERED` of them: beyond that, those with few attempts are evicted. Attempts at the
//! same moment may count as one.

use std::hash::BuildHasher;
use std::time::Duration;

use foldhash::quality::RandomState;
use quick_cache::sync::Cache;

use super::email::Email;
use crate::base::clock::Timestamp;
use crate::telemetry::audit_events::Streak;

/// Most addresses that are remembered: about 4 MB of them.
const REMEMBERED: usize = 100_000;
/// Duration of a streak, from its first failure on.
const WINDOW: Duration = Duration::from_mins(15);
/// Number of failures from which on a streak is not taken for typing mistakes.
const PERSISTENT: u32 = 10;

/// The streak of one address.
#[derive(Debug, Clone, Copy)]
struct Failures {
    /// Failures since the streak began, compared with `PERSISTENT`.
    count: u32,
    /// Time of the first failure, from which the streak ends after `WINDOW`.
    since: Timestamp,
}

/// Addresses to which sign-ins have failed lately.
pub struct FailedSignIns {
    /// Seeded per process, so that memory holds no address in the clear.
    hasher: RandomState,
    /// Streaks by the hash of their address, bounded by eviction.
    failures: Cache<u64, Failures>,
}

impl FailedSignIns {
    /// Makes an empty count; memory is taken as sign-ins fail.
    pub fn new() -> Self {
        Self { hasher: RandomState::default(), failures: Cache::new(REMEMBERED) }
    }

    /// Counts a failed sign-in to this address, and classifies its streak.
    pub fn failed(&self, email: &Email, now: Timestamp) -> Streak {
        let address = self.hasher.hash_one(email.as_str());
        let going_on = |failures: &Failures| now < failures.since.after(WINDOW);
        let before = self.failures.get(&address).filter(going_on);
        let Failures { count, since } = before.unwrap_or(Failures { count: 0, since: now });
        let count = count.saturating_add(1);
        self.failures.insert(address, Failures { count, since });
        match count {
            1 => Streak::First,
            2..PERSISTENT => Streak::Repeated,
            _ => Streak::Persistent,
        }
    }

    /// Ends the streak of this address, after a sign-in has succeeded.
    pub fn succeeded(&self, email: &Email) {
        self.failures.remove(&self.hasher.hash_one(email.as_str()));
    }
}

impl Default for FailedSignIns {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for FailedSignIns {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FailedSignIns")
            .field("addresses", &self.failures.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_millis(1_763_812_800_000);

    fn email(text: &str) -> Email {
        Email::parse(text).unwrap()
    }

    #[test]
    fn a_streak_grows_with_every_failure_of_its_address() {
        let (failed, ada) = (FailedSignIns::new(), email("ada@example.com"));
        let streaks: Vec<_> = (0..11).map(|_| failed.failed(&ada, NOW)).collect();
        assert_eq!(streaks[0], Streak::First);
        assert_eq!(streaks[1..9], [Streak::Repeated; 8]);
        assert_eq!(streaks[9..], [Streak::Persistent; 2]);
        assert_eq!(failed.failed(&email("grace@example.com"), NOW), Streak::First);
    }

    #[test]
    fn a_streak_ends_with_a_success_or_a_quarter_of_an_hour_after_it_began() {
        let (failed, ada) = (FailedSignIns::new(), email("ada@example.com"));
        assert_eq!(failed.failed(&ada, NOW), Streak::First);
        let later = NOW.after(WINDOW).before(Duration::from_millis(1));
        assert_eq!(failed.failed(&ada, later), Streak::Repeated);
        assert_eq!(failed.failed(&ada, NOW.after(WINDOW)), Streak::First);
        failed.succeeded(&ada);
        assert_eq!(failed.failed(&ada, NOW.after(WINDOW)), Streak::First);
    }
}
