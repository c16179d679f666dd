//! Cache of verification results: the signature of each distinct token is verified once.
//!
//! A cache belongs to one key set and ends with it, so a key that has left the ring vouches for nothing any more.
//! Entries are keyed by the SHA-256 of all bytes of the token. Only properties of the token itself are cached: expiry and
//! revocation are checked on every request.

use aws_lc_rs::digest::{SHA256, digest};
use quick_cache::sync::Cache;

use super::token_error::{MAX_LENGTH, TokenError};
use crate::base::clock::MOST_DRIFT;
use crate::base::clock::Timestamp;
use crate::base::id::{SessionId, UserId};

/// Most accepted tokens in a cache: about 10 MB of them.
const ACCEPTED: usize = 100_000;
/// Most refused tokens in a cache. They have a part of their own, so that a flood of forgeries evicts no good token. A
/// power of two, as the cache is divided by cores.
const REFUSED: usize = 1_024;

/// Claims of an authentic token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified {
    /// User whom the token authenticates.
    pub user_id: UserId,
    /// Session of the token; once it has ended, the token is refused.
    pub session_id: SessionId,
    /// Begin of the token's validity, seconds since 1970: the later of `iat` and `nbf`.
    pub begins_at: i64,
    /// Expiry of the token, seconds since 1970.
    pub expires_at: i64,
}

impl Verified {
    /// Returns the claims if the token is valid at `now`. Its begin is checked with a tolerance, because the clock of the node
    /// that issued it may be as far ahead as a clock may be.
    ///
    /// # Errors
    ///
    /// [`TokenError::Expired`] from the second in which it expires, [`TokenError::NotYetValid`] before it begins.
    pub fn at(self, now: Timestamp) -> Result<Self, TokenError> {
        if self.expires_at <= now.unix_seconds() {
            Err(TokenError::Expired)
        } else if self.begins_at > now.after(MOST_DRIFT).unix_seconds() {
            Err(TokenError::NotYetValid)
        } else {
            Ok(self)
        }
    }
}

/// Says if a token's result came from the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// The result was cached.
    Before,
    /// The token had to be verified.
    Now,
}

type AccessTokenHash = [u8; 32];

/// Results of verifying tokens with one key set.
pub struct VerifiedTokens {
    /// Claims of authentic tokens, apart from refusals, so that forgeries cannot evict them.
    accepted: Cache<AccessTokenHash, Verified>,
    /// Reasons of refusals, kept so that a repeated forgery costs a hash and no signature check.
    refused: Cache<AccessTokenHash, TokenError>,
}

impl VerifiedTokens {
    /// Makes an empty cache; memory is taken as tokens come.
    pub fn new() -> Self {
        Self { accepted: Cache::new(ACCEPTED), refused: Cache::new(REFUSED) }
    }

    /// Returns the cached result for a token, or else that of `verify`, which is then cached. A text that is too long for a
    /// token is refused without being hashed.
    pub fn get_or(
        &self,
        token: &str,
        verify: impl FnOnce() -> Result<Verified, TokenError>,
    ) -> (Result<Verified, TokenError>, Seen) {
        if token.len() > MAX_LENGTH {
            return (Err(TokenError::Malformed), Seen::Now);
        }
        let hash: AccessTokenHash =
            digest(&SHA256, token.as_bytes()).as_ref().try_into().unwrap_or_default();
        if let Some(verified) = self.accepted.get(&hash) {
            return (Ok(verified), Seen::Before);
        }
        if let Some(error) = self.refused.get(&hash) {
            return (Err(error), Seen::Before);
        }
        let verified = verify();
        match verified {
            Ok(verified) => self.accepted.insert(hash, verified),
            Err(error) => self.refused.insert(hash, error),
        }
        (verified, Seen::Now)
    }
}

impl Default for VerifiedTokens {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for VerifiedTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VerifiedTokens")
            .field("accepted", &self.accepted.len())
            .field("refused", &self.refused.len())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_millis(1_763_812_800_000);

    fn verified(expires_at: i64) -> Verified {
        let nobody = uuid::Uuid::nil();
        let (user_id, session_id) = (UserId::from_uuid(nobody), SessionId::from_uuid(nobody));
        Verified { user_id, session_id, begins_at: 0, expires_at }
    }

    #[test]
    fn each_distinct_token_is_verified_once() {
        let (tokens, count) = (VerifiedTokens::new(), Cell::new(0));
        let verify = |result: Result<Verified, TokenError>| {
            count.set(count.get() + 1);
            result
        };
        for seen in [Seen::Now, Seen::Before, Seen::Before] {
            let good = verified(7);
            assert_eq!(tokens.get_or("a.b.c", || verify(Ok(good))), (Ok(good), seen));
            let refused = Err(TokenError::WrongSignature);
            assert_eq!(tokens.get_or("a.b.d", || verify(refused)), (refused, seen));
        }
        assert_eq!(count.get(), 2);
    }

    #[test]
    fn a_flood_of_forgeries_pushes_out_no_good_token() {
        let tokens = VerifiedTokens::new();
        let good = verified(7);
        assert_eq!(tokens.get_or("good", || Ok(good)), (Ok(good), Seen::Now));
        for number in 0..10 * REFUSED {
            let forged = tokens.get_or(&number.to_string(), || Err(TokenError::WrongSignature));
            assert_eq!(forged, (Err(TokenError::WrongSignature), Seen::Now));
        }
        assert!(tokens.refused.len() <= REFUSED);
        let again = tokens.get_or("good", || Err(TokenError::Malformed));
        assert_eq!(again, (Ok(good), Seen::Before));
    }

    #[test]
    fn what_is_too_long_for_a_token_is_not_verified() {
        let tokens = VerifiedTokens::new();
        let longest = "a".repeat(MAX_LENGTH);
        assert_eq!(tokens.get_or(&longest, || Ok(verified(7))), (Ok(verified(7)), Seen::Now));
        let longer = tokens.get_or(&(longest + "a"), || Ok(verified(7)));
        assert_eq!(longer, (Err(TokenError::Malformed), Seen::Now));
    }

    #[test]
    fn a_token_expires_in_its_second_though_it_is_remembered() {
        let expires_at = NOW.unix_seconds();
        assert_eq!(verified(expires_at + 1).at(NOW), Ok(verified(expires_at + 1)));
        assert_eq!(verified(expires_at).at(NOW), Err(TokenError::Expired));
    }
}
