//! When keys change: how long one signs, and how long before and after that it is in the JWKS.

use std::time::Duration;

use crate::base::clock::Timestamp;

/// When keys change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// How long a key signs.
    pub rotation: Duration,
    /// How long a key is in the JWKS before it signs, so that every verifier has it when its first token comes.
    pub lead: Duration,
    /// How long an access token is valid.
    pub token_lifetime: Duration,
}

impl Schedule {
    /// How long a verifier may keep the JWKS: shorter than the lead, so that a verifier whose copy is as old as it may be,
    /// or whose clock is a little slow, still knows a key before it signs.
    pub fn jwks_max_age(&self) -> Duration {
        Duration::from_secs(self.lead.as_secs() * 2 / 3)
    }

    /// When a key that is published now begins to sign.
    pub fn signs_from(&self, now: Timestamp) -> Timestamp {
        now.after(self.lead)
    }

    /// Until when a key that stops signing now verifies: its last token has expired then, even for a node that was slow to
    /// hear that another key signs.
    pub fn verifies_until(&self, now: Timestamp) -> Timestamp {
        now.after(self.token_lifetime + self.lead)
    }

    /// When the successor of a key that signs since then is published.
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
