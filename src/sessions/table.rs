//! The node's table of sessions: those it knows to live and those it knows to have ended.
//!
//! Readers look here without sending a message; only the SessionActor writes. *Ended is final*: a session that this
//! table has seen ending can never be put back by a row that was read from the database a moment earlier.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use uuid::Uuid;

use super::events::SessionStarted;
use super::token::TokenHash;
use crate::clock::Timestamp;
use crate::id::{SessionId, UserId};
use crate::sharded::ShardedMap;

/// A live session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its identifier.
    pub id: SessionId,
    /// Whose it is.
    pub user_id: UserId,
    /// The credential whose password began it, if that is known.
    pub credential_id: Option<Uuid>,
    /// When it ends by itself, unless it is used before.
    pub expires_at: Timestamp,
    /// SHA-256 of its token.
    pub token_hash: TokenHash,
    /// What the client said of itself.
    pub user_agent: Option<String>,
    /// When it began.
    pub created_at: Timestamp,
    /// When it began or was last extended.
    pub updated_at: Timestamp,
}

impl Session {
    /// The session that an event started.
    pub(super) fn started(user_id: UserId, started: &SessionStarted) -> Self {
        Self {
            id: started.session_id,
            user_id,
            credential_id: started.credential_id,
            expires_at: started.expires_at,
            token_hash: started.token_hash,
            user_agent: started.user_agent.clone(),
            created_at: started.started_at,
            updated_at: started.started_at,
        }
    }

    /// Whether use has ever made it last longer.
    pub fn is_extended(&self) -> bool {
        self.updated_at > self.created_at
    }
}

/// What the table knows of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It lives, unless its time is over.
    Live(Arc<Session>),
    /// It ended, noticed at this time.
    Ended(Timestamp),
}

/// The table.
#[derive(Debug, Default)]
pub struct SessionTable {
    standings: ShardedMap<SessionId, Standing>,
    tokens: ShardedMap<TokenHash, SessionId>,
    /// How many of them are live. Counted by the one writer.
    live: AtomicU64,
}

impl SessionTable {
    /// What is known of a session; `None` says nothing about whether it lives.
    pub fn standing(&self, id: SessionId) -> Option<Standing> {
        self.standings.get(&id)
    }

    /// How many sessions are known to live.
    pub(super) fn live(&self) -> u64 {
        self.live.load(Ordering::Relaxed)
    }

    /// The session a token stands for, if that is known.
    pub fn by_token(&self, hash: TokenHash) -> Option<Standing> {
        self.standing(self.tokens.get(&hash)?)
    }

    /// Puts a live session in, unless it is known to have ended or more is known of it; returns where it stands now.
    pub(super) fn admit(&self, session: Arc<Session>) -> Standing {
        let (id, hash) = (session.id, session.token_hash);
        self.tokens.update(&hash, |tokens| tokens.insert(hash, id));
        self.standings.update(&id, |standings| match standings.get(&id) {
            Some(Standing::Live(known)) if known.updated_at < session.updated_at => {
                standings.insert(id, Standing::Live(Arc::clone(&session)));
                Standing::Live(session)
            }
            Some(known) => known.clone(),
            None => {
                standings.insert(id, Standing::Live(Arc::clone(&session)));
                self.live.fetch_add(1, Ordering::Relaxed);
                Standing::Live(session)
            }
        })
    }

    /// A live session was used and lasts longer. One that is not in here will be read as it is then.
    pub(super) fn extend(&self, id: SessionId, seen_at: Timestamp, expires_at: Timestamp) {
        self.standings.update(&id, |standings| match standings.get_mut(&id) {
            Some(Standing::Live(session)) if session.updated_at < seen_at => {
                let known = Session::clone(session);
                *session = Arc::new(Session { updated_at: seen_at, expires_at, ..known });
            }
            Some(Standing::Live(_) | Standing::Ended(_)) | None => {}
        });
    }

    /// Marks a session as ended, for ever. Returns whether it was believed to live until now.
    pub(super) fn end(&self, id: SessionId, now: Timestamp) -> bool {
        let was_live = self.standings.update(&id, |standings| match standings.get(&id) {
            Some(Standing::Ended(_)) => false,
            Some(Standing::Live(_)) | None => {
                matches!(standings.insert(id, Standing::Ended(now)), Some(Standing::Live(_)))
            }
        });
        if was_live {
            self.live.fetch_sub(1, Ordering::Relaxed);
        }
        was_live
    }

    /// Forgets every session that is believed to live: each is read again before it is accepted.
    pub(super) fn doubt(&self) {
        self.keep(|standing| matches!(standing, Standing::Ended(_)));
    }

    /// Forgets sessions that ended or whose time was over before `before`. What is forgotten can be read again.
    pub(super) fn forget(&self, before: Timestamp) {
        self.keep(|standing| match standing {
            Standing::Live(session) => session.expires_at > before,
            Standing::Ended(noticed) => *noticed > before,
        });
        self.tokens.retain(|_, id| self.standing(*id).is_some());
    }

    fn keep(&self, is_kept: impl Fn(&Standing) -> bool) {
        self.standings.retain(|_, standing| {
            let is_kept = is_kept(standing);
            if !is_kept && matches!(standing, Standing::Live(_)) {
                self.live.fetch_sub(1, Ordering::Relaxed);
            }
            is_kept
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(number: u128) -> Arc<Session> {
        let at = Timestamp::from_unix_millis;
        Arc::new(Session {
            id: SessionId::from_uuid(Uuid::from_u128(number)),
            user_id: UserId::from_uuid(Uuid::from_u128(1)),
            credential_id: None,
            expires_at: at(1_000),
            token_hash: TokenHash([u8::try_from(number).unwrap(); 32]),
            user_agent: None,
            created_at: at(0),
            updated_at: at(0),
        })
    }

    #[test]
    fn a_session_is_found_by_id_and_by_token() {
        let (table, session) = (SessionTable::default(), session(7));
        table.admit(Arc::clone(&session));
        assert_eq!(table.standing(session.id), Some(Standing::Live(Arc::clone(&session))));
        assert_eq!(table.by_token(session.token_hash), Some(Standing::Live(session)));
    }

    #[test]
    fn ended_is_final() {
        let (table, session) = (SessionTable::default(), session(7));
        let ended = Standing::Ended(Timestamp::from_unix_millis(5));
        table.end(session.id, Timestamp::from_unix_millis(5));
        assert_eq!(table.admit(Arc::clone(&session)), ended);
        table.end(session.id, Timestamp::from_unix_millis(6));
        assert_eq!(table.by_token(session.token_hash), Some(ended));
    }

    #[test]
    fn an_extension_is_not_undone_by_what_was_read_before_it() {
        let (table, read) = (SessionTable::default(), session(7));
        let (seen_at, expires_at) =
            (Timestamp::from_unix_millis(9), Timestamp::from_unix_millis(1_009));
        let extended =
            Arc::new(Session { updated_at: seen_at, expires_at, ..Session::clone(&read) });
        table.admit(Arc::clone(&read));
        table.extend(read.id, seen_at, expires_at);
        assert_eq!(table.standing(read.id), Some(Standing::Live(Arc::clone(&extended))));
        assert_eq!(table.admit(Arc::clone(&read)), Standing::Live(Arc::clone(&extended)));
        table.extend(read.id, read.updated_at, read.expires_at);
        assert_eq!(table.by_token(read.token_hash), Some(Standing::Live(extended)));
    }

    #[test]
    fn what_is_read_after_an_extension_shows_it() {
        let (table, known) = (SessionTable::default(), session(7));
        let seen_at = Timestamp::from_unix_millis(9);
        let read = Arc::new(Session { updated_at: seen_at, ..Session::clone(&known) });
        table.admit(known);
        assert_eq!(table.admit(Arc::clone(&read)), Standing::Live(read));
    }

    #[test]
    fn no_extension_brings_a_session_back() {
        let (table, session) = (SessionTable::default(), session(7));
        let later = Timestamp::from_unix_millis(2_000);
        table.extend(session.id, later, later);
        assert_eq!(table.standing(session.id), None);
        table.end(session.id, Timestamp::from_unix_millis(5));
        table.extend(session.id, later, later);
        assert_eq!(table.admit(session), Standing::Ended(Timestamp::from_unix_millis(5)));
    }

    #[test]
    fn what_is_over_is_forgotten_and_nothing_else() {
        let table = SessionTable::default();
        let (live, ended) = (session(7), session(8));
        table.admit(Arc::clone(&live));
        table.admit(Arc::clone(&ended));
        table.end(ended.id, Timestamp::from_unix_millis(5));
        table.forget(Timestamp::from_unix_millis(5));
        assert_eq!(table.standing(ended.id), None);
        assert_eq!(table.by_token(ended.token_hash), None);
        assert!(table.by_token(live.token_hash).is_some());
        assert_eq!(table.live(), 1);
        table.forget(Timestamp::from_unix_millis(1_000));
        assert_eq!(table.standing(live.id), None);
        assert_eq!(table.live(), 0);
    }
}
