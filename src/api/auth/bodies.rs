//! Request and response bodies of the authentication endpoints.

use poem_openapi::Object;
use poem_openapi::types::Example;
use serde::{Deserialize, Serialize};

use crate::accounts::account::Profile;
use crate::base::clock::Timestamp;
use crate::base::id::{Id, SessionId, UserId};
use crate::http::response::schema::Nullable;
use crate::sessions::table::Session;
use crate::sessions::token::SessionToken;

/// Who signs up.
#[derive(Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(example)]
pub(crate) struct SignUpRequest {
    /// An email address that no other account has; case does not matter.
    #[oai(validator(max_length = 254))]
    pub(crate) email: String,
    /// 8 to 128 characters, taken exactly as sent.
    #[oai(validator(min_length = 8, max_length = 128))]
    pub(crate) password: String,
    /// 1 to 200 characters.
    #[oai(validator(min_length = 1, max_length = 200))]
    pub(crate) name: String,
}

/// Who signs in.
#[derive(Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(example)]
pub(crate) struct SignInRequest {
    /// The account's email address; case does not matter.
    #[oai(validator(max_length = 254))]
    pub(crate) email: String,
    /// The account's password.
    #[oai(validator(max_length = 128))]
    pub(crate) password: String,
}

/// A user.
#[derive(Debug, Clone, Serialize, Object)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase", example)]
pub struct User {
    /// The user's identifier: the `sub` of their access tokens and part of the path to their tasks.
    pub id: UserId,
    /// Their email address, in lower case.
    pub email: String,
    /// Whether they proved that it is theirs.
    pub email_verified: bool,
    /// Their name.
    pub name: String,
    /// When they signed up.
    pub created_at: Timestamp,
    /// When the profile last changed.
    pub updated_at: Timestamp,
}

impl User {
    /// What is shown of a user.
    pub fn new(id: UserId, profile: &Profile) -> Self {
        Self {
            id,
            email: profile.email.as_str().to_owned(),
            email_verified: profile.email_verified_at.is_some(),
            name: profile.name.as_str().to_owned(),
            created_at: profile.created_at,
            updated_at: profile.updated_at,
        }
    }
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
    /// A session with its token.
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

/// The current session and its user.
#[derive(Debug, Clone, Serialize, Object)]
#[oai(example)]
pub struct CurrentSession {
    /// The user.
    pub user: User,
    /// The session.
    pub session: SessionBody,
}

/// A fresh access token.
#[derive(Debug, Clone, Serialize, Object)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase", example)]
pub struct FreshToken {
    /// The access token: a JWT signed with RS256.
    pub token: String,
    /// How to send it: always `Bearer`.
    pub token_type: String,
    /// Seconds until it expires.
    pub expires_in: u64,
}

/// It worked.
#[derive(Debug, Clone, Serialize, Object)]
#[oai(example)]
pub struct Success {
    /// Always true.
    pub success: bool,
}

pub(super) const EXAMPLE_TIME: Timestamp = Timestamp::from_unix_millis(1_763_812_800_000);
const EXAMPLE_TOKEN: &str =
    "eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJSUzI1NiIsImtpZCI6Ii4uLiJ9.eyJzdWIiOiIuLi4ifQ.c2lnbmF0dXJl";

pub(super) fn example_id<Kind>(last: u128) -> Id<Kind> {
    Id::from_uuid(uuid::Uuid::from_u128(0x019a_ab76_5800_7000_8000_0000_0000_0000 + last))
}

impl Example for SignUpRequest {
    fn example() -> Self {
        Self {
            email: "ada@example.com".to_owned(),
            password: "correct horse battery staple".to_owned(),
            name: "Ada Lovelace".to_owned(),
        }
    }
}

impl Example for SignInRequest {
    fn example() -> Self {
        Self {
            email: "ada@example.com".to_owned(),
            password: "correct horse battery staple".to_owned(),
        }
    }
}

impl Example for User {
    fn example() -> Self {
        Self {
            id: example_id(1),
            email: "ada@example.com".to_owned(),
            email_verified: false,
            name: "Ada Lovelace".to_owned(),
            created_at: EXAMPLE_TIME,
            updated_at: EXAMPLE_TIME,
        }
    }
}

impl Example for SessionBody {
    fn example() -> Self {
        let StartedSession { id, user_id, expires_at, created_at, updated_at, user_agent, .. } =
            StartedSession::example();
        Self { id, user_id, expires_at, created_at, updated_at, user_agent }
    }
}

impl Example for StartedSession {
    fn example() -> Self {
        Self {
            id: example_id(2),
            user_id: example_id(1),
            token: "0Pq3hXw8rN2kYb5uVc7jLm1oTfAeGiDsZxQyHpRvKtE".to_owned(),
            expires_at: EXAMPLE_TIME.after(std::time::Duration::from_hours(7 * 24)),
            created_at: EXAMPLE_TIME,
            updated_at: EXAMPLE_TIME,
            user_agent: Nullable(Some("Mozilla/5.0".to_owned())),
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

impl Example for CurrentSession {
    fn example() -> Self {
        Self { user: User::example(), session: SessionBody::example() }
    }
}

impl Example for FreshToken {
    fn example() -> Self {
        Self { token: EXAMPLE_TOKEN.to_owned(), token_type: "Bearer".to_owned(), expires_in: 900 }
    }
}

impl Example for Success {
    fn example() -> Self {
        Self { success: true }
    }
}
