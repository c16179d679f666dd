//! Events of a user's sessions.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::token::TokenHash;
use crate::base::clock::Timestamp;
use crate::base::id::{SessionId, UserId};
use crate::telemetry::audit_events;
use crate::telemetry::audit_events::About;
use crate::telemetry::reason::Reason;

/// A change of a user's sessions that was committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionEvent {
    /// A session began, by signing in or signing up.
    Started(SessionStarted),
    /// A session was used, which extended it.
    Extended(SessionExtended),
    /// A session ended; no request is accepted in its name any more.
    Ended(SessionEnded),
}

crate::event_kinds!(SessionEvent {
    "SessionStarted" @ 1 => Started,
    "SessionExtended" @ 1 => Extended,
    "SessionEnded" @ 1 => Ended,
});

impl SessionEvent {
    /// Writes the audit event for a change that has just been committed; `in_bulk` for one of a sweep over many users.
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

/// A session began, by signing in or signing up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionStarted {
    /// Identifier of the session, which sorts by age.
    pub session_id: SessionId,
    /// Credential whose password began it: the session is refused once another credential opens the account. Sessions that
    /// began before this was recorded have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential_id: Option<Uuid>,
    /// SHA-256 of its token, which itself is not stored.
    pub token_hash: TokenHash,
    /// User-Agent header of the client, for the list of the user's sessions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// Network address of the client that began it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_address: Option<IpAddr>,
    /// Time of its begin, from the injected clock.
    pub started_at: Timestamp,
    /// Time at which it ends for being idle, unless it is used before.
    pub expires_at: Timestamp,
    /// Time at which it ends however it is used.
    pub ends_at: Timestamp,
}

/// A session was used, which extended it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionExtended {
    /// Session that was used, whose idle timeout begins anew.
    pub session_id: SessionId,
    /// Time of the use, from the injected clock.
    pub seen_at: Timestamp,
    /// New time at which it ends for being idle, unless it is used before.
    pub expires_at: Timestamp,
}

/// A session ended; no request is accepted in its name any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionEnded {
    /// Session that ended, whose cookie and tokens are refused from then on.
    pub session_id: SessionId,
    /// Cause of the end, for the audit log and the metrics.
    pub reason: EndReason,
}

/// Reasons for which a session ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum EndReason {
    /// The user signed out of it.
    SignedOut,
    /// The user ended it from another one, or all of them at once.
    Revoked,
    /// The user's password was changed.
    PasswordChanged,
    /// Its idle timeout passed.
    Idle,
    /// Its absolute lifetime passed.
    Absolute,
    /// The user has more sessions than are kept; this was the oldest.
    Superseded,
    /// The browser that had it signed in anew.
    Replaced,
    /// The user was deleted, which ends all sessions.
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
