//! `GET /api/auth/sessions`: a user's live sessions.

use std::time::Duration;

use poem::Request;
use poem_openapi::types::Example;
use poem_openapi::{ApiResponse, Object, OpenApi};
use serde::Serialize;

use crate::api::example;
use crate::api::state::State;
use crate::api::tag::Tag;
use crate::authn::caller::SessionHolder;
use crate::base::clock::Timestamp;
use crate::base::id::SessionId;
use crate::http::request::json::Json;
use crate::http::response::failure::Failure;
use crate::http::response::problem::Problem;
use crate::http::response::schema::Nullable;
use crate::sessions::session_list;
use crate::sessions::session_list::open::OpenSession;

crate::statuses! {
    /// Statuses of the failures of `GET /api/auth/sessions`, without `500`.
    Statuses: 400, 401, 503;
}

/// A user's live sessions.
#[derive(Debug, Clone, Serialize, Object)]
#[oai(example)]
pub struct SessionListBody {
    /// The sessions, newest first.
    pub sessions: Vec<ListedSession>,
}

/// One of a user's live sessions.
#[derive(Debug, Clone, Serialize, Object)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase", example)]
pub struct ListedSession {
    /// Its identifier: the `sid` of its access tokens.
    pub id: SessionId,
    /// Whether it is the one that asks.
    pub current: bool,
    /// What the client said of itself when it signed in.
    pub user_agent: Nullable<String>,
    /// Network address it signed in from.
    pub ip_address: Nullable<String>,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was last seen to be used. Use is recorded at most once a day (more often where sessions are configured to
    /// be short), so it may have been used later.
    pub last_seen_at: Timestamp,
    /// When it ends by itself, unless it is used before.
    pub expires_at: Timestamp,
    /// When it ends however it is used.
    pub ends_at: Timestamp,
}

impl Example for SessionListBody {
    fn example() -> Self {
        Self { sessions: vec![ListedSession::example()] }
    }
}

impl Example for ListedSession {
    fn example() -> Self {
        let days = |days: u64| example::time(0).after(Duration::from_hours(24 * days));
        Self {
            id: example::id(2),
            current: true,
            user_agent: Nullable(Some("Mozilla/5.0".to_owned())),
            ip_address: Nullable(Some("192.0.2.1".to_owned())),
            created_at: example::time(0),
            last_seen_at: days(2),
            expires_at: days(9),
            ends_at: days(90),
        }
    }
}

/// The sessions.
#[derive(Debug, ApiResponse)]
enum Listed {
    /// The sessions, newest first.
    #[oai(status = 200)]
    Sessions(
        Json<SessionListBody>,
        /// Keeps the session cookie for longer, when the request has extended its session.
        #[oai(header = "Set-Cookie")]
        Option<String>,
    ),
}

/// Endpoint of the operation `listSessions`.
#[derive(Debug, Default)]
pub struct ListSessions;

#[OpenApi(prefix_path = "/api/auth", tag = "Tag::Authentication")]
impl ListSessions {
    /// List sessions
    ///
    /// The user's live sessions, newest first. `lastSeenAt` is when use was last recorded, which is at most once a day.
    #[oai(path = "/sessions", method = "get", operation_id = "listSessions")]
    async fn list(
        &self,
        SessionHolder(caller): SessionHolder,
        request: &Request,
    ) -> Result<Listed, Failure<Statuses>> {
        let state = State::of(request)?;
        let session = &caller.session;
        let sessions = state.gate.sessions.of(session.user_id).await.map_err(Problem::from)?;
        let body = SessionListBody::new(&sessions.state, session.id, state.gate.clock.now());
        Ok(Listed::Sessions(Json(body), caller.refreshed_cookie(request, &state.gate)))
    }
}

impl SessionListBody {
    /// Lists the live sessions, as the current one sees them. A session begun with another password is accepted no more,
    /// even if its end is not recorded yet.
    pub fn new(sessions: &session_list::State, current: SessionId, now: Timestamp) -> Self {
        let credential_id = sessions.get(current).and_then(|current| current.credential_id);
        let is_accepted = |session: &OpenSession| {
            let both = session.credential_id.zip(credential_id);
            both.is_none_or(|(one, other)| one == other)
        };
        let live = sessions.live(now).filter(|(_, session)| is_accepted(session));
        let listed = |(id, session)| ListedSession::new(id, session, current);
        Self { sessions: live.map(listed).collect() }
    }
}

impl ListedSession {
    fn new(id: SessionId, session: &OpenSession, current: SessionId) -> Self {
        Self {
            id,
            current: id == current,
            user_agent: Nullable(session.user_agent.clone()),
            ip_address: Nullable(session.client_address.map(|address| address.to_string())),
            created_at: session.started_at,
            last_seen_at: session.seen_at,
            expires_at: session.expires_at,
            ends_at: session.ends_at,
        }
    }
}
