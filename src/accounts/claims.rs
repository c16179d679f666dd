//! Locks on email addresses: of the sign-ups of this node that want the same address, one appends at a time.
//!
//! The constraint of the read model decides which account gets an address. But a sign-up that it refuses was appended for
//! nothing, in a batch with other appends, and has started an actor. So a sign-up looks the address up before it appends, and
//! holds its lock from the look-up to the commit: only a sign-up on another node can still be faster.

use std::hash::BuildHasher;

use foldhash::quality::RandomState;
use tokio::sync::{Mutex, MutexGuard};

use super::email::Email;

/// Number of locks, among which the addresses are divided. Hashing passwords keeps sign-ups rare, so two addresses with one
/// lock hardly ever wait for each other.
const LOCKS: usize = 64;

/// Locks of the addresses that are being signed up.
#[derive(Debug)]
pub(super) struct EmailClaims {
    /// One of the locks, apart from the others so that there always is one to take.
    first: Mutex<()>,
    /// The other locks, by the hash of an address.
    more: Vec<Mutex<()>>,
    /// Seeded per process, so that no client can choose addresses that share a lock.
    hasher: RandomState,
}

impl EmailClaims {
    /// Waits until no other sign-up of this node is about to take the address.
    pub(super) async fn claim(&self, email: &Email) -> MutexGuard<'_, ()> {
        let lock = self.hasher.hash_one(email.as_str()) % LOCKS as u64;
        let lock = usize::try_from(lock).ok().and_then(|lock| self.more.get(lock));
        lock.unwrap_or(&self.first).lock().await
    }
}

impl Default for EmailClaims {
    fn default() -> Self {
        let more = (1..LOCKS).map(|_| Mutex::default()).collect();
        Self { first: Mutex::default(), more, hasher: RandomState::default() }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn one_claims_an_address_at_a_time() {
        let (claims, ada) = (EmailClaims::default(), Email::parse("ada@example.com").unwrap());
        let claim = claims.claim(&ada).await;
        assert!(claims.claim(&ada).now_or_never().is_none());
        drop(claim);
        assert!(claims.claim(&ada).now_or_never().is_some());
    }
}
