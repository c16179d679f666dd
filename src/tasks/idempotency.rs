//! Requests that are sent again and done once.
//!
//! A client that gives a request an `Idempotency-Key` may send it again whenever it has not heard the answer. The answer
//! is written in the transaction of the events it tells of, so there is never one without the other, whatever crashes when;
//! and its key is unique, so there are never two. What was refused changed nothing and may be tried again.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::digest::{Context as Hash, SHA256, digest};
use serde_json::value::RawValue;

use super::read_model;
use crate::database::Pool;
use crate::eventlog::StoreError;
use crate::http::idempotency_key::IdempotencyKey;
use crate::id::UserId;

/// What a command is answered with.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The entity tag.
    pub etag: Option<String>,
    /// Where what was made is found.
    pub location: Option<String>,
    /// The body.
    pub body: Box<RawValue>,
}

/// A request that may be sent again.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Who asks. The same key of another user is another key.
    pub owner: UserId,
    key: IdempotencyKey,
    /// What tells it from another request: a hash of all that it asks for.
    pub(super) fingerprint: [u8; 32],
}

impl Asked {
    /// A request of `owner` with this key, that asks for all the parts together.
    pub fn new(owner: UserId, key: IdempotencyKey, parts: &[&[u8]]) -> Self {
        let mut hash = Hash::new(&SHA256);
        for part in parts {
            // The hash of each, so that it matters where one ends and the next begins.
            hash.update(digest(&SHA256, part).as_ref());
        }
        let mut fingerprint = [0; 32];
        fingerprint.copy_from_slice(hash.finish().as_ref());
        Self { owner, key, fingerprint }
    }

    /// The key.
    pub(super) fn key(&self) -> &str {
        self.key.as_str()
    }
}

/// Why a request is neither done nor answered with what was answered before.
#[derive(Debug, Clone, thiserror::Error)]
pub enum KeyError {
    /// Its key belongs to a request that asked for something else.
    #[error("the key belongs to another request")]
    Reused,
    /// A request with the same key is being carried out.
    #[error("a request with this key is being carried out")]
    InUse,
    /// The answers could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The answers to keys. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Answers {
    pool: Pool,
    running: Arc<Mutex<HashSet<(UserId, String)>>>,
}

impl Answers {
    /// The answers in a database.
    pub fn new(pool: Pool) -> Self {
        Self { pool, running: Arc::default() }
    }

    /// The turn to carry a request out. Another node's is not seen: there, the key's uniqueness decides.
    ///
    /// # Errors
    ///
    /// When a request with its key is being carried out here.
    pub(super) fn turn(&self, asked: &Asked) -> Result<Turn, KeyError> {
        let name = (asked.owner, asked.key().to_owned());
        let is_free = self.lock().insert(name.clone());
        if is_free { Ok(Turn { answers: self.clone(), name }) } else { Err(KeyError::InUse) }
    }

    /// Whether a request of this user with this key is being carried out here.
    pub fn is_running(&self, owner: UserId, key: &IdempotencyKey) -> bool {
        self.lock().contains(&(owner, key.as_str().to_owned()))
    }

    /// What the request was answered before, if it was.
    ///
    /// # Errors
    ///
    /// When its key belongs to another request, or nobody can tell.
    pub(super) async fn of(&self, asked: &Asked) -> Result<Option<Answer>, KeyError> {
        match read_model::answer(&self.pool, asked).await.map_err(StoreError::of_read)? {
            Some((fingerprint, _)) if fingerprint != asked.fingerprint => Err(KeyError::Reused),
            known => Ok(known.map(|(_, answer)| answer)),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashSet<(UserId, String)>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The turn to carry a request out, until it is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    answers: Answers,
    name: (UserId, String),
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.answers.lock().remove(&self.name);
    }
}
