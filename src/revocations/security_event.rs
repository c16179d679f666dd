//! The end of a session as a security event token (RFC 8417): a JWT with the event `session-revoked` of the Continuous
//! Access Evaluation Profile (CAEP 1.0, section 3.1).
//!
//! Its type in the header keeps it from being taken for an access token, and it has no expiry, as RFC 8417, section 2.2,
//! wants it. The subject is complex (RFC 9493, section 3.2.7) and has one part: the session, by the `sid` of its access tokens.
//!
//! Any client may read it, so it says no more than a verifier needs: neither the user of the session nor the reason of the end.

use serde::Serialize;
use uuid::Uuid;

use crate::base::clock::Timestamp;
use crate::base::id::SessionId;
use crate::eventlog::{Mark, Point};
use crate::keys::tokens::policy::TokenPolicy;
use crate::sessions::events::EndReason;

/// The end of a session, not signed yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionEnd {
    /// Position in the log, part of a reader's cursor.
    pub position: i64,
    /// Identifier of the event, its `jti`.
    pub id: Uuid,
    /// Session whose tokens are refused.
    pub session_id: SessionId,
    /// Reason of the end, which decides if it matters and is not published.
    pub reason: EndReason,
    /// Time of the end, by the node that recorded it.
    pub at: Timestamp,
}

impl SessionEnd {
    /// Cursor that stands for this end.
    pub fn point(&self) -> Point {
        Point::new(self.position, Mark::of(self.id))
    }
}

/// The claims of a security event token.
#[derive(Debug, Serialize)]
pub struct SecurityEvent {
    /// Issuer: this server, as in its access tokens.
    iss: String,
    /// Audience: this server's, as in its access tokens.
    aud: String,
    /// Issued at, seconds since 1970: the time of the end, so that a token signed anew says the same.
    iat: i64,
    /// Identifier of the event in the log, by which a reader drops repeats.
    jti: Uuid,
    /// Subject of the event: the session.
    sub_id: EventSubject,
    /// Event itself, keyed by the URI of its type.
    events: Events,
}

#[derive(Debug, Serialize)]
struct EventSubject {
    /// Subject identifier format, `complex` (RFC 9493, section 3.2.7).
    format: &'static str,
    /// The one part of the complex subject.
    session: SessionSubject,
}

#[derive(Debug, Serialize)]
struct SessionSubject {
    /// Subject identifier format, `opaque` (RFC 9493, section 3.2.6).
    format: &'static str,
    /// The `sid` claim of the session's access tokens.
    id: SessionId,
}

#[derive(Debug, Serialize)]
struct Events {
    /// CAEP event under its URI, without which a receiver does not recognise it.
    #[serde(rename = "https://schemas.openid.net/secevent/caep/event-type/session-revoked")]
    session_revoked: SessionRevoked,
}

#[derive(Debug, Serialize)]
struct SessionRevoked {
    /// Time of the end, seconds since 1970 (CAEP 1.0, section 2).
    event_timestamp: i64,
}

impl SecurityEvent {
    /// Makes the claims about the end of a session, with the audience of its access tokens.
    pub fn new(end: &SessionEnd, policy: &TokenPolicy) -> Self {
        let session = SessionSubject { format: "opaque", id: end.session_id };
        let event_timestamp = end.at.unix_seconds();
        Self {
            iss: policy.issuer.clone(),
            aud: policy.audience.clone(),
            iat: event_timestamp,
            jti: end.id,
            sub_id: EventSubject { format: "complex", session },
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
        let end = SessionEnd {
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
