//! A session that has not ended, as its user's list keeps it, and the lifetimes of such sessions.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::base::clock::Timestamp;
use crate::base::id::SessionId;
use crate::sessions::events::{EndReason, SessionExtended, SessionStarted};

/// Shortest time between two extensions of a session: uses in between are not recorded.
const EXTENSION: Duration = Duration::from_hours(24);
/// Extensions within one idle timeout, for sessions so short that they need more than one a day.
const EXTENSIONS: u32 = 7;

/// Limits of a session's lifetime, as they are configured.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Idle timeout: longest time without use.
    pub idle: Duration,
    /// Absolute lifetime, which no use extends.
    pub absolute: Duration,
}

impl Limits {
    /// Returns true if using a session `now` extends it, after its last recorded use at `seen_at`.
    pub fn is_extension_due(&self, seen_at: Timestamp, now: Timestamp) -> bool {
        now >= seen_at.after(self.between_extensions())
    }

    /// Least time without use after which a session ends for being idle: uses since its last extension are not recorded.
    pub fn unused(&self) -> Duration {
        self.idle.saturating_sub(self.between_extensions())
    }

    fn between_extensions(&self) -> Duration {
        EXTENSION.min(self.idle / EXTENSIONS)
    }
}

/// A session that has not ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenSession {
    /// Credential whose password began it, if that is known.
    pub credential_id: Option<Uuid>,
    /// User-Agent header of the client, for the list of the user's sessions.
    pub user_agent: Option<String>,
    /// Network address of the client that began it.
    pub client_address: Option<IpAddr>,
    /// Time of its begin, which an extension does not move.
    pub started_at: Timestamp,
    /// Time of its begin or last extension.
    pub seen_at: Timestamp,
    /// Time at which it ends for being idle, unless it is used before.
    pub expires_at: Timestamp,
    /// Time at which it ends however it is used.
    pub ends_at: Timestamp,
}

impl OpenSession {
    pub(super) fn started(started: &SessionStarted) -> Self {
        Self {
            credential_id: started.credential_id,
            user_agent: started.user_agent.clone(),
            client_address: started.client_address,
            started_at: started.started_at,
            seen_at: started.started_at,
            expires_at: started.expires_at,
            ends_at: started.ends_at,
        }
    }

    pub(super) fn extended(&self, extended: &SessionExtended) -> Self {
        Self { seen_at: extended.seen_at, expires_at: extended.expires_at, ..self.clone() }
    }

    /// Cause of its end, if its time is over.
    pub fn over(&self, now: Timestamp) -> Option<EndReason> {
        let reason =
            if self.expires_at < self.ends_at { EndReason::Idle } else { EndReason::Absolute };
        (self.expires_at <= now).then_some(reason)
    }

    /// Extension that using it `now` causes, if it lives and was not extended lately.
    pub(super) fn extension(
        &self,
        session_id: SessionId,
        now: Timestamp,
        limits: &Limits,
    ) -> Option<SessionExtended> {
        let is_due = self.over(now).is_none() && limits.is_extension_due(self.seen_at, now);
        let expires_at = now.after(limits.idle).min(self.ends_at);
        is_due.then_some(SessionExtended { session_id, seen_at: now, expires_at })
    }
}
