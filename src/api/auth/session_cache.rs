//! Response cache of `GET /api/auth/session`: each answer is serialised once per version of the session and its account.

use bytes::Bytes;

use super::bodies::current_session::{CurrentSession, SessionBody};
use super::bodies::user::User;
use crate::accounts::account::{Account, Profile};
use crate::base::clock::Timestamp;
use crate::base::id::SessionId;
use crate::base::response_cache::ResponseCache;
use crate::eventlog::Published;
use crate::sessions::table::Session;

/// Bytes of an average answer.
const USUAL: usize = 512;

/// Cache key: the session and the account of an answer, in their versions.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct SessionKey {
    /// Session of the answer.
    session: SessionId,
    /// Time of the last extension, which changes with the session.
    updated_at: Timestamp,
    /// Expiry, which changes with it too.
    expires_at: Timestamp,
    /// Version of the account, and so of the profile.
    account_version: i64,
}

/// Response cache of this node. Cheap to clone.
#[derive(Debug, Clone)]
pub struct SessionCache(ResponseCache<SessionKey>);

impl SessionCache {
    /// An empty cache of at most `bytes` bytes.
    pub fn new(bytes: usize) -> Self {
        Self(ResponseCache::new(bytes, USUAL))
    }

    /// Returns the encoded [`CurrentSession`] of a session, whose user has this account and profile.
    ///
    /// # Errors
    ///
    /// Fails if the body has no JSON form, which is a mistake in the body's type.
    pub(super) fn answer(
        &self,
        session: &Session,
        account: &Published<Account>,
        profile: &Profile,
    ) -> serde_json::Result<Bytes> {
        let key = SessionKey {
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
