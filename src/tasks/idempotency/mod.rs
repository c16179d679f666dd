//! Requests that are sent again and done once.
//!
//! A client that gives a request an `Idempotency-Key` may send it again whenever it has not heard the answer. What the command
//! came to is recorded in the transaction of its events, so there is never one without the other, whatever crashes when;
//! and a key has one outcome, so nothing is done twice. What was refused changed nothing and may be tried again.
//!
//! # Design
//!
//! The answer itself is not kept. It follows from the request, which is sent again, and from what the log says of the
//! version that the command made: a row has the same small size whatever the answer's is. Rows are divided by day ([`upkeep`]),
//! kept for [`KEPT`](record::KEPT) after it, and then dropped with their day. How many keys a user may use in a day is bounded
//! ([`daily_limit`]): beyond that, further ones are refused. To forget the oldest instead would break the promise made for it.
//!
//! Done once, across nodes and across midnight: two nodes may carry out the same request at once and record it in partitions of
//! different days, between which no unique index decides. But both commands change the same list, so one of them (B) expects a
//! version that includes what the other one (A) wrote, or is refused as a conflict. Then A was committed before B was decided,
//! and B's transaction, which looks for the key in every partition when it inserts, finds A's row and is refused. Only commands
//! that change nothing can pass each other unseen, and they do nothing twice. No clock has a part in this: the day of a row
//! matters for when it goes only.

pub mod daily_limit;
pub(super) mod read_model;
pub mod record;
pub mod upkeep;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use self::daily_limit::Ration;
use self::record::{Asked, Came, Key};
use self::upkeep::Upkeep;
use crate::base::clock::Clock;
use crate::base::id::UserId;
use crate::eventlog::{Statement, StoreError};
use crate::postgres::Pool;

/// Why a request is neither done nor answered with what was answered before.
#[derive(Debug, Clone, thiserror::Error)]
pub enum KeyError {
    /// Its key belongs to a request that asked for something else.
    #[error("the key belongs to another request")]
    Reused,
    /// A request with the same key is being carried out.
    #[error("a request with this key is being carried out")]
    InUse,
    /// The user has used as many keys today as may be kept.
    #[error("too many keys were used today")]
    TooMany {
        /// When further ones may be used.
        retry_after: Duration,
    },
    /// What was recorded could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The keys that requests had, and what their commands came to. Cheap to clone.
#[derive(Debug, Clone)]
pub struct IdempotencyKeys {
    pool: Pool,
    clock: Clock,
    upkeep: Upkeep,
    ration: Ration,
    running: Arc<Mutex<HashSet<(UserId, Key)>>>,
}

impl IdempotencyKeys {
    /// The keys in a database. Makes room for today's.
    ///
    /// # Errors
    ///
    /// When it cannot.
    pub async fn open(pool: Pool, clock: Clock) -> Result<Self, StoreError> {
        let upkeep = Upkeep::begin(pool.clone(), clock.clone()).await?;
        let ration = Ration::new(pool.clone());
        Ok(Self { pool, clock, upkeep, ration, running: Arc::default() })
    }

    /// The part of the server that makes room for keys, and drops those that were kept for long enough.
    pub fn upkeep(&self) -> Upkeep {
        self.upkeep.clone()
    }

    /// The turn to carry a request out. Another node's is not seen: there, the expected version decides.
    ///
    /// # Errors
    ///
    /// When a request with its key is being carried out here.
    pub(super) fn turn(&self, asked: &Asked) -> Result<Turn, KeyError> {
        let name = (asked.owner, asked.key);
        let is_free = self.lock().insert(name);
        if is_free { Ok(Turn { keys: self.clone(), name }) } else { Err(KeyError::InUse) }
    }

    /// Whether a request of this user with this key is being carried out here.
    pub fn is_running(&self, owner: UserId, key: Key) -> bool {
        self.lock().contains(&(owner, key))
    }

    /// What the request came to before, if it was carried out.
    ///
    /// # Errors
    ///
    /// When its key belongs to another request, or nobody can tell.
    pub(super) async fn known(&self, asked: &Asked) -> Result<Option<Came>, KeyError> {
        let known = read_model::outcome(&self.pool, asked).await.map_err(StoreError::of_read)?;
        match known {
            Some((fingerprint, _)) if fingerprint != asked.fingerprint => Err(KeyError::Reused),
            known => Ok(known.map(|(_, came)| came)),
        }
    }

    /// Lets a new key be used, if the user has not used too many today.
    ///
    /// # Errors
    ///
    /// When they have, or nobody can tell.
    pub(super) async fn admit(&self, owner: UserId) -> Result<(), KeyError> {
        let now = self.clock.now();
        if self.ration.take(owner, self.upkeep.day_of(now)).await? {
            Ok(())
        } else {
            Err(KeyError::TooMany { retry_after: upkeep::until_next_day(now) })
        }
    }

    /// Records what a request came to.
    pub(super) fn record(&self, asked: &Asked, came: Came) -> Statement {
        read_model::record(asked, came, self.upkeep.day_of(self.clock.now()))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashSet<(UserId, Key)>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Forgets the keys of a user who is deleted.
pub fn forget(owner: UserId) -> Statement {
    read_model::forget(owner)
}

/// The turn to carry a request out, until it is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    keys: IdempotencyKeys,
    name: (UserId, Key),
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.keys.lock().remove(&self.name);
    }
}
