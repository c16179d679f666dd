//! Sessions and their ends.
//!
//! [`session_list`] holds the rules of one user's sessions, the SessionActor owns this node's [`table`], [`read_model`]
//! follows into SQL.
//!
//! A session is accepted only if this node knows it to live: from its table, or else from the database. Unknown is
//! refused, so a restart forgets no sign out.

pub mod events;
pub mod read_model;
mod session_actor;
pub mod session_list;
pub mod table;
pub mod token;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorCell, ActorRef};

use self::events::{EndReason, SessionEvent, SessionStarted};
use self::session_actor::{Message, Order, Owned, SessionActor};
use self::session_list::{Command, Rejection, SessionList};
use self::table::{Session, SessionTable, Standing};
use self::token::SessionToken;
use crate::clock::Clock;
use crate::database::Pool;
use crate::eventlog::follower::Observer;
use crate::eventlog::stream::category_of;
use crate::eventlog::{
    Context, Decider, Entities, Event, ExecuteError, RecordedEvent, StoreError, StreamName,
};
use crate::id::{RandomnessUnavailable, SessionId, UserId};

/// A command on sessions was not carried out.
pub type SessionCommandError = ExecuteError<Rejection>;

/// This node's sessions. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Sessions {
    table: Arc<SessionTable>,
    actor: ActorRef<Message>,
    lists: Entities<SessionList>,
    pool: Pool,
    clock: Clock,
    lifetime: Duration,
}

/// A session that has not begun yet.
#[derive(Debug)]
pub struct Draft {
    session: Session,
    started: SessionStarted,
    token: SessionToken,
}

impl Draft {
    /// The session as it will be.
    pub fn session(&self) -> &Session {
        &self.session
    }
}

/// How long things last.
#[derive(Debug, Clone, Copy)]
pub struct Lifetimes {
    /// A session.
    pub session: Duration,
    /// An access token.
    pub access_token: Duration,
}

/// Why there is no session.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SessionError {
    /// No session like this, or it has ended, or its time is over.
    #[error("the session has ended")]
    Ended,
    /// The database could not be asked.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The SessionActor gave no answer.
    #[error("the sessions gave no answer")]
    NoReply,
}

/// A session was not started.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StartError {
    /// There is no randomness for its token.
    #[error(transparent)]
    Randomness(#[from] RandomnessUnavailable),
    /// The log did not take it.
    #[error(transparent)]
    Command(#[from] SessionCommandError),
}

impl Sessions {
    /// Starts the SessionActor under `parent`.
    ///
    /// # Errors
    ///
    /// When the parent is stopping.
    pub async fn start(
        lists: Entities<SessionList>,
        pool: Pool,
        clock: Clock,
        lifetimes: Lifetimes,
        parent: &ActorCell,
    ) -> Result<Self, ractor::SpawnErr> {
        let table = Arc::new(SessionTable::default());
        let owned = Owned {
            table: Arc::clone(&table),
            lists: lists.clone(),
            clock: clock.clone(),
            token_lifetime: lifetimes.access_token,
        };
        let (actor, _ends_with_the_actor) =
            Actor::spawn_linked(None, SessionActor, owned, parent.clone()).await?;
        Ok(Self { table, actor, lists, pool, clock, lifetime: lifetimes.session })
    }

    /// A session that has not begun yet, with its token, which is known to nobody else.
    ///
    /// # Errors
    ///
    /// When there is no randomness.
    pub fn draft(
        &self,
        user_id: UserId,
        user_agent: Option<String>,
    ) -> Result<Draft, RandomnessUnavailable> {
        let token = SessionToken::generate()?;
        let now = self.clock.now();
        let started = SessionStarted {
            session_id: SessionId::at(now),
            token_hash: token.hash(),
            user_agent,
            started_at: now,
            expires_at: now.after(self.lifetime),
        };
        let session = Session::started(user_id, &started);
        Ok(Draft { session, started, token })
    }

    /// Begins a session.
    ///
    /// # Errors
    ///
    /// When the log does not take it.
    pub async fn begin(
        &self,
        draft: Draft,
        context: Context,
    ) -> Result<(Session, SessionToken), StartError> {
        let Draft { session, started, token } = draft;
        self.execute(session.user_id, Command::Start(started), context).await?;
        Ok((session, token))
    }

    /// Ends a session; from the answer on nothing is accepted in its name.
    ///
    /// # Errors
    ///
    /// When the log does not take it.
    pub async fn sign_out(
        &self,
        session: &Session,
        context: Context,
    ) -> Result<(), SessionCommandError> {
        let command = Command::End { session_id: session.id, reason: EndReason::SignedOut };
        self.execute(session.user_id, command, context).await
    }

    /// The live session with this id, from memory when it is known there.
    ///
    /// # Errors
    ///
    /// When it has ended, or nobody can say.
    pub async fn by_id(&self, id: SessionId) -> Result<Arc<Session>, SessionError> {
        if let Some(standing) = self.table.standing(id) {
            return self.live(standing);
        }
        // Boxed: a warm read shall not carry what only a cold one needs.
        Box::pin(async { self.admit(read_model::by_id(&self.pool, id).await?).await }).await
    }

    /// The live session that a token stands for, from memory when it is known there.
    ///
    /// # Errors
    ///
    /// When it has ended, or nobody can say.
    pub async fn by_token(&self, token: &SessionToken) -> Result<Arc<Session>, SessionError> {
        if let Some(standing) = self.table.by_token(token.hash()) {
            return self.live(standing);
        }
        let hash = token.hash();
        Box::pin(async { self.admit(read_model::by_token(&self.pool, hash).await?).await }).await
    }

    /// The stream of a user's sessions.
    pub fn stream(user_id: UserId) -> StreamName {
        StreamName::new(SessionList::CATEGORY, user_id)
    }

    /// Another process has written the stream of a user's sessions up to `version`.
    pub fn require(&self, stream: &StreamName, version: i64) {
        self.lists.require(stream, version);
    }

    /// Lets every user's sessions finish what they were told.
    pub async fn drain(&self) {
        self.lists.drain().await;
    }

    async fn admit(&self, read: Option<Arc<Session>>) -> Result<Arc<Session>, SessionError> {
        let session = read.ok_or(SessionError::Ended)?;
        let standing =
            ractor::call!(self.actor, Message::Read, session).map_err(|_| SessionError::NoReply)?;
        self.live(standing)
    }

    fn live(&self, standing: Standing) -> Result<Arc<Session>, SessionError> {
        match standing {
            Standing::Live(session) if session.expires_at > self.clock.now() => Ok(session),
            Standing::Live(_) | Standing::Ended(_) => Err(SessionError::Ended),
        }
    }

    async fn execute(
        &self,
        user_id: UserId,
        command: Command,
        context: Context,
    ) -> Result<(), SessionCommandError> {
        let order = Order { user_id, command, context, span: tracing::Span::current() };
        let reply = ractor::call!(self.actor, |reply| Message::Execute(order, reply));
        reply.unwrap_or(Err(ExecuteError::NoReply))
    }
}

/// Hears of sessions that other processes start and end.
impl Observer for Sessions {
    fn observe(&self, event: &RecordedEvent) {
        if category_of(&event.stream) != SessionList::CATEGORY {
            return;
        }
        let view = event.view();
        let Some(user_id) = read_model::owner(&view) else { return };
        self.lists.require(&Self::stream(user_id), event.version);
        let message = match SessionEvent::decode(view.name, view.schema, view.data) {
            Ok(event) => Message::Observed(user_id, event),
            Err(error) => {
                tracing::error!(%error, position = event.position, "a session event cannot be read");
                Message::Doubted
            }
        };
        // A SessionActor that is gone takes the process with it; there is nobody left to tell.
        let _ = self.actor.cast(message);
    }

    fn settled(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async {
            // A SessionActor that is gone takes the process with it.
            let _ = ractor::call!(self.actor, Message::Settle);
        })
    }
}
