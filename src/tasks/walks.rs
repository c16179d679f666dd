//! Walks through the log: what a request reads of a list's past is read by few at a time.
//!
//! Everything that looks back (a history, a list as it was, what a deleted task was, what a key's command came to) costs the
//! database more than a request that is answered from memory, and takes a session of the pool that everybody's requests need.
//! So few walk at the same time, no user holds more than two of their places, and who waits too long is refused.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::eventlog::ReadError;
use crate::id::UserId;
use crate::telemetry::events;
use crate::telemetry::reason::Reason;

/// The part of the pool's sessions that walks may have.
const PART_OF_POOL: usize = 4;
/// Most walks of one user at the same time, and most of one user that run or wait.
const AT_ONCE: usize = 2;
const MAX_OF_USER: usize = 16;
/// Most that run or wait in all.
const MAX: usize = 512;
/// Longest time to wait for a turn.
const PATIENCE: Duration = Duration::from_secs(2);

/// The turns. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Walks {
    places: Arc<Semaphore>,
    walkers: Arc<Mutex<Walkers>>,
    /// Longest time to wait for a turn.
    patience: Duration,
}

#[derive(Debug, Default)]
struct Walkers {
    users: HashMap<UserId, Walker>,
    /// Walks that run or wait, of all users.
    count: usize,
}

/// A user who walks or waits.
#[derive(Debug)]
struct Walker {
    places: Arc<Semaphore>,
    count: usize,
}

impl Walks {
    /// Turns for those who share a pool of so many sessions.
    pub fn new(pool_size: usize) -> Self {
        let places = Arc::new(Semaphore::new((pool_size / PART_OF_POOL).max(1)));
        Self { places, walkers: Arc::default(), patience: PATIENCE }
    }

    /// Waits for the turn to walk, which lasts until it is dropped. Nobody may wait for a second one while they have one.
    ///
    /// # Errors
    ///
    /// When too many wait, or it does not come in time.
    pub(super) async fn turn(&self, owner: UserId) -> Result<Walk, ReadError> {
        let turn = async {
            let (counted, own) = self.count(owner)?;
            let own = own.acquire_owned().await.ok()?;
            let place = Arc::clone(&self.places).acquire_owned().await.ok()?;
            Some(Walk { _places: [own, place], _counted: counted })
        };
        tokio::time::timeout(self.patience, turn).await.ok().flatten().ok_or_else(|| {
            events::refused(Reason::LogWalks);
            ReadError::Overloaded
        })
    }

    /// Counts one more walk of a user, unless there are too many.
    fn count(&self, owner: UserId) -> Option<(Counted, Arc<Semaphore>)> {
        let mut walkers = self.walkers.lock().unwrap_or_else(PoisonError::into_inner);
        let of_user = walkers.users.get(&owner).map_or(0, |walker| walker.count);
        if walkers.count >= MAX || of_user >= MAX_OF_USER {
            return None;
        }
        walkers.count += 1;
        let walker = walkers.users.entry(owner).or_insert_with(Walker::new);
        walker.count += 1;
        let counted = Counted { walkers: Arc::clone(&self.walkers), owner };
        Some((counted, Arc::clone(&walker.places)))
    }
}

impl Walker {
    fn new() -> Self {
        Self { places: Arc::new(Semaphore::new(AT_ONCE)), count: 0 }
    }
}

/// The turn to walk, until it is dropped.
#[derive(Debug)]
pub(super) struct Walk {
    _places: [OwnedSemaphorePermit; 2],
    _counted: Counted,
}

/// A walk that runs or waits, until it is dropped.
#[derive(Debug)]
struct Counted {
    walkers: Arc<Mutex<Walkers>>,
    owner: UserId,
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut walkers = self.walkers.lock().unwrap_or_else(PoisonError::into_inner);
        walkers.count -= 1;
        if let Some(walker) = walkers.users.get_mut(&self.owner) {
            walker.count -= 1;
            if walker.count == 0 {
                walkers.users.remove(&self.owner);
            }
        }
    }
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
        Walks { patience: Duration::from_millis(1), ..Walks::new(pool_size) }
    }

    #[tokio::test]
    async fn a_user_has_two_walks_at_once_and_leaves_places_to_others() {
        let walks = impatient(16);
        let own = [walks.turn(user(1)).await.unwrap(), walks.turn(user(1)).await.unwrap()];
        assert!(matches!(walks.turn(user(1)).await, Err(ReadError::Overloaded)));
        let others = [walks.turn(user(2)).await.unwrap(), walks.turn(user(3)).await.unwrap()];
        assert!(matches!(walks.turn(user(4)).await, Err(ReadError::Overloaded)));
        drop(own);
        walks.turn(user(1)).await.unwrap();
        drop(others);
        assert!(walks.walkers.lock().unwrap().users.is_empty());
    }

    #[tokio::test]
    async fn who_waits_gets_the_turn_when_it_comes_free() {
        let walks = Walks::new(1);
        let first = walks.turn(user(1)).await.unwrap();
        let mut second = std::pin::pin!(walks.turn(user(2)));
        assert!(poll!(second.as_mut()).is_pending());
        drop(first);
        drop(second.await.unwrap());
        assert_eq!(walks.walkers.lock().unwrap().count, 0);
    }

    #[tokio::test]
    async fn few_of_one_user_wait_at_the_same_time() {
        let walks = impatient(16);
        let turns = join_all((0..100).map(|_| walks.turn(user(1)))).await;
        assert_eq!(turns.iter().filter(|turn| turn.is_ok()).count(), AT_ONCE);
        assert_eq!(walks.walkers.lock().unwrap().count, AT_ONCE, "the others have gone");
    }
}
