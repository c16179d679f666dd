//! Ends of sessions, signed when somebody asks for them: each once, however many ask, and again if another key signs by then.

use std::sync::Arc;

use quick_cache::sync::Cache;
use uuid::Uuid;

use super::security_event::{End, SecurityEvent};
use crate::eventlog::Point;
use crate::keys::{IssueError, Keys};

/// What a signed end takes in memory, with room for a signature of 4,096 bits.
const BYTES: usize = 2_048;

#[derive(Debug)]
struct Signed {
    kid: String,
    token: String,
}

/// A signed end of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedEnd {
    /// Where it stands in the log.
    pub point: Point,
    /// Identifies it (the `jti` claim).
    pub id: String,
    /// The security event token.
    pub token: String,
}

/// The signed ends that are kept, by their identifiers.
#[derive(Debug)]
pub(super) struct Signatures(Cache<Uuid, Arc<Signed>>);

impl Signatures {
    /// None yet. They take so many bytes at most.
    pub(super) fn new(bytes: usize) -> Self {
        Self(Cache::new((bytes / BYTES).max(1)))
    }

    /// An end, signed with the key that signs now. Those who ask while it is being signed get that signature.
    pub(super) async fn of(&self, end: &End, keys: &Keys) -> Result<SignedEnd, IssueError> {
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
