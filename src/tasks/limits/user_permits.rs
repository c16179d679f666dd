//! Permits for each user: a bound on a user's work in progress, and on the work that waits.
//!
//! A user with many requests waits behind their own only. Waiting is bounded in number and time, and further requests are
//! refused before anything is held for them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::bulk_limiter::Busy;
use crate::base::id::UserId;
use crate::telemetry::audit_events;
use crate::telemetry::reason::Reason;

/// Limits of one kind of work.
#[derive(Debug, Clone, Copy)]
pub struct UserLimits {
    /// Most pieces of work of one user in progress.
    pub at_once: usize,
    /// Most pieces of one user that wait.
    pub waiting: usize,
    /// Longest time to wait.
    pub patience: Duration,
    /// Reason under which refusals are counted.
    pub refusal: Reason,
}

/// The permits of all users. Cheap to clone.
#[derive(Debug, Clone)]
pub struct UserPermits {
    /// Limits that apply to each user.
    limits: UserLimits,
    /// One semaphore for each user who has a permit or waits for one. Others take no memory.
    users: Arc<Mutex<HashMap<UserId, Arc<Semaphore>>>>,
}

/// A user's permit, or the wait for it, until it is dropped.
#[derive(Debug)]
pub struct UserPermit {
    /// The permits that this one goes back to.
    permits: UserPermits,
    /// User whose semaphore is removed with the last permit.
    user: UserId,
    /// Permit, once it was waited for. Released before the references to the semaphore are counted.
    permit: Option<OwnedSemaphorePermit>,
}

impl UserPermits {
    /// No user has a permit yet.
    pub fn new(limits: UserLimits) -> Self {
        Self { limits, users: Arc::default() }
    }

    /// Waits for a permit of this user.
    ///
    /// # Errors
    ///
    /// If too much of the user's work waits already, or the wait times out.
    pub async fn of(&self, user: UserId) -> Result<UserPermit, Busy> {
        let permit = self.wait_for(user).await;
        permit.ok_or(Busy).inspect_err(|_| audit_events::refused(self.limits.refusal))
    }

    async fn wait_for(&self, user: UserId) -> Option<UserPermit> {
        let queue = self.queue(user)?;
        let mut permit = UserPermit { permits: self.clone(), user, permit: None };
        let acquired = tokio::time::timeout(self.limits.patience, queue.acquire_owned()).await;
        permit.permit = Some(acquired.ok()?.ok()?);
        Some(permit)
    }

    /// The semaphore on which a user waits. `None` if too much of the user's work waits already.
    fn queue(&self, user: UserId) -> Option<Arc<Semaphore>> {
        let UserLimits { at_once, waiting, .. } = self.limits;
        let mut users = self.lock();
        let queue = users.entry(user).or_insert_with(|| Arc::new(Semaphore::new(at_once)));
        // Each permit and each waiting request holds one reference, beside the one in the map.
        (Arc::strong_count(queue) <= at_once + waiting).then(|| Arc::clone(queue))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<UserId, Arc<Semaphore>>> {
        self.users.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for UserPermit {
    fn drop(&mut self) {
        let mut users = self.permits.lock();
        drop(self.permit.take());
        // Each permit and each waiting request holds one reference, beside the one in the map.
        if users.get(&self.user).is_some_and(|queue| Arc::strong_count(queue) == 1) {
            users.remove(&self.user);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    const LIMITS: UserLimits = UserLimits {
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
        let permits = UserPermits::new(LIMITS);
        let [first, second] =
            [permits.of(user(1)).await.unwrap(), permits.of(user(1)).await.unwrap()];
        let mut third = Box::pin(permits.of(user(1)));
        assert!(third.as_mut().now_or_never().is_none());
        let other = permits.of(user(2)).await.unwrap();
        drop(first);
        let third = third.await.unwrap();
        assert!(permits.of(user(1)).now_or_never().is_none());
        drop((second, third, other));
        assert_eq!(permits.lock().len(), 0);
    }

    #[tokio::test]
    async fn few_wait_for_a_turn() {
        let permits = UserPermits::new(LIMITS);
        let at_work = [permits.of(user(1)).await.unwrap(), permits.of(user(1)).await.unwrap()];
        let mut waiting: Vec<_> =
            (0..LIMITS.waiting).map(|_| Box::pin(permits.of(user(1)))).collect();
        for wish in &mut waiting {
            assert!(wish.as_mut().now_or_never().is_none());
        }
        assert_eq!(permits.of(user(1)).now_or_never().unwrap().err(), Some(Busy));
        waiting.pop();
        let mut next = Box::pin(permits.of(user(1)));
        assert!(next.as_mut().now_or_never().is_none());
        drop((waiting, next, at_work));
        assert_eq!(permits.lock().len(), 0);
    }

    #[tokio::test]
    async fn nobody_waits_for_a_turn_without_a_limit() {
        let permits =
            UserPermits::new(UserLimits { patience: Duration::ZERO, at_once: 1, ..LIMITS });
        let first = permits.of(user(1)).await.unwrap();
        assert_eq!(permits.of(user(1)).await.err(), Some(Busy));
        drop(first);
        permits.of(user(1)).await.unwrap();
        assert_eq!(permits.lock().len(), 0);
    }
}
