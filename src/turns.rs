//! Turns: how much is done for one holder, a user for instance, at the same time, and how much of theirs may wait.
//!
//! Whoever asks for much at once waits for themselves, and stands before nobody else. What waits is bounded in number and
//! time; more is refused before anything is held for it.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::telemetry::events;
use crate::telemetry::reason::Reason;

/// What turns are like.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    /// How much is done for one holder at the same time.
    pub at_once: usize,
    /// How much of one holder waits at most.
    pub waiting: usize,
    /// Longest time to wait.
    pub patience: Duration,
    /// As what a refusal is counted.
    pub refusal: Reason,
}

/// No turn came in time, or too much of the holder waits already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too much of the same holder waits already")]
pub struct NoTurn;

/// Whose turns are taken. Cheap to clone.
#[derive(Debug)]
pub struct Turns<K>(Arc<Inner<K>>);

#[derive(Debug)]
struct Inner<K> {
    terms: Terms,
    /// A semaphore for each holder that has a turn or waits for one.
    holders: Mutex<HashMap<K, Arc<Semaphore>>>,
}

/// A holder's turn, or the wish for it, until it is dropped.
#[derive(Debug)]
pub struct Turn<K: Eq + Hash> {
    turns: Turns<K>,
    holder: K,
    permit: Option<OwnedSemaphorePermit>,
}

impl<K> Clone for Turns<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K> Turns<K> {
    fn lock(&self) -> MutexGuard<'_, HashMap<K, Arc<Semaphore>>> {
        self.0.holders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Copy + Eq + Hash> Turns<K> {
    /// Nobody has a turn.
    pub fn new(terms: Terms) -> Self {
        Self(Arc::new(Inner { terms, holders: Mutex::default() }))
    }

    /// Waits for a turn of this holder.
    ///
    /// # Errors
    ///
    /// When too much of theirs waits already, or the turn does not come in time.
    pub async fn of(&self, holder: K) -> Result<Turn<K>, NoTurn> {
        let turn = self.wait_for(holder).await;
        turn.ok_or(NoTurn).inspect_err(|_| events::refused(self.0.terms.refusal))
    }

    async fn wait_for(&self, holder: K) -> Option<Turn<K>> {
        let queue = self.queue(holder)?;
        let mut turn = Turn { turns: self.clone(), holder, permit: None };
        turn.permit = match Arc::clone(&queue).try_acquire_owned() {
            Ok(permit) => Some(permit),
            // Boxed: hardly anybody waits.
            Err(_) => Some(Box::pin(self.patiently(queue)).await?),
        };
        Some(turn)
    }

    async fn patiently(&self, queue: Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
        tokio::time::timeout(self.0.terms.patience, queue.acquire_owned()).await.ok()?.ok()
    }

    /// Where a holder waits; nothing if too much of theirs does.
    fn queue(&self, holder: K) -> Option<Arc<Semaphore>> {
        let Terms { at_once, waiting, .. } = self.0.terms;
        let mut holders = self.lock();
        let queue = holders.entry(holder).or_insert_with(|| Arc::new(Semaphore::new(at_once)));
        // Whoever has a turn, and everybody who waits, has a reference beside the one in here.
        (Arc::strong_count(queue) <= at_once + waiting).then(|| Arc::clone(queue))
    }
}

impl<K: Eq + Hash> Drop for Turn<K> {
    fn drop(&mut self) {
        let mut holders = self.turns.lock();
        drop(self.permit.take());
        // Everybody who waits has a reference beside the one in here.
        if holders.get(&self.holder).is_some_and(|queue| Arc::strong_count(queue) == 1) {
            holders.remove(&self.holder);
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

    #[tokio::test]
    async fn a_holder_has_so_many_turns_at_once_and_is_forgotten_after_them() {
        let turns = Turns::new(TERMS);
        let [first, second] = [turns.of(1).await.unwrap(), turns.of(1).await.unwrap()];
        let mut third = Box::pin(turns.of(1));
        assert!(third.as_mut().now_or_never().is_none());
        let other = turns.of(2).await.unwrap();
        drop(first);
        let third = third.await.unwrap();
        assert!(turns.of(1).now_or_never().is_none());
        drop((second, third, other));
        assert_eq!(turns.lock().len(), 0);
    }

    #[tokio::test]
    async fn few_wait_for_a_turn() {
        let turns = Turns::new(TERMS);
        let at_work = [turns.of(1).await.unwrap(), turns.of(1).await.unwrap()];
        let mut waiting: Vec<_> = (0..TERMS.waiting).map(|_| Box::pin(turns.of(1))).collect();
        for wish in &mut waiting {
            assert!(wish.as_mut().now_or_never().is_none());
        }
        assert_eq!(turns.of(1).now_or_never().unwrap().err(), Some(NoTurn));
        waiting.pop();
        let mut next = Box::pin(turns.of(1));
        assert!(next.as_mut().now_or_never().is_none());
        drop((waiting, next, at_work));
        assert_eq!(turns.lock().len(), 0);
    }

    #[tokio::test]
    async fn nobody_waits_for_a_turn_without_a_limit() {
        let turns = Turns::new(Terms { patience: Duration::ZERO, at_once: 1, ..TERMS });
        let first = turns.of(1).await.unwrap();
        assert_eq!(turns.of(1).await.err(), Some(NoTurn));
        drop(first);
        turns.of(1).await.unwrap();
        assert_eq!(turns.lock().len(), 0);
    }
}
