//! How often sign-ins to an address have failed lately: what tells a typing mistake from somebody who tries many passwords
//! on one account, and from somebody who tries one password on many accounts.
//!
//! It refuses nobody; it is told as a metric. Each process counts for itself. Addresses are known by a hash that is seeded anew
//! in every process, and only so many of them: when there are more, those that were hardly tried are forgotten. Tries at the
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
/// How long a streak lasts after it began.
const WINDOW: Duration = Duration::from_mins(15);
/// From this many failures on it is nobody's typing mistake.
const PERSISTENT: u32 = 10;

/// Failures of one address.
#[derive(Debug, Clone, Copy)]
struct Failures {
    count: u32,
    since: Timestamp,
}

/// The addresses to which sign-ins have failed lately.
pub struct FailedSignIns {
    hasher: RandomState,
    failures: Cache<u64, Failures>,
}

impl FailedSignIns {
    /// Nothing has failed yet; memory is taken as it does.
    pub fn new() -> Self {
        Self { hasher: RandomState::default(), failures: Cache::new(REMEMBERED) }
    }

    /// A sign-in to this address has failed.
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

    /// A sign-in to this address has succeeded.
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
