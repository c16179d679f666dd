//! What happens to a user's sessions.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::token::TokenHash;
use crate::base::clock::Timestamp;
use crate::base::id::{SessionId, UserId};
use crate::telemetry::audit_events;
use crate::telemetry::audit_events::About;
use crate::telemetry::reason::Reason;

/// What happened to a user's sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionEvent {
    /// A session began.
    Started(SessionStarted),
    /// A session was used, and lasts longer for it.
    Extended(SessionExtended),
    /// A session ended; nothing is accepted in its name any more.
    Ended(SessionEnded),
}

crate::event_kinds!(SessionEvent {
    "SessionStarted" @ 1 => Started,
    "SessionExtended" @ 1 => Extended,
    "SessionEnded" @ 1 => Ended,
});

impl SessionEvent {
    /// Tells whoever watches that this has just happened to a session of this user; `in_bulk`, because it happened to those of
    /// many users at once.
    pub fn tell(&self, user_id: UserId, in_bulk: bool) {
        match self {
            Self::Started(started) => {
                audit_events::session_started(About::session(user_id, started.session_id));
            }
            Self::Extended(extended) => {
                audit_events::session_extended(About::session(user_id, extended.session_id));
            }
            Self::Ended(ended) => {
                let about = About::session(user_id, ended.session_id);
                audit_events::session_ended(about, ended.reason.into(), in_bulk);
            }
        }
    }
}

/// A session began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionStarted {
    /// The session.
    pub session_id: SessionId,
    /// The credential whose password began it: it is worth nothing once another one opens the account. Sessions that began
    /// before this was recorded have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential_id: Option<Uuid>,
    /// SHA-256 of its token.
    pub token_hash: TokenHash,
    /// What the client said of itself (User-Agent).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// Network address it was begun from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_address: Option<IpAddr>,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ends by itself, unless it is used before.
    pub expires_at: Timestamp,
    /// When it ends however it is used.
    pub ends_at: Timestamp,
}

/// A session was used, and lasts longer for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionExtended {
    /// The session.
    pub session_id: SessionId,
    /// When it was used.
    pub seen_at: Timestamp,
    /// When it ends by itself now, unless it is used before.
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
    /// The user signed out of it.
    SignedOut,
    /// The user ended it from another one, or all of them at once.
    Revoked,
    /// The user's password was changed.
    PasswordChanged,
    /// It was not used for too long.
    Idle,
    /// It lasted as long as a session may.
    Absolute,
    /// The user has more sessions than are kept; this was the oldest.
    Superseded,
    /// The same browser signed in anew.
    Replaced,
    /// The user was deleted.
    UserDeleted,
}

impl From<EndReason> for Reason {
    fn from(reason: EndReason) -> Self {
        match reason {
            EndReason::SignedOut => Self::SignedOut,
            EndReason::Revoked => Self::Revoked,
            EndReason::PasswordChanged => Self::PasswordChanged,
            EndReason::Idle => Self::Idle,
            EndReason::Absolute => Self::Absolute,
            EndReason::Superseded => Self::Superseded,
            EndReason::Replaced => Self::Replaced,
            EndReason::UserDeleted => Self::UserDeleted,
        }
    }
}
