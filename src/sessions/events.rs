//! What happens to a user's sessions.

use serde::{Deserialize, Serialize};

use super::token::TokenHash;
use crate::clock::Timestamp;
use crate::id::SessionId;

/// What happened to a user's sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionEvent {
    /// A session began.
    Started(SessionStarted),
    /// A session ended; nothing is accepted in its name any more.
    Ended(SessionEnded),
}

crate::event_kinds!(SessionEvent {
    "SessionStarted" @ 1 => Started,
    "SessionEnded" @ 1 => Ended,
});

/// A session began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionStarted {
    /// The session.
    pub session_id: SessionId,
    /// SHA-256 of its token.
    pub token_hash: TokenHash,
    /// What the client said of itself (User-Agent).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Timestamp,
}

/// A session ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionEnded {
    /// The session.
    pub session_id: SessionId,
    /// Why.
    pub reason: EndReason,
}

/// Why a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum EndReason {
    /// The user signed out.
    SignedOut,
    /// Its time was over.
    Expired,
    /// The user has more sessions than are kept; this was the oldest.
    Superseded,
}
