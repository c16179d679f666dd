//! Turns: long work that is done for one user at a time.
//!
//! Whoever asks for much at once waits for themselves, and takes from the threads for long work and from the log no more
//! than a turn. Few wait, and not for long; more are refused before anything is held for them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::heavy::Busy;
use crate::id::UserId;

/// Most pieces of a user's work that wait for the one that is being done.
const MOST_WAITING: usize = 16;
/// Longest time to wait for a turn.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whose long work is being done. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Turns {
    users: Arc<Mutex<HashMap<UserId, Arc<Semaphore>>>>,
    patience: Duration,
}

/// A user's turn, or the wish for it, until it is dropped.
#[derive(Debug)]
pub struct Turn {
    turns: Turns,
    user: UserId,
    permit: Option<OwnedSemaphorePermit>,
}

impl Turns {
    /// Nothing is being done.
    pub(super) fn new() -> Self {
        Self { users: Arc::default(), patience: PATIENCE }
    }

    /// Waits until nothing else is done for this user.
    ///
    /// # Errors
    ///
    /// When too many wait already, or the turn does not come in time.
    pub(super) async fn of(&self, user: UserId) -> Result<Turn, Busy> {
        let turn = self.queue(user).ok_or_else(Busy::refused)?;
        let mut wish = Turn { turns: self.clone(), user, permit: None };
        let permit = tokio::time::timeout(self.patience, turn.acquire_owned()).await;
        wish.permit = Some(permit.map_err(|_late| Busy::refused())?.map_err(|_closed| Busy)?);
        Ok(wish)
    }

    /// Where a user's work waits; nothing if too much of it does.
    fn queue(&self, user: UserId) -> Option<Arc<Semaphore>> {
        let mut users = self.lock();
        let turn = users.entry(user).or_insert_with(|| Arc::new(Semaphore::new(1)));
        // Whoever has the turn, and everybody who waits, has a reference beside the one in here.
        (Arc::strong_count(turn) <= MOST_WAITING + 1).then(|| Arc::clone(turn))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<UserId, Arc<Semaphore>>> {
        self.users.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut users = self.turns.lock();
        drop(self.permit.take());
        // Everybody who waits has a reference beside the one in here.
        if users.get(&self.user).is_some_and(|turn| Arc::strong_count(turn) == 1) {
            users.remove(&self.user);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn user(number: u128) -> UserId {
        UserId::from_uuid(uuid::Uuid::from_u128(number))
    }

    #[tokio::test]
    async fn a_user_has_one_turn_at_a_time_and_is_forgotten_after_it() {
        let turns = Turns::new();
        let first = turns.of(user(1)).await.unwrap();
        let mut second = Box::pin(turns.of(user(1)));
        assert!(second.as_mut().now_or_never().is_none());
        let other = turns.of(user(2)).await.unwrap();
        drop(first);
        let second = second.await.unwrap();
        assert!(turns.of(user(1)).now_or_never().is_none());
        drop((second, other));
        assert_eq!(turns.lock().len(), 0);
    }

    #[tokio::test]
    async fn few_wait_for_a_turn() {
        let turns = Turns::new();
        let first = turns.of(user(1)).await.unwrap();
        let mut waiting: Vec<_> = (0..MOST_WAITING).map(|_| Box::pin(turns.of(user(1)))).collect();
        for wish in &mut waiting {
            assert!(wish.as_mut().now_or_never().is_none());
        }
        assert_eq!(turns.of(user(1)).now_or_never().unwrap().err(), Some(Busy));
        waiting.pop();
        let mut next = Box::pin(turns.of(user(1)));
        assert!(next.as_mut().now_or_never().is_none());
        drop((waiting, next, first));
        assert_eq!(turns.lock().len(), 0);
    }

    #[tokio::test]
    async fn nobody_waits_for_a_turn_without_a_limit() {
        let turns = Turns { patience: Duration::ZERO, ..Turns::new() };
        let first = turns.of(user(1)).await.unwrap();
        assert_eq!(turns.of(user(1)).await.err(), Some(Busy));
        drop(first);
        turns.of(user(1)).await.unwrap();
        assert_eq!(turns.lock().len(), 0);
    }
}
