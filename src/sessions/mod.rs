//! Sessions and their ends.
//!
//! [`session_list`] holds the rules of one user's sessions, the SessionActor owns this node's [`table`], `commands` and
//! `look_up` use it, `observer` hears of other nodes, [`read_model`] follows into SQL.
//!
//! Using a session extends it, at most once a day; [`expiry`] ends those whose time is over, also if no request comes for them.
//!
//! A session names the credential that began it, so that it can be refused once another password opens its account.
//!
//! A session is accepted only if this node knows it to live: from its table, or else from the database. Unknown is
//! refused, so a restart forgets no sign out.

mod commands;
mod error;
pub mod events;
pub mod expiry;
mod look_up;
mod observer;
pub mod read_model;
mod session_actor;
pub mod session_list;
pub mod table;
pub mod token;

use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorCell};
use tokio::sync::watch;
use uuid::Uuid;

pub use self::error::{SessionCommandError, SessionError, StartError};
use self::events::{EndReason, SessionEvent, SessionStarted};
use self::session_actor::{SessionActor, SessionActorState};
pub use self::session_list::draft::{Device, PendingStart};
use self::session_list::open::Limits;
use self::session_list::{Command, SessionList};
use self::table::refusals::Refusals;
use self::table::{Session, SessionTable, Standing};
use self::token::SessionToken;
use crate::base::clock::{Clock, Timestamp};
use crate::base::id::{RandomnessUnavailable, SessionId, UserId};
use crate::eventlog::{Context, Decider, Entities, Published, ReadError, StreamName};
use crate::postgres::Pool;
use crate::telemetry;
use crate::telemetry::metrics::SESSIONS_LIVE;
use crate::telemetry::metrics::instrument::number;
use crate::telemetry::spans::sampling::TracePriority;

/// This node's sessions. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Sessions {
    /// Table of sessions known to live and of ends heard lately: the first place a request is checked against.
    table: Arc<SessionTable>,
    /// Negative cache of look-ups, which keeps a client that repeats a dead token away from the database.
    refusals: Arc<Refusals>,
    /// Entities of the users' session lists, which decide and commit every change.
    lists: Entities<SessionList>,
    /// Connections for look-ups of sessions that are not in the table.
    pool: Pool,
    /// Injected clock, against which expiry is checked.
    clock: Clock,
    /// Idle timeout and absolute lifetime that new sessions get.
    limits: Limits,
    /// Signal that a session has ended on any node, or may have.
    ended: watch::Sender<()>,
}

/// Longest time a request waits for the extension of its session, which goes on beside it.
const EXTENSION_PATIENCE: Duration = Duration::from_secs(3);

/// Lifetimes of sessions and of access tokens.
#[derive(Debug, Clone, Copy)]
pub struct Lifetimes {
    /// Idle timeout and absolute lifetime of a session.
    pub sessions: Limits,
    /// Lifetime of an access token, for which the end of its session is remembered.
    pub access_token: Duration,
}

impl Sessions {
    /// Starts the SessionActor under `parent`. The table of sessions takes at most `bytes` of memory.
    ///
    /// # Errors
    ///
    /// If the parent is stopping.
    pub async fn start(
        lists: Entities<SessionList>,
        pool: Pool,
        clock: Clock,
        lifetimes: Lifetimes,
        bytes: usize,
        parent: &ActorCell,
    ) -> Result<Self, ractor::SpawnErr> {
        let table = Arc::new(SessionTable::new(bytes));
        let observed = Arc::downgrade(&table);
        SESSIONS_LIVE.by(move |live| {
            if let Some(table) = observed.upgrade() {
                live.observe(number(table.live()), &[]);
            }
        });
        let owned = SessionActorState {
            table: Arc::clone(&table),
            clock: clock.clone(),
            token_lifetime: lifetimes.access_token,
        };
        let (_sweeps_by_itself, _ends_with_the_actor) =
            Actor::spawn_linked(None, SessionActor, owned, parent.clone()).await?;
        let (refusals, ended) = (Arc::new(Refusals::new()), watch::Sender::new(()));
        Ok(Self { table, refusals, lists, pool, clock, limits: lifetimes.sessions, ended })
    }

    /// Drafts a session that has not begun yet, with its token, which no client has yet.
    ///
    /// # Errors
    ///
    /// If there is no randomness.
    pub fn draft(
        &self,
        user_id: UserId,
        device: Device,
    ) -> Result<PendingStart, RandomnessUnavailable> {
        let token = SessionToken::generate()?;
        let Device { user_agent, client_address } = device;
        let now = self.clock.now();
        let started = SessionStarted {
            session_id: SessionId::at(now),
            credential_id: None,
            token_hash: token.hash(),
            user_agent,
            client_address,
            started_at: now,
            expires_at: now.after(self.limits.idle.min(self.limits.absolute)),
            ends_at: now.after(self.limits.absolute),
        };
        let session = Session::started(user_id, &started);
        Ok(PendingStart { session, started, token })
    }

    /// Begins a session, with the password of this credential; returns it with its token.
    ///
    /// # Errors
    ///
    /// If the log does not take the event.
    pub async fn begin(
        &self,
        draft: PendingStart,
        credential_id: Uuid,
        context: Context,
    ) -> Result<(Session, SessionToken), StartError> {
        let PendingStart { session, started, token } = draft;
        let credential_id = Some(credential_id);
        let session = Session { credential_id, ..session };
        let started = SessionStarted { credential_id, ..started };
        self.execute(session.user_id, Command::Start(started), None, context).await?;
        Ok((session, token))
    }

    /// Returns true if using a session now would extend it.
    pub fn is_extension_due(&self, session: &Session) -> bool {
        self.limits.is_extension_due(session.updated_at, self.clock.now())
    }

    /// Extends a session that is used, if that is due, and returns it as it is now. If the extension fails or takes long, the
    /// session is returned without it: the request is served all the same.
    ///
    /// # Errors
    ///
    /// If it has ended meanwhile.
    pub async fn extend(
        &self,
        session: Arc<Session>,
        context: Context,
    ) -> Result<Arc<Session>, SessionError> {
        let (id, user_id) = (session.id, session.user_id);
        let (now, limits) = (self.clock.now(), self.limits);
        let command = Command::Extend { session_id: id, now, limits };
        let extension = self.execute(user_id, command, Some(id), context);
        match tokio::time::timeout(EXTENSION_PATIENCE, extension).await {
            Ok(Ok(_)) => match self.table.standing(id) {
                Some(standing) => self.live(standing),
                // Evicted since; it lived when it was found.
                None => Ok(session),
            },
            Ok(Err(error)) => {
                tracing::warn!(user.id = %user_id, %error, "failed to extend a session");
                Ok(session)
            }
            Err(_elapsed) => {
                tracing::warn!(user.id = %user_id, "extension of a session timed out; answering without it");
                Ok(session)
            }
        }
    }

    /// Ends a session; from the answer on this node accepts no request in its name.
    ///
    /// # Errors
    ///
    /// If the log does not take the event.
    pub async fn end(
        &self,
        session: &Session,
        reason: EndReason,
        context: Context,
    ) -> Result<(), SessionCommandError> {
        let session_id = session.id;
        let command = Command::End { session_id, reason, now: self.clock.now() };
        self.execute(session.user_id, command, Some(session_id), context).await.map(drop)
    }

    /// Ends one of a user's sessions; from the answer on this node accepts no request in its name. Returns false if the
    /// user has no such live session.
    ///
    /// # Errors
    ///
    /// If the log does not take the event.
    pub async fn revoke(
        &self,
        user_id: UserId,
        session_id: SessionId,
        context: Context,
    ) -> Result<bool, SessionCommandError> {
        let reason = EndReason::Revoked;
        let command = Command::End { session_id, reason, now: self.clock.now() };
        // The client may have made the identifier up, or sent that of another user's session.
        let is_theirs = matches!(
            self.table.standing(session_id), Some(Standing::Live(session)) if session.user_id == user_id
        );
        let events =
            self.execute(user_id, command, is_theirs.then_some(session_id), context).await?;
        let is_it = |event: &SessionEvent| matches!(event, SessionEvent::Ended(ended) if ended.reason == reason);
        Ok(events.iter().any(is_it))
    }

    /// Ends all of a user's sessions, except one if it is named; from the answer on this node accepts no request in their name.
    ///
    /// # Errors
    ///
    /// If the log does not take the events.
    pub async fn end_all(
        &self,
        user_id: UserId,
        except: Option<SessionId>,
        reason: EndReason,
        context: Context,
    ) -> Result<(), SessionCommandError> {
        let command = Command::EndAll { except, reason, now: self.clock.now() };
        self.execute(user_id, command, None, context).await.map(drop)
    }

    /// Ends those of a user's sessions whose time is over.
    async fn expire(&self, user_id: UserId, now: Timestamp) -> Result<(), SessionCommandError> {
        let expire = async {
            let context = Context::caused_by("session expiry");
            self.execute(user_id, Command::Expire { now }, None, context).await.map(drop)
        };
        let span = || tracing::info_span!("session.expiry");
        telemetry::in_new_trace("session.expiry", TracePriority::Share, span, expire).await
    }

    /// Reads a user's sessions as they are now.
    ///
    /// # Errors
    ///
    /// If they cannot be read.
    pub async fn of(&self, user_id: UserId) -> Result<Arc<Published<SessionList>>, ReadError> {
        self.lists.read(&Self::stream(user_id)).await
    }

    /// Subscribes to the signal that a session has ended on any node, or may have.
    pub fn ended(&self) -> watch::Receiver<()> {
        self.ended.subscribe()
    }

    /// Least time without use after which a session ends for being idle.
    pub fn unused(&self) -> Duration {
        self.limits.unused()
    }

    /// Stream of a user's sessions.
    pub fn stream(user_id: UserId) -> StreamName {
        StreamName::new(SessionList::CATEGORY, user_id)
    }

    /// Notes that another process has written the stream of a user's sessions up to `version`.
    pub fn require(&self, stream: &StreamName, version: i64) {
        self.lists.require(stream, version);
    }

    /// Waits until the users' entities have finished the commands they have accepted.
    pub async fn drain(&self) {
        self.lists.drain().await;
    }
}
