//! Idempotent requests: a request that is sent again is carried out once.
//!
//! A client that gives a request an `Idempotency-Key` may send it again whenever it has not received the answer. The outcome
//! of the command is recorded in the transaction of its events, so there is never one without the other, even after a crash;
//! and a key has one outcome, so nothing is done twice. A refused command changed nothing and may be tried again.
//!
//! # Design
//!
//! The answer itself is not kept. It follows from the request, which is sent again, and from what the log has of the version
//! that the command made: a row has one small size, whatever the size of the answer. Rows are partitioned by day
//! ([`upkeep`]), kept for [`KEPT`](record::KEPT) after it, and dropped with their day. The number of keys that a user may
//! use in a day is bounded ([`daily_limit`]), and further keys are refused. Forgetting the oldest instead would break the
//! promise made for it.
//!
//! Exactly one outcome, across nodes and across midnight: two nodes may carry out the same request at once and record it in
//! partitions of different days, across which no unique index holds. But both commands change the same list, so one of them
//! (B) expects a version that includes the events of the other one (A), or is refused as a conflict. Then A was committed
//! before B was decided, and B's transaction, which looks for the key in every partition when it inserts, finds A's row and
//! is refused. Only commands that change nothing can pass each other unseen, and they do nothing twice. No clock has a part
//! in this: the day of a row matters only for the time at which it is dropped.

pub mod daily_limit;
pub(super) mod read_model;
pub mod record;
pub mod upkeep;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use self::daily_limit::DailyLimit;
use self::record::{HashedKey, KeyedRequest, RecordedOutcome};
use self::upkeep::Upkeep;
use crate::base::clock::Clock;
use crate::base::id::UserId;
use crate::eventlog::{Outcome, Record, Statement, StoreError};
use crate::postgres::Pool;
use crate::tasks::task_list::TaskList;

/// Reasons for which a request is neither carried out nor answered as before.
#[derive(Debug, Clone, thiserror::Error)]
pub enum IdempotencyError {
    /// The key belongs to a request with other content.
    #[error("the key belongs to another request")]
    Reused,
    /// A request with the key is in progress.
    #[error("a request with this key is being carried out")]
    InUse,
    /// The user has used as many keys today as may be kept.
    #[error("too many keys were used today")]
    TooMany {
        /// Time until further keys may be used.
        retry_after: Duration,
    },
    /// The records could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Idempotency keys and the recorded outcomes of their requests. Cheap to clone.
///
/// Outcomes of a request with a key, tested from top to bottom:
///
/// | state of the key | outcome of the request |
/// |---|---|
/// | in progress on this node | refused: [`IdempotencyError::InUse`] |
/// | recorded, with another fingerprint | refused: [`IdempotencyError::Reused`] |
/// | recorded, with this fingerprint | not carried out; the answer is made again from the log |
/// | new, but the user has used up the day's keys | refused: [`IdempotencyError::TooMany`] |
/// | new, and the command succeeds | carried out; recorded in the transaction of its events |
/// | new, but another node records it first | as recorded; [`IdempotencyError::InUse`] if the record cannot be found |
/// | new, the command is refused, and no record has come meanwhile | refused and not recorded, so the request may be sent again |
#[derive(Debug, Clone)]
pub struct IdempotencyKeys {
    /// Database sessions to read recorded outcomes.
    pool: Pool,
    /// Clock that names the day under which a key is recorded.
    clock: Clock,
    /// The days that have a partition.
    upkeep: Upkeep,
    /// Number of keys that each user may still use today.
    ration: DailyLimit,
    /// Keys of requests in progress on this node: a second request with one of them is refused rather than decided in vain.
    running: Arc<Mutex<HashSet<(UserId, HashedKey)>>>,
}

impl IdempotencyKeys {
    /// Opens the keys in a database, and adds the partition of today.
    ///
    /// # Errors
    ///
    /// If the database refuses it or is away.
    pub async fn open(pool: Pool, clock: Clock) -> Result<Self, StoreError> {
        let upkeep = Upkeep::begin(pool.clone(), clock.clone()).await?;
        let ration = DailyLimit::new(pool.clone());
        Ok(Self { pool, clock, upkeep, ration, running: Arc::default() })
    }

    /// The background task that adds partitions, and drops those that were kept for long enough.
    pub fn upkeep(&self) -> Upkeep {
        self.upkeep.clone()
    }

    /// Locks the key of a request on this node. Requests on other nodes are not seen; there, the expected version of the
    /// list decides.
    ///
    /// # Errors
    ///
    /// If a request with the key is in progress on this node.
    pub(super) fn lock(&self, request: &KeyedRequest) -> Result<KeyLock, IdempotencyError> {
        let name = (request.owner, request.key);
        let is_free = self.running().insert(name);
        if is_free {
            Ok(KeyLock { keys: self.clone(), name })
        } else {
            Err(IdempotencyError::InUse)
        }
    }

    /// True if a request of this user with this key is in progress on this node.
    pub fn is_running(&self, owner: UserId, key: HashedKey) -> bool {
        self.running().contains(&(owner, key))
    }

    /// Outcome of an earlier request with the key, if one was carried out.
    ///
    /// # Errors
    ///
    /// If the key belongs to another request, or the table cannot be read.
    pub(super) async fn recorded(
        &self,
        request: &KeyedRequest,
    ) -> Result<Option<RecordedOutcome>, IdempotencyError> {
        let known = read_model::outcome(&self.pool, request).await.map_err(StoreError::of_read)?;
        match known {
            Some((fingerprint, _)) if fingerprint != request.fingerprint => {
                Err(IdempotencyError::Reused)
            }
            known => Ok(known.map(|(_, recorded)| recorded)),
        }
    }

    /// Admits a new key, and counts it against the user's daily limit.
    ///
    /// # Errors
    ///
    /// If the user has used too many keys today, or the table cannot be read.
    pub(super) async fn admit(&self, owner: UserId) -> Result<(), IdempotencyError> {
        let now = self.clock.now();
        if self.ration.take(owner, self.upkeep.day_of(now)).await? {
            Ok(())
        } else {
            Err(IdempotencyError::TooMany { retry_after: upkeep::until_next_day(now) })
        }
    }

    /// Record of the outcome of a request, for the transaction of its events.
    pub(super) fn record_of(&self, request: KeyedRequest) -> Record<TaskList> {
        let keys = self.clone();
        Record::new(move |outcome: &Outcome<TaskList>| {
            let recorded = RecordedOutcome {
                version: outcome.published.version,
                events: outcome.events.len(),
            };
            Ok(read_model::record(&request, recorded, keys.upkeep.day_of(keys.clock.now())))
        })
    }

    fn running(&self) -> std::sync::MutexGuard<'_, HashSet<(UserId, HashedKey)>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Statement that deletes the keys of a deleted user.
pub fn forget(owner: UserId) -> Statement {
    read_model::forget(owner)
}

/// Lock on the key of a request in progress, until it is dropped.
#[derive(Debug)]
pub(super) struct KeyLock {
    /// The keys among which this one is locked.
    keys: IdempotencyKeys,
    /// User and key that are unlocked on drop.
    name: (UserId, HashedKey),
}

impl Drop for KeyLock {
    fn drop(&mut self) {
        self.keys.running().remove(&self.name);
    }
}
