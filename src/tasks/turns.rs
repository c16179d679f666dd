//! Turns: long work that is done for one user at a time.
//!
//! Whoever asks for much at once waits for themselves, and takes from the threads for long work no more than a turn.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::id::UserId;

/// Whose long work is being done. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Turns(Arc<Mutex<HashMap<UserId, Arc<Semaphore>>>>);

/// A user's turn, or the wish for it, until it is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    turns: Turns,
    user: UserId,
    permit: Option<OwnedSemaphorePermit>,
}

impl Turns {
    /// Waits until nothing else is done for this user.
    pub(super) async fn of(&self, user: UserId) -> Turn {
        let turn =
            Arc::clone(self.lock().entry(user).or_insert_with(|| Arc::new(Semaphore::new(1))));
        let mut wish = Turn { turns: self.clone(), user, permit: None };
        // It is never closed.
        wish.permit = turn.acquire_owned().await.ok();
        wish
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<UserId, Arc<Semaphore>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
        let turns = Turns::default();
        let first = turns.of(user(1)).await;
        let mut second = Box::pin(turns.of(user(1)));
        assert!(second.as_mut().now_or_never().is_none());
        let other = turns.of(user(2)).await;
        drop(first);
        let second = second.await;
        assert!(turns.of(user(1)).now_or_never().is_none());
        drop((second, other));
        assert_eq!(turns.lock().len(), 0);
    }
}
