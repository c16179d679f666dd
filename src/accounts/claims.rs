//! Claims on email addresses: of the sign-ups of this node that want the same address, one appends at a time.
//!
//! The constraint of the read model decides who gets an address. But what it refuses was appended for nothing, together with
//! the appends of others, and has an actor of its own. So a sign-up looks the address up before it appends, and holds its
//! claim from the look-up to the commit: only a sign-up on another node can still be faster.

use std::hash::BuildHasher;

use foldhash::quality::RandomState;
use tokio::sync::{Mutex, MutexGuard};

use super::email::Email;

/// Locks among which the addresses are divided. Hashing passwords keeps sign-ups rare: neighbours hardly ever meet.
const LOCKS: usize = 64;

/// The addresses that are being claimed.
#[derive(Debug)]
pub(super) struct Claims {
    first: Mutex<()>,
    more: Vec<Mutex<()>>,
    hasher: RandomState,
}

impl Claims {
    /// Waits until no other sign-up of this node is about to take the address.
    pub(super) async fn claim(&self, email: &Email) -> MutexGuard<'_, ()> {
        let lock = self.hasher.hash_one(email.as_str()) % LOCKS as u64;
        let lock = usize::try_from(lock).ok().and_then(|lock| self.more.get(lock));
        lock.unwrap_or(&self.first).lock().await
    }
}

impl Default for Claims {
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
        let (claims, ada) = (Claims::default(), Email::parse("ada@example.com").unwrap());
        let claim = claims.claim(&ada).await;
        assert!(claims.claim(&ada).now_or_never().is_none());
        drop(claim);
        assert!(claims.claim(&ada).now_or_never().is_some());
    }
}
