//! Work on whole lists: what reads or changes thousands of tasks at once is done by few at a time.
//!
//! Each such piece holds as much memory as a hundred thousand requests. One that comes too late waits a little, and no user
//! has two turns. What a file holds is leased as it arrives, whatever length was announced; what a list holds is leased
//! while it is exported, because the list may change meanwhile and then nobody else holds what is still to be sent.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::base::id::UserId;
use crate::capacity::budget::{Budget, Exhausted, Holder, Lease};
use crate::capacity::worker_pool::{WorkError, Workers};
use crate::telemetry::audit_events;
use crate::telemetry::reason::Reason;

/// Most pieces of such work at the same time.
pub const MAX_AT_ONCE: usize = 2;
/// How much is held for each byte of a file: the byte itself, the task that is read from it, and the change that is made of
/// that.
const WEIGHT: usize = 3;
/// Largest file in bytes, however much memory there is: no list makes a larger one.
const LARGEST_FILE: usize = 64 * 1024 * 1024;
/// Longest time to wait for a turn.
const PATIENCE: Duration = Duration::from_secs(5);

/// No turn came in time, or the user has one already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too much is done with whole lists already")]
pub struct Busy;

impl Busy {
    /// The refusal, which is counted.
    pub(super) fn refused() -> Self {
        audit_events::refused(Reason::FileQueue);
        Self
    }
}

/// The turns. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Heavy {
    places: Arc<Semaphore>,
    budget: Budget,
    busy: Arc<Mutex<HashSet<UserId>>>,
    readers: Workers<()>,
}

impl Heavy {
    /// All turns are free; `readers` read files, and `budget` is what they hold.
    pub fn new(readers: Workers<()>, budget: Budget) -> Self {
        let places = Arc::new(Semaphore::new(MAX_AT_ONCE));
        Self { places, budget, busy: Arc::default(), readers }
    }

    /// Largest file in bytes that is taken in: what it becomes has room in one user's share.
    pub fn largest_file(&self) -> usize {
        (self.budget.share() / WEIGHT).min(LARGEST_FILE)
    }

    /// Room for a list of so many bytes, which is kept for a user although it may change meanwhile.
    ///
    /// # Errors
    ///
    /// When there is not that much.
    pub fn kept(&self, owner: UserId, bytes: usize) -> Result<Lease, Busy> {
        self.budget.lease(Holder::User(owner), bytes).map_err(|_| Busy)
    }

    /// That a user is about to do such work. Taken before anything is held for it.
    ///
    /// # Errors
    ///
    /// When they do some already.
    pub fn claim(&self, owner: UserId) -> Result<Claim, Busy> {
        let is_first = self.busy.lock().unwrap_or_else(PoisonError::into_inner).insert(owner);
        if is_first {
            Ok(Claim { heavy: self.clone(), owner, place: None, lease: None })
        } else {
            Err(Busy)
        }
    }
}

/// A user's claim to a turn, until it is dropped.
#[derive(Debug)]
pub struct Claim {
    heavy: Heavy,
    owner: UserId,
    place: Option<OwnedSemaphorePermit>,
    lease: Option<Lease>,
}

impl Claim {
    /// Reads something long away from the threads that answer requests.
    ///
    /// # Errors
    ///
    /// When others wait to be read already, or it panicked.
    pub async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, WorkError> {
        self.heavy.readers.run(|()| read()).await
    }

    /// Takes room for what so many bytes of a file become, and keeps it.
    ///
    /// # Errors
    ///
    /// When there is not that much.
    pub fn reserve(&mut self, bytes: usize) -> Result<(), Exhausted> {
        let bytes = bytes.saturating_mul(WEIGHT);
        if let Some(lease) = &mut self.lease {
            return lease.grow_to(bytes);
        }
        let lease = self.heavy.budget.lease(Holder::User(self.owner), bytes)?;
        self.lease = Some(lease);
        Ok(())
    }

    /// Waits for the turn, and keeps it.
    ///
    /// # Errors
    ///
    /// When it does not come in time.
    pub async fn turn(&mut self) -> Result<(), Busy> {
        let place = Arc::clone(&self.heavy.places).acquire_owned();
        let place = tokio::time::timeout(PATIENCE, place).await.map_err(|_| Busy::refused())?;
        self.place = Some(place.map_err(|_| Busy::refused())?);
        Ok(())
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.heavy.busy.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.owner);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capacity::budget::Purpose;
    use crate::capacity::worker_pool::{Share, Work};

    fn user(number: u128) -> UserId {
        UserId::from_uuid(uuid::Uuid::from_u128(number))
    }

    fn heavy(limit: usize) -> Heavy {
        let readers = Workers::start(Work::Files, 1, Share::Full, MAX_AT_ONCE).unwrap();
        Heavy::new(readers, Budget::new(Purpose::Bulk, limit, limit / 2))
    }

    #[tokio::test]
    async fn nobody_has_two_turns_and_a_turn_is_given_back() {
        let heavy = heavy(1_000);
        let mut claim = heavy.claim(user(1)).unwrap();
        claim.turn().await.unwrap();
        assert_eq!(heavy.claim(user(1)).err(), Some(Busy));
        let mut other = heavy.claim(user(2)).unwrap();
        other.turn().await.unwrap();
        drop(claim);
        heavy.claim(user(1)).unwrap().turn().await.unwrap();
    }

    #[test]
    fn what_a_file_becomes_is_leased_and_one_user_has_a_share() {
        let heavy = heavy(1_200);
        assert_eq!(heavy.largest_file(), 200);
        let mut claim = heavy.claim(user(1)).unwrap();
        claim.reserve(100).unwrap();
        claim.reserve(200).unwrap();
        assert_eq!(heavy.budget.used(), 600);
        assert_eq!(claim.reserve(201), Err(Exhausted::Share));
        let kept = heavy.kept(user(2), 600).unwrap();
        assert_eq!(heavy.claim(user(3)).unwrap().reserve(1), Err(Exhausted::Limit));
        drop((claim, kept));
        assert_eq!(heavy.budget.used(), 0);
    }
}
