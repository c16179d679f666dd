//! Body of a session and its user.

use poem_openapi::Object;
use poem_openapi::types::Example;
use serde::Serialize;

use super::signed_in::StartedSession;
use super::user::User;
use crate::base::clock::Timestamp;
use crate::base::id::{SessionId, UserId};
use crate::http::response::schema::Nullable;
use crate::sessions::table::Session;

/// The current session and its user.
#[derive(Debug, Clone, Serialize, Object)]
#[oai(example)]
pub struct CurrentSession {
    /// The user.
    pub user: User,
    /// The session.
    pub session: SessionBody,
}

/// A session.
#[derive(Debug, Clone, Serialize, Object)]
#[serde(rename_all = "camelCase")]
#[oai(rename = "Session", rename_all = "camelCase", example)]
pub struct SessionBody {
    /// Its identifier: the `sid` of its access tokens.
    pub id: SessionId,
    /// Whose it is.
    pub user_id: UserId,
    /// When it ends by itself, unless it is used before.
    pub expires_at: Timestamp,
    /// When it began.
    pub created_at: Timestamp,
    /// When it began or was last extended.
    pub updated_at: Timestamp,
    /// What the client said of itself when it signed in.
    pub user_agent: Nullable<String>,
}

impl From<&Session> for SessionBody {
    fn from(session: &Session) -> Self {
        Self {
            id: session.id,
            user_id: session.user_id,
            expires_at: session.expires_at,
            created_at: session.created_at,
            updated_at: session.updated_at,
            user_agent: Nullable(session.user_agent.clone()),
        }
    }
}

impl Example for CurrentSession {
    fn example() -> Self {
        Self { user: User::example(), session: SessionBody::example() }
    }
}

impl Example for SessionBody {
    fn example() -> Self {
        let StartedSession { id, user_id, expires_at, created_at, updated_at, user_agent, .. } =
            StartedSession::example();
        Self { id, user_id, expires_at, created_at, updated_at, user_agent }
    }
}
