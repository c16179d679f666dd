//! Encoded answers to `GET /api/auth/session`: each is serialised once per version of the session and its account.

use bytes::Bytes;

use super::bodies::current_session::{CurrentSession, SessionBody};
use super::bodies::user::User;
use crate::accounts::account::{Account, Profile};
use crate::base::clock::Timestamp;
use crate::base::id::SessionId;
use crate::base::response_cache::Encodings;
use crate::eventlog::Published;
use crate::sessions::table::Session;

/// Bytes of a usual answer.
const USUAL: usize = 512;

/// The session and the account of an answer, in their versions.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    session: SessionId,
    updated_at: Timestamp,
    expires_at: Timestamp,
    account_version: i64,
}

/// The answers this node has encoded. Cheap to clone.
#[derive(Debug, Clone)]
pub struct SessionCache(Encodings<Key>);

impl SessionCache {
    /// No answers yet, and room for so many bytes of them.
    pub fn new(bytes: usize) -> Self {
        Self(Encodings::new(bytes, USUAL))
    }

    /// The encoded [`CurrentSession`] of a session, whose user has this account and profile.
    ///
    /// # Errors
    ///
    /// The body has no JSON form, which is a mistake in the body's type.
    pub(super) fn answer(
        &self,
        session: &Session,
        account: &Published<Account>,
        profile: &Profile,
    ) -> serde_json::Result<Bytes> {
        let key = Key {
            session: session.id,
            updated_at: session.updated_at,
            expires_at: session.expires_at,
            account_version: account.version,
        };
        self.0.get_or(key, |_| CurrentSession {
            user: User::new(session.user_id, profile),
            session: SessionBody::from(session),
        })
    }
}
