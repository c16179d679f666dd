//! Body of a user who has just signed up or in.

use std::time::Duration;

use poem_openapi::Object;
use poem_openapi::types::Example;
use serde::Serialize;

use super::fresh_token::FreshToken;
use super::user::User;
use crate::api::example;
use crate::base::clock::Timestamp;
use crate::base::id::{SessionId, UserId};
use crate::http::response::schema::Nullable;
use crate::sessions::table::Session;
use crate::sessions::token::SessionToken;

/// Somebody who has just signed up or in.
#[derive(Debug, Clone, Serialize, Object)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase", example)]
pub struct SignedInBody {
    /// The user.
    pub user: User,
    /// The session that began.
    pub session: StartedSession,
    /// An access token: a JWT signed with RS256.
    pub token: String,
    /// How to send it: always `Bearer`.
    pub token_type: String,
    /// Seconds until it expires.
    pub expires_in: u64,
}

/// A session that has just begun.
#[derive(Debug, Clone, Serialize, Object)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase", example)]
pub struct StartedSession {
    /// Its identifier: the `sid` of its access tokens.
    pub id: SessionId,
    /// Whose it is.
    pub user_id: UserId,
    /// The session token: shown now and never again. Clients without cookies send it as a bearer token.
    pub token: String,
    /// When it ends by itself, unless it is used before.
    pub expires_at: Timestamp,
    /// When it began.
    pub created_at: Timestamp,
    /// When it began or was last extended.
    pub updated_at: Timestamp,
    /// What the client said of itself when it signed in.
    pub user_agent: Nullable<String>,
}

impl StartedSession {
    /// Body of a session, with its token.
    pub fn new(session: &Session, token: &SessionToken) -> Self {
        Self {
            id: session.id,
            user_id: session.user_id,
            token: token.reveal().to_owned(),
            expires_at: session.expires_at,
            created_at: session.created_at,
            updated_at: session.updated_at,
            user_agent: Nullable(session.user_agent.clone()),
        }
    }
}

impl Example for SignedInBody {
    fn example() -> Self {
        let FreshToken { token, token_type, expires_in } = FreshToken::example();
        Self {
            user: User::example(),
            session: StartedSession::example(),
            token,
            token_type,
            expires_in,
        }
    }
}

impl Example for StartedSession {
    fn example() -> Self {
        Self {
            id: example::id(2),
            user_id: example::id(1),
            token: "0Pq3hXw8rN2kYb5uVc7jLm1oTfAeGiDsZxQyHpRvKtE".to_owned(),
            expires_at: example::time(0).after(Duration::from_hours(7 * 24)),
            created_at: example::time(0),
            updated_at: example::time(0),
            user_agent: Nullable(Some("Mozilla/5.0".to_owned())),
        }
    }
}
