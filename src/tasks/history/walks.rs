//! Permits for walks through the log: few requests at a time may read a list's past.
//!
//! Every read of the past (a history, an earlier list, a deleted task, the outcome of a key's command) costs the database
//! more than a request that is answered from memory, and takes a session of the pool that all requests need. So few walks
//! run at the same time, each user may have two of them, and a request that waits too long is refused.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::base::id::UserId;
use crate::eventlog::ReadError;
use crate::tasks::limits::user_permits::{UserLimits, UserPermit, UserPermits};
use crate::telemetry::audit_events;
use crate::telemetry::reason::Reason;

/// Walks may use one of so many sessions of the pool.
const PART_OF_POOL: usize = 4;
/// Most walks in progress or waiting, of all users together.
const MAX: usize = 512;
/// Limits for each user: walks in progress, walks that wait, and the longest wait.
const OF_USER: UserLimits = UserLimits {
    at_once: 2,
    waiting: 14,
    patience: Duration::from_secs(2),
    refusal: Reason::LogWalks,
};

/// Permits for walks. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Walks {
    /// Permits to walk or wait: beyond [`MAX`], requests are refused at once.
    all: Arc<Semaphore>,
    /// Permits of each user, taken first so that no user waits in front of the others.
    users: UserPermits,
    /// Permits to use a session of the pool.
    sessions: Arc<Semaphore>,
    /// Longest wait for both permits together.
    patience: Duration,
}

impl Walks {
    /// Permits for a pool of so many sessions.
    pub fn new(pool_size: usize) -> Self {
        Self::on(pool_size, OF_USER)
    }

    fn on(pool_size: usize, limits: UserLimits) -> Self {
        let sessions = Arc::new(Semaphore::new((pool_size / PART_OF_POOL).max(1)));
        let (all, users) = (Arc::new(Semaphore::new(MAX)), UserPermits::new(limits));
        Self { all, users, sessions, patience: limits.patience }
    }

    /// Waits for the permit to walk, which is held until it is dropped. A request that holds one must not wait for a second
    /// one, or two such requests could block each other.
    ///
    /// # Errors
    ///
    /// If too many requests wait already, or the wait times out.
    pub(crate) async fn acquire(&self, owner: UserId) -> Result<Walk, ReadError> {
        let late = Instant::now() + self.patience;
        let Ok(counted) = Arc::clone(&self.all).try_acquire_owned() else { return Err(refused()) };
        let own = self.users.of(owner).await.map_err(|_busy| ReadError::Overloaded)?;
        let place = Arc::clone(&self.sessions).acquire_owned();
        match tokio::time::timeout_at(late, place).await {
            Ok(Ok(place)) => Ok(Walk { _own: own, _places: [counted, place] }),
            Ok(Err(_)) | Err(_) => Err(refused()),
        }
    }
}

fn refused() -> ReadError {
    audit_events::refused(Reason::LogWalks);
    ReadError::Overloaded
}

/// The permit to walk, until it is dropped.
#[derive(Debug)]
pub(crate) struct Walk {
    /// One of the user's own permits.
    _own: UserPermit,
    /// Permit to walk or wait, and permit to use a session of the pool.
    _places: [OwnedSemaphorePermit; 2],
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use futures_util::poll;

    use super::*;

    fn user(number: u128) -> UserId {
        UserId::from_uuid(uuid::Uuid::from_u128(number))
    }

    fn impatient(pool_size: usize) -> Walks {
        Walks::on(pool_size, UserLimits { patience: Duration::from_millis(1), ..OF_USER })
    }

    #[tokio::test]
    async fn a_user_has_two_walks_at_once_and_leaves_places_to_others() {
        let walks = impatient(16);
        let own = [walks.acquire(user(1)).await.unwrap(), walks.acquire(user(1)).await.unwrap()];
        assert!(matches!(walks.acquire(user(1)).await, Err(ReadError::Overloaded)));
        let others = [walks.acquire(user(2)).await.unwrap(), walks.acquire(user(3)).await.unwrap()];
        assert!(matches!(walks.acquire(user(4)).await, Err(ReadError::Overloaded)));
        drop(own);
        walks.acquire(user(1)).await.unwrap();
        drop(others);
        assert_eq!(walks.all.available_permits(), MAX);
    }

    #[tokio::test]
    async fn who_waits_gets_the_turn_when_it_comes_free() {
        let walks = Walks::new(1);
        let first = walks.acquire(user(1)).await.unwrap();
        let mut second = std::pin::pin!(walks.acquire(user(2)));
        assert!(poll!(second.as_mut()).is_pending());
        drop(first);
        drop(second.await.unwrap());
        assert_eq!(walks.all.available_permits(), MAX);
    }

    #[tokio::test]
    async fn few_of_one_user_wait_at_the_same_time() {
        let walks = impatient(16);
        let turns = join_all((0..100).map(|_| walks.acquire(user(1)))).await;
        assert_eq!(turns.iter().filter(|acquire| acquire.is_ok()).count(), OF_USER.at_once);
        assert_eq!(walks.all.available_permits(), MAX - OF_USER.at_once, "the others have gone");
    }
}
