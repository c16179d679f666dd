//! Times at which keys change: how long one signs, and how long before and after that it is in the JWKS.

use std::time::Duration;

use crate::base::clock::Timestamp;

/// Durations from which every change of the ring is timed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// Time for which a key signs.
    pub rotation: Duration,
    /// Time for which a key is in the JWKS before it signs, so that every verifier has it when its first token comes.
    pub lead: Duration,
    /// Lifetime of an access token, for which a key verifies after it has stopped signing.
    pub token_lifetime: Duration,
}

impl Schedule {
    /// Longest time for which a verifier may cache the JWKS: shorter than the lead, so that a verifier with the oldest allowed
    /// copy, or with a slightly slow clock, still knows a key before it signs.
    pub fn jwks_max_age(&self) -> Duration {
        Duration::from_secs(self.lead.as_secs() * 2 / 3)
    }

    /// Time at which a key that is published now begins to sign.
    pub fn signs_from(&self, now: Timestamp) -> Timestamp {
        now.after(self.lead)
    }

    /// Time until which a key that stops signing now verifies. Its last token has expired by then, even one from a node that
    /// was slow to hear that another key signs.
    pub fn verifies_until(&self, now: Timestamp) -> Timestamp {
        now.after(self.token_lifetime + self.lead)
    }

    /// Time at which the successor of a key that has signed since `since` is published.
    pub fn successor_at(&self, since: Timestamp) -> Timestamp {
        since.after(self.rotation.saturating_sub(self.lead))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFAULT: Schedule = Schedule {
        rotation: Duration::from_hours(30 * 24),
        lead: Duration::from_mins(15),
        token_lifetime: Duration::from_mins(15),
    };

    #[test]
    fn a_key_is_published_longer_before_it_signs_than_the_jwks_may_be_cached() {
        assert_eq!(DEFAULT.jwks_max_age(), Duration::from_mins(10));
        for seconds in [1, 2, 3, 4, 59, 86_400] {
            let schedule = Schedule { lead: Duration::from_secs(seconds), ..DEFAULT };
            assert!(schedule.jwks_max_age() < schedule.lead, "{schedule:?}");
        }
    }

    #[test]
    fn a_key_signs_for_the_rotation_and_is_in_the_jwks_around_it() {
        let start = Timestamp::from_unix_millis(0);
        let (published, since) = (start, DEFAULT.signs_from(start));
        assert_eq!(since, published.after(Duration::from_mins(15)));
        let until = DEFAULT.signs_from(DEFAULT.successor_at(since));
        assert_eq!(until, since.after(DEFAULT.rotation));
        assert_eq!(DEFAULT.verifies_until(until), until.after(Duration::from_mins(30)));
    }
}
