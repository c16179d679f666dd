//! Look-up of a session: in the table, or else in the database.

use std::sync::Arc;

use super::table::refusals::LookupKey;
use super::table::{Session, Standing};
use super::token::SessionToken;
use super::{SessionError, Sessions, read_model};
use crate::base::id::SessionId;
use crate::eventlog::StoreError;

/// Attempts to read a row while so many sessions end that each reading may be out of date.
const READS: usize = 4;

impl Sessions {
    /// Returns the live session with this id, from memory if it is known there.
    ///
    /// # Errors
    ///
    /// If it has ended, or the database cannot be asked.
    pub async fn by_id(&self, id: SessionId) -> Result<Arc<Session>, SessionError> {
        if let Some(standing) = self.table.standing(id)
            && !self.may_last_longer(&standing)
        {
            return self.live(standing);
        }
        // Boxed: the future of a warm look-up does not carry the state of a cold one.
        Box::pin(self.read(LookupKey::Id(id))).await
    }

    /// Returns the live session that a token stands for, from memory if it is known there.
    ///
    /// # Errors
    ///
    /// If it has ended, or the database cannot be asked.
    pub async fn by_token(&self, token: &SessionToken) -> Result<Arc<Session>, SessionError> {
        let hash = token.hash();
        if let Some(standing) = self.table.by_token(hash)
            && !self.may_last_longer(&standing)
        {
            return self.live(standing);
        }
        Box::pin(self.read(LookupKey::Token(hash))).await
    }

    async fn read(&self, asked: LookupKey) -> Result<Arc<Session>, SessionError> {
        if self.refusals.contains(asked, self.clock.now()) {
            return Err(SessionError::Ended);
        }
        for _ in 0..READS {
            let as_of = self.table.moment();
            let read = match asked {
                LookupKey::Id(id) => read_model::by_id(&self.pool, id).await?,
                LookupKey::Token(hash) => read_model::by_token(&self.pool, hash).await?,
            };
            let Some(session) = read else {
                self.refusals.remember(asked, self.clock.now());
                return Err(SessionError::Ended);
            };
            if let Some(standing) = self.table.admit(session, as_of) {
                return self.live(standing);
            }
        }
        Err(StoreError::Overloaded.into())
    }

    /// Returns true if a session's time is over as far as this node knows: another node may have extended it a moment ago.
    fn may_last_longer(&self, standing: &Standing) -> bool {
        match standing {
            Standing::Live(session) => session.expires_at <= self.clock.now(),
            Standing::Ended => false,
        }
    }

    /// Returns the session if it lives and its time is not over.
    pub(super) fn live(&self, standing: Standing) -> Result<Arc<Session>, SessionError> {
        match standing {
            Standing::Live(session) if session.expires_at > self.clock.now() => Ok(session),
            Standing::Live(_) | Standing::Ended => Err(SessionError::Ended),
        }
    }
}
