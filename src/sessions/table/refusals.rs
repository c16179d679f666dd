//! Negative cache of look-ups: tokens and ids for which the database has just had no live session.
//!
//! A client that goes on sending a dead token costs one look-up in ten seconds instead of one a request. No session that
//! begins later is refused: a session's token is 256 random bits and its access tokens name a random id, and both are
//! handed out only after it has begun, so no request asks for either before.

use std::time::Duration;

use quick_cache::sync::Cache;

use crate::base::clock::Timestamp;
use crate::base::id::SessionId;
use crate::sessions::token::TokenHash;

/// Most refusals that are remembered: about 2 MB of them.
const MOST: usize = 16_384;
/// Time for which a refusal is remembered.
const WINDOW: Duration = Duration::from_secs(10);

/// Key by which a session is looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum LookupKey {
    /// Identifier, from the `sid` claim of an access token.
    Id(SessionId),
    /// Hash of its token, from a cookie or a bearer token.
    Token(TokenHash),
}

/// Keys that no live session had, each with the time of its look-up.
#[derive(Debug)]
pub(crate) struct Refusals(Cache<LookupKey, Timestamp>);

impl Refusals {
    /// Makes an empty cache; memory is taken as keys are refused.
    pub(crate) fn new() -> Self {
        Self(Cache::new(MOST))
    }

    /// Remembers that no live session has this key.
    pub(crate) fn remember(&self, asked: LookupKey, now: Timestamp) {
        self.0.insert(asked, now);
    }

    /// Returns true if no live session had this key a moment ago.
    pub(crate) fn contains(&self, asked: LookupKey, now: Timestamp) -> bool {
        // After a clock was set back, a refusal does not last until it has caught up.
        self.0.get(&asked).is_some_and(|refused| now >= refused && now < refused.after(WINDOW))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_remembered_for_a_short_while() {
        let (refusals, asked) = (Refusals::new(), LookupKey::Token(TokenHash([7; 32])));
        let now = Timestamp::from_unix_millis(1_000_000);
        assert!(!refusals.contains(asked, now));
        refusals.remember(asked, now);
        assert!(refusals.contains(asked, now.after(WINDOW).before(Duration::from_millis(1))));
        assert!(!refusals.contains(asked, now.after(WINDOW)));
        assert!(!refusals.contains(asked, now.before(Duration::from_millis(1))));
        assert!(!refusals.contains(LookupKey::Token(TokenHash([8; 32])), now));
    }

    #[test]
    fn no_more_refusals_are_remembered_than_there_is_room_for() {
        let refusals = Refusals::new();
        for number in 0..100_000_u32 {
            let mut hash = [0; 32];
            hash[..4].copy_from_slice(&number.to_be_bytes());
            refusals.remember(LookupKey::Token(TokenHash(hash)), Timestamp::from_unix_millis(0));
        }
        assert!(refusals.0.len() <= MOST);
    }
}
