//! Turns: how much is done for one user at the same time, and how much of theirs may wait.
//!
//! Whoever asks for much at once waits for themselves, and stands before nobody else. What waits is bounded in number and
//! time; more is refused before anything is held for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::bulk::Busy;
use crate::base::id::UserId;
use crate::telemetry::audit_events;
use crate::telemetry::reason::Reason;

/// What turns are like.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    /// Most pieces of work of one user at the same time.
    pub at_once: usize,
    /// Most pieces of one user that wait.
    pub waiting: usize,
    /// Longest time to wait.
    pub patience: Duration,
    /// The reason for which a refusal is counted.
    pub refusal: Reason,
}

/// The turns of all users. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Turns {
    terms: Terms,
    /// A semaphore for each user who has a turn or waits for one.
    users: Arc<Mutex<HashMap<UserId, Arc<Semaphore>>>>,
}

/// A user's turn, or the wish for it, until it is dropped.
#[derive(Debug)]
pub struct Turn {
    turns: Turns,
    user: UserId,
    permit: Option<OwnedSemaphorePermit>,
}

impl Turns {
    /// Nobody has a turn.
    pub fn new(terms: Terms) -> Self {
        Self { terms, users: Arc::default() }
    }

    /// Waits for a turn of this user.
    ///
    /// # Errors
    ///
    /// When too much of theirs waits already, or the turn does not come in time.
    pub async fn of(&self, user: UserId) -> Result<Turn, Busy> {
        let turn = self.wait_for(user).await;
        turn.ok_or(Busy).inspect_err(|_| audit_events::refused(self.terms.refusal))
    }

    async fn wait_for(&self, user: UserId) -> Option<Turn> {
        let queue = self.queue(user)?;
        let mut turn = Turn { turns: self.clone(), user, permit: None };
        let permit = tokio::time::timeout(self.terms.patience, queue.acquire_owned()).await;
        turn.permit = Some(permit.ok()?.ok()?);
        Some(turn)
    }

    /// The queue in which a user waits; nothing if too much of theirs does.
    fn queue(&self, user: UserId) -> Option<Arc<Semaphore>> {
        let Terms { at_once, waiting, .. } = self.terms;
        let mut users = self.lock();
        let queue = users.entry(user).or_insert_with(|| Arc::new(Semaphore::new(at_once)));
        // Whoever has a turn, and everybody who waits, has a reference beside the one in here.
        (Arc::strong_count(queue) <= at_once + waiting).then(|| Arc::clone(queue))
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
        if users.get(&self.user).is_some_and(|queue| Arc::strong_count(queue) == 1) {
            users.remove(&self.user);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    const TERMS: Terms = Terms {
        at_once: 2,
        waiting: 3,
        patience: Duration::from_mins(1),
        refusal: Reason::RequestBudget,
    };

    fn user(number: u128) -> UserId {
        UserId::from_uuid(uuid::Uuid::from_u128(number))
    }

    #[tokio::test]
    async fn a_user_has_so_many_turns_at_once_and_is_forgotten_after_them() {
        let turns = Turns::new(TERMS);
        let [first, second] = [turns.of(user(1)).await.unwrap(), turns.of(user(1)).await.unwrap()];
        let mut third = Box::pin(turns.of(user(1)));
        assert!(third.as_mut().now_or_never().is_none());
        let other = turns.of(user(2)).await.unwrap();
        drop(first);
        let third = third.await.unwrap();
        assert!(turns.of(user(1)).now_or_never().is_none());
        drop((second, third, other));
        assert_eq!(turns.lock().len(), 0);
    }

    #[tokio::test]
    async fn few_wait_for_a_turn() {
        let turns = Turns::new(TERMS);
        let at_work = [turns.of(user(1)).await.unwrap(), turns.of(user(1)).await.unwrap()];
        let mut waiting: Vec<_> = (0..TERMS.waiting).map(|_| Box::pin(turns.of(user(1)))).collect();
        for wish in &mut waiting {
            assert!(wish.as_mut().now_or_never().is_none());
        }
        assert_eq!(turns.of(user(1)).now_or_never().unwrap().err(), Some(Busy));
        waiting.pop();
        let mut next = Box::pin(turns.of(user(1)));
        assert!(next.as_mut().now_or_never().is_none());
        drop((waiting, next, at_work));
        assert_eq!(turns.lock().len(), 0);
    }

    #[tokio::test]
    async fn nobody_waits_for_a_turn_without_a_limit() {
        let turns = Turns::new(Terms { patience: Duration::ZERO, at_once: 1, ..TERMS });
        let first = turns.of(user(1)).await.unwrap();
        assert_eq!(turns.of(user(1)).await.err(), Some(Busy));
        drop(first);
        turns.of(user(1)).await.unwrap();
        assert_eq!(turns.lock().len(), 0);
    }
}
