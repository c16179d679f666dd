//! Records of requests: the key, the fingerprint, and the outcome of the command.

use std::time::Duration;

use aws_lc_rs::digest::{Context as Hash, SHA256, digest};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::base::id::UserId;

/// Shortest time for which a key is kept, after the day of its answer.
pub const KEPT: Duration = Duration::from_hours(48);

/// Answer to a command.
#[derive(Debug, Clone)]
pub struct CommandAnswer {
    /// Entity tag of the version that the answer shows, if it has one.
    pub etag: Option<String>,
    /// Path of the new resource, if there is one.
    pub location: Option<String>,
    /// Body of the answer, in JSON.
    pub body: Box<RawValue>,
}

/// Idempotency key: half of the hash of the text that the client sent, so that a row has a fixed size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct HashedKey(pub(super) Uuid);

impl HashedKey {
    /// The key for a text. Half of the hash is enough to tell a user's keys apart: a user who constructs two texts with one
    /// hash mixes up only two requests of their own.
    pub fn of(text: &str) -> Self {
        let mut half = [0; 16];
        half.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref().split_at(16).0);
        Self(Uuid::from_bytes(half))
    }
}

/// A request that may be sent again.
#[derive(Debug, Clone)]
pub struct KeyedRequest {
    /// User who sent it. Keys of different users are different keys.
    pub owner: UserId,
    /// Key that the client gave it.
    pub(super) key: HashedKey,
    /// Hash of everything that the request asks for, so that a key that is reused for another request is noticed.
    pub(super) fingerprint: [u8; 32],
}

impl KeyedRequest {
    /// A request of `owner` with this key, and with all the parts together as its content.
    pub fn new(owner: UserId, key: HashedKey, parts: &[&[u8]]) -> Self {
        let mut hash = Hash::new(&SHA256);
        for part in parts {
            // Each part is hashed by itself, so that the boundary between two parts matters.
            hash.update(digest(&SHA256, part).as_ref());
        }
        let mut fingerprint = [0; 32];
        fingerprint.copy_from_slice(hash.finish().as_ref());
        Self { owner, key, fingerprint }
    }
}

/// Outcome of a command. Together with the log it is enough to make the answer again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RecordedOutcome {
    /// Version of the list after the command.
    pub(crate) version: i64,
    /// Number of the command's own events up to that version.
    pub(crate) events: usize,
}
