//! A session that has not ended, as its user's list keeps it, and how long such sessions last.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::base::clock::Timestamp;
use crate::base::id::SessionId;
use crate::sessions::events::{EndReason, SessionExtended, SessionStarted};

/// A session is extended at most this often: what it is used for in between is not recorded.
const EXTENSION: Duration = Duration::from_hours(24);
/// Short sessions are extended more often: this many times before they would be over.
const EXTENSIONS: u32 = 7;

/// How long sessions last.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Without being used.
    pub idle: Duration,
    /// However they are used.
    pub absolute: Duration,
}

impl Limits {
    /// Whether a session that was last known to be used at `seen_at` is to be extended when it is used `now`.
    pub fn is_extension_due(&self, seen_at: Timestamp, now: Timestamp) -> bool {
        now >= seen_at.after(self.between_extensions())
    }

    /// For how long a session was not used that ends for being idle, at least.
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
    /// The credential whose password began it, if that is known.
    pub credential_id: Option<Uuid>,
    /// What the client said of itself.
    pub user_agent: Option<String>,
    /// Network address it was begun from.
    pub client_address: Option<IpAddr>,
    /// When it began.
    pub started_at: Timestamp,
    /// When it began or was last extended.
    pub seen_at: Timestamp,
    /// When it ends by itself, unless it is used before.
    pub expires_at: Timestamp,
    /// When it ends however it is used.
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

    /// Why it is over, if its time is.
    pub fn over(&self, now: Timestamp) -> Option<EndReason> {
        let reason =
            if self.expires_at < self.ends_at { EndReason::Idle } else { EndReason::Absolute };
        (self.expires_at <= now).then_some(reason)
    }

    /// What using it `now` comes to, if it lives and has not been extended lately.
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
