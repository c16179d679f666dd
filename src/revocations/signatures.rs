//! Ends of sessions, signed on demand: each once, however many readers ask, and again after another key has begun to sign.

use std::sync::Arc;

use quick_cache::sync::Cache;
use uuid::Uuid;

use super::security_event::{SecurityEvent, SessionEnd};
use crate::eventlog::Point;
use crate::keys::{IssueError, Keys};

/// Bytes of a signed end in memory, with room for a signature of 4,096 bits.
const BYTES: usize = 2_048;

#[derive(Debug)]
struct Signed {
    /// Key that signed, so that the token is replaced once another key signs.
    kid: String,
    /// Security event token, as readers get it.
    token: String,
}

/// A signed end of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedEnd {
    /// Cursor that stands for this end.
    pub point: Point,
    /// Identifier of the event (the `jti` claim).
    pub id: String,
    /// Security event token, in compact form.
    pub token: String,
}

/// Cache of signed ends, by their identifiers.
#[derive(Debug)]
pub(super) struct Signatures(Cache<Uuid, Arc<Signed>>);

impl Signatures {
    /// Makes an empty cache that takes at most this many bytes.
    pub(super) fn new(bytes: usize) -> Self {
        Self(Cache::new((bytes / BYTES).max(1)))
    }

    /// Returns an end signed with the present signing key. Requests that come while it is being signed share the signature.
    pub(super) async fn of(&self, end: &SessionEnd, keys: &Keys) -> Result<SignedEnd, IssueError> {
        let is_old = |signed: &Arc<Signed>| !keys.signs_with(&signed.kid);
        self.0.remove_if(&end.id, is_old);
        let sign = async {
            let (kid, token) = keys.tell(SecurityEvent::new(end, keys.policy())).await?;
            Ok::<_, IssueError>(Arc::new(Signed { kid, token }))
        };
        let signed = self.0.get_or_insert_async(&end.id, sign).await?;
        let (id, token) = (end.id.to_string(), signed.token.clone());
        Ok(SignedEnd { point: end.point(), id, token })
    }
}
