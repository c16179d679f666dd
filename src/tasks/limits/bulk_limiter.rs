//! Operations on whole lists: few at a time may read or change thousands of tasks at once.
//!
//! A bulk operation holds as much memory as a hundred thousand ordinary requests. [`MAX_AT_ONCE`] run at a time, each user
//! may have one, and others wait for a few seconds. Memory for a file is leased as its bytes arrive, whatever length was
//! announced. Memory for a list is leased while the list is exported, because the list may change meanwhile and then only
//! the export holds the old state.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::base::id::UserId;
use crate::capacity::budget::{Budget, Exhausted, Holder, Lease};
use crate::capacity::worker_pool::{WorkError, Workers};
use crate::telemetry::audit_events;
use crate::telemetry::reason::Reason;

/// Most bulk operations in progress at the same time.
pub const MAX_AT_ONCE: usize = 2;
/// Bytes held for each byte of a file: the byte itself, the task that is read from it, and the command that is made of that.
const WEIGHT: usize = 3;
/// Largest file in bytes, however much memory there is. No list needs a larger one.
const LARGEST_FILE: usize = 64 * 1024 * 1024;
/// Longest time to wait for a permit.
const PATIENCE: Duration = Duration::from_secs(5);

/// Too much work on whole lists: no permit came in time, or the user has one already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many bulk operations are running")]
pub struct Busy;

impl Busy {
    /// The error, after counting the refusal.
    pub(super) fn refused() -> Self {
        audit_events::refused(Reason::FileQueue);
        Self
    }
}

/// Permits and memory for bulk operations. Cheap to clone.
#[derive(Debug, Clone)]
pub struct BulkLimiter {
    /// Permits of the operations in progress: [`MAX_AT_ONCE`] of them.
    permits: Arc<Semaphore>,
    /// Memory that files and exported lists may hold, with a share for each user.
    budget: Budget,
    /// Users who have a permit or wait for one, so that none has two.
    busy: Arc<Mutex<HashSet<UserId>>>,
    /// Threads that read files, because that takes too long for those that answer requests.
    readers: Workers<()>,
}

impl BulkLimiter {
    /// All permits are free. `readers` read files, and `budget` is the memory for them.
    pub fn new(readers: Workers<()>, budget: Budget) -> Self {
        let permits = Arc::new(Semaphore::new(MAX_AT_ONCE));
        Self { permits, budget, busy: Arc::default(), readers }
    }

    /// Largest file in bytes that is accepted: what it becomes fits into one user's share of the memory.
    pub fn largest_file(&self) -> usize {
        (self.budget.share() / WEIGHT).min(LARGEST_FILE)
    }

    /// Leases memory for a list of so many bytes, which is held for a user although it may change meanwhile.
    ///
    /// # Errors
    ///
    /// If there is not that much memory left.
    pub fn kept(&self, owner: UserId, bytes: usize) -> Result<Lease, Busy> {
        self.budget.lease(Holder::User(owner), bytes).map_err(|_| Busy)
    }

    /// The user's only permit for a bulk operation, which is still to be [acquired](BulkPermit::acquire). It is asked for
    /// before anything is held for the operation.
    ///
    /// # Errors
    ///
    /// If the user has a permit, or waits for one.
    pub fn permit(&self, owner: UserId) -> Result<BulkPermit, Busy> {
        let is_first = self.busy.lock().unwrap_or_else(PoisonError::into_inner).insert(owner);
        if is_first {
            Ok(BulkPermit { limiter: self.clone(), owner, running: None, lease: None })
        } else {
            Err(Busy)
        }
    }
}

/// A user's permit for a bulk operation, or the wait for it, until it is dropped.
#[derive(Debug)]
pub struct BulkPermit {
    /// The permits and memory that this one draws on.
    limiter: BulkLimiter,
    /// User who is free for another permit once this one is dropped.
    owner: UserId,
    /// Permit to run, once it was waited for.
    running: Option<OwnedSemaphorePermit>,
    /// Memory for the file, which grows as its bytes arrive.
    lease: Option<Lease>,
}

impl BulkPermit {
    /// Reads something long on threads other than those that answer requests.
    ///
    /// # Errors
    ///
    /// If too many files wait to be read already, or the reading panicked.
    pub async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, WorkError> {
        self.limiter.readers.run(|()| read()).await
    }

    /// Leases memory for so many bytes of a file in all, and for what they become.
    ///
    /// # Errors
    ///
    /// If there is not that much memory left.
    pub fn reserve(&mut self, bytes: usize) -> Result<(), Exhausted> {
        let bytes = bytes.saturating_mul(WEIGHT);
        if let Some(lease) = &mut self.lease {
            return lease.grow_to(bytes);
        }
        let lease = self.limiter.budget.lease(Holder::User(self.owner), bytes)?;
        self.lease = Some(lease);
        Ok(())
    }

    /// Waits for the permit, and keeps it.
    ///
    /// # Errors
    ///
    /// If the wait times out.
    pub async fn acquire(&mut self) -> Result<(), Busy> {
        let running = Arc::clone(&self.limiter.permits).acquire_owned();
        let running = tokio::time::timeout(PATIENCE, running).await.map_err(|_| Busy::refused())?;
        self.running = Some(running.map_err(|_| Busy::refused())?);
        Ok(())
    }
}

impl Drop for BulkPermit {
    fn drop(&mut self) {
        self.limiter.busy.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.owner);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capacity::budget::Purpose;
    use crate::capacity::worker_pool::{ProcessorShare, Work};

    fn user(number: u128) -> UserId {
        UserId::from_uuid(uuid::Uuid::from_u128(number))
    }

    fn limiter(limit: usize) -> BulkLimiter {
        let readers = Workers::start(Work::Files, 1, ProcessorShare::Full, MAX_AT_ONCE).unwrap();
        BulkLimiter::new(readers, Budget::new(Purpose::Bulk, limit, limit / 2))
    }

    #[tokio::test]
    async fn nobody_has_two_turns_and_a_turn_is_given_back() {
        let limiter = limiter(1_000);
        let mut permit = limiter.permit(user(1)).unwrap();
        permit.acquire().await.unwrap();
        assert_eq!(limiter.permit(user(1)).err(), Some(Busy));
        let mut other = limiter.permit(user(2)).unwrap();
        other.acquire().await.unwrap();
        drop(permit);
        limiter.permit(user(1)).unwrap().acquire().await.unwrap();
    }

    #[test]
    fn what_a_file_becomes_is_leased_and_one_user_has_a_share() {
        let limiter = limiter(1_200);
        assert_eq!(limiter.largest_file(), 200);
        let mut permit = limiter.permit(user(1)).unwrap();
        permit.reserve(100).unwrap();
        permit.reserve(200).unwrap();
        assert_eq!(limiter.budget.used(), 600);
        assert_eq!(permit.reserve(201), Err(Exhausted::Share));
        let kept = limiter.kept(user(2), 600).unwrap();
        assert_eq!(limiter.permit(user(3)).unwrap().reserve(1), Err(Exhausted::Limit));
        drop((permit, kept));
        assert_eq!(limiter.budget.used(), 0);
    }
}
