//! The end of a session as a security event token (RFC 8417): a JWT with the event `session-revoked` of the Continuous
//! Access Evaluation Profile (CAEP 1.0, section 3.1).
//!
//! Its type in the header keeps it from being taken for an access token, and it has no expiry, as RFC 8417, section 2.2,
//! wants it. The subject is complex (RFC 9493, section 3.2.7) and has one part: the session, by the `sid` of its access tokens.
//!
//! Anybody may read it, so it says no more than a verifier needs: neither whose session it was nor why it ended.

use serde::Serialize;
use uuid::Uuid;

use crate::base::clock::Timestamp;
use crate::base::id::SessionId;
use crate::eventlog::{Mark, Point};
use crate::keys::tokens::policy::TokenPolicy;
use crate::sessions::events::EndReason;

/// The end of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// Its position in the log.
    pub position: i64,
    /// Identifies it.
    pub id: Uuid,
    /// The session.
    pub session_id: SessionId,
    /// Why it ended.
    pub reason: EndReason,
    /// When it ended.
    pub at: Timestamp,
}

impl End {
    /// Where it stands in the log.
    pub fn point(&self) -> Point {
        Point::new(self.position, Mark::of(self.id))
    }
}

/// The claims of a security event token.
#[derive(Debug, Serialize)]
pub struct SecurityEvent {
    iss: String,
    aud: String,
    iat: i64,
    jti: Uuid,
    sub_id: Subject,
    events: Events,
}

#[derive(Debug, Serialize)]
struct Subject {
    format: &'static str,
    session: Session,
}

#[derive(Debug, Serialize)]
struct Session {
    format: &'static str,
    id: SessionId,
}

#[derive(Debug, Serialize)]
struct Events {
    #[serde(rename = "https://schemas.openid.net/secevent/caep/event-type/session-revoked")]
    session_revoked: SessionRevoked,
}

#[derive(Debug, Serialize)]
struct SessionRevoked {
    event_timestamp: i64,
}

impl SecurityEvent {
    /// What is said of the end of a session, to whom its access tokens are addressed.
    pub fn new(end: &End, policy: &TokenPolicy) -> Self {
        let session = Session { format: "opaque", id: end.session_id };
        let event_timestamp = end.at.unix_seconds();
        Self {
            iss: policy.issuer.clone(),
            aud: policy.audience.clone(),
            iat: event_timestamp,
            jti: end.id,
            sub_id: Subject { format: "complex", session },
            events: Events { session_revoked: SessionRevoked { event_timestamp } },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;

    #[test]
    fn the_end_of_a_session_is_told_as_caep_defines_it() {
        let id = Uuid::from_u128;
        let url = "https://keyfold.example".to_owned();
        let lifetime = Duration::from_mins(15);
        let policy = TokenPolicy {
            issuer: url.clone(),
            audience: url.clone(),
            services: Vec::new(),
            lifetime,
        };
        let end = End {
            position: 7,
            id: id(1),
            session_id: SessionId::from_uuid(id(3)),
            reason: EndReason::SignedOut,
            at: Timestamp::from_unix_millis(1_763_812_800_250),
        };
        let expected = json!({
            "iss": url, "aud": url, "iat": 1_763_812_800, "jti": id(1),
            "sub_id": {
                "format": "complex",
                "session": {"format": "opaque", "id": id(3)},
            },
            "events": {"https://schemas.openid.net/secevent/caep/event-type/session-revoked": {
                "event_timestamp": 1_763_812_800,
            }},
        });
        assert_eq!(serde_json::to_value(SecurityEvent::new(&end, &policy)).unwrap(), expected);
    }
}
