//! Records of requests: the key, what it asked for, and what its command came to.

use std::time::Duration;

use aws_lc_rs::digest::{Context as Hash, SHA256, digest};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::base::id::UserId;

/// How long a key is kept at least after the day of its answer.
pub const KEPT: Duration = Duration::from_hours(48);

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

/// What a client calls a request, so that it may send it again: the hash of the text it sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key(pub(super) Uuid);

impl Key {
    /// The key that was sent. Half of its hash tells it from the user's other ones: whoever finds two texts with the same
    /// one has mixed up two requests of their own.
    pub fn of(text: &str) -> Self {
        let mut half = [0; 16];
        half.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref().split_at(16).0);
        Self(Uuid::from_bytes(half))
    }
}

/// A request that may be sent again.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Who asks. The same key of another user is another key.
    pub owner: UserId,
    pub(super) key: Key,
    /// What tells it from another request: a hash of all that it asks for.
    pub(super) fingerprint: [u8; 32],
}

impl Asked {
    /// A request of `owner` with this key, that asks for all the parts together.
    pub fn new(owner: UserId, key: Key, parts: &[&[u8]]) -> Self {
        let mut hash = Hash::new(&SHA256);
        for part in parts {
            // The hash of each, so that it matters where one ends and the next begins.
            hash.update(digest(&SHA256, part).as_ref());
        }
        let mut fingerprint = [0; 32];
        fingerprint.copy_from_slice(hash.finish().as_ref());
        Self { owner, key, fingerprint }
    }
}

/// What a command came to: the answer can be made again from it and the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Came {
    /// The version of the list after it.
    pub(crate) version: i64,
    /// How many events up to that version are its own.
    pub(crate) events: usize,
}
