//! The SessionActor: the one writer of this node's table of sessions.
//!
//! It is an actor of its own because it owns more than the entities of single users do: what this node knows of every
//! session, live or ended. Commands go to the user's entity and their events come back here before anybody is answered,
//! so that a session is refused on this node from the moment its end is committed. Events that other nodes append
//! arrive through [`Message::Observed`]. Nothing blocks in its message loop: commands run beside it.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::KeyValue;
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};
use tokio::sync::watch;

use super::events::{SessionEvent, SessionExtended};
use super::open::OpenSession;
use super::session_list::{Command, SessionList};
use super::table::{Session, SessionTable, Standing};
use super::{SessionCommandError, Sessions};
use crate::clock::{Clock, Timestamp};
use crate::eventlog::{Context, Entities, ExecuteError, Outcome};
use crate::id::{SessionId, UserId};
use crate::telemetry::Carried;
use crate::telemetry::metrics::REVOCATION_LAG;

/// How often what is over is forgotten.
const SWEEP: Duration = Duration::from_mins(1);

/// What a command came to.
type Reply = RpcReplyPort<Result<Vec<SessionEvent>, SessionCommandError>>;

/// What the SessionActor is asked.
#[derive(Debug)]
pub(super) enum Message {
    /// Carry out a command on a user's sessions; answered when it is committed and the table shows it.
    Execute(Box<Order>, Reply),
    /// A command is carried out: apply what it came to, then answer.
    Done(Done, Reply),
    /// An event that another process appended at this time.
    Observed(UserId, SessionEvent, Timestamp),
    /// Nobody can tell what happened to some session: every live one is read again before it is accepted.
    Doubted,
    /// Answers when everything that was sent before is done.
    Settle(RpcReplyPort<()>),
    /// A session was read from the database; answers where it stands.
    Read(Arc<Session>, RpcReplyPort<Standing>),
    /// Forget what is over.
    Sweep,
}

/// A command on a user's sessions.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) user_id: UserId,
    pub(super) command: Command,
    /// The session that the command is about, if it is sure to be this user's: the table is told where it stands
    /// afterwards even if nothing had to happen, perhaps because it did in a batch whose outcome nobody could tell.
    pub(super) session_id: Option<SessionId>,
    pub(super) context: Context,
    /// The trace of whoever ordered it, in which the command runs.
    pub(super) carried: Carried,
}

/// What a command came to.
#[derive(Debug)]
pub(super) struct Done {
    user_id: UserId,
    /// What happened.
    events: Vec<SessionEvent>,
    /// The session that the command was about, and how it is now if it has not ended.
    session: Option<(SessionId, Option<Arc<OpenSession>>)>,
    /// When it was ordered.
    ordered_at: Timestamp,
}

/// Who ended a session.
#[derive(Debug, Clone, Copy)]
enum Origin {
    /// This process.
    Here,
    /// Another one.
    Elsewhere,
}

impl Origin {
    /// It ended it at this time, and it is refused now.
    fn tell(self, ended_at: Timestamp, now: Timestamp) {
        let origin = match self {
            Self::Here => "here",
            Self::Elsewhere => "elsewhere",
        };
        REVOCATION_LAG.record(now.since(ended_at), &[KeyValue::new("origin", origin)]);
    }
}

/// The actor type.
#[derive(Debug)]
pub(super) struct SessionActor;

/// What the SessionActor owns.
#[derive(Debug)]
pub(super) struct Owned {
    pub(super) table: Arc<SessionTable>,
    pub(super) lists: Entities<SessionList>,
    pub(super) clock: Clock,
    /// How long an access token outlives its issue: ended sessions are remembered for that long.
    pub(super) token_lifetime: Duration,
    /// Told when a session has ended, on whatever node, or may have.
    pub(super) ended: watch::Sender<()>,
}

impl Actor for SessionActor {
    type Msg = Message;
    type State = Owned;
    type Arguments = Owned;

    async fn pre_start(
        &self,
        myself: ActorRef<Message>,
        owned: Owned,
    ) -> Result<Owned, ActorProcessingErr> {
        drop(myself.send_interval(SWEEP, || Message::Sweep));
        Ok(owned)
    }

    async fn handle(
        &self,
        myself: ActorRef<Message>,
        message: Message,
        owned: &mut Owned,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Message::Execute(order, reply) => owned.execute(myself, *order, reply),
            Message::Done(done, reply) => {
                let events = owned.settle(done);
                let _ = reply.send(Ok(events));
            }
            Message::Observed(user_id, event, recorded_at) => {
                owned.apply(user_id, &event, Origin::Elsewhere, recorded_at);
            }
            Message::Doubted => {
                owned.table.doubt();
                owned.ended.send_replace(());
            }
            Message::Settle(reply) => {
                let _ = reply.send(());
            }
            Message::Read(session, reply) => {
                let _ = reply.send(owned.table.admit(session));
            }
            Message::Sweep => owned.sweep(),
        }
        Ok(())
    }
}

impl Owned {
    /// Runs the command beside the message loop; its events come back as a message. The request that asked may be
    /// dropped meanwhile: the table is told all the same.
    fn execute(&self, myself: ActorRef<Message>, order: Order, reply: Reply) {
        let Order { user_id, command, session_id, context, carried } = order;
        let (lists, ordered_at) = (self.lists.clone(), self.clock.now());
        let ends_sessions = !matches!(command, Command::Extend { .. });
        let run = async move {
            match lists.execute(&Sessions::stream(user_id), command, context, Vec::new()).await {
                // A SessionActor that is gone drops the reply, and the caller hears of that.
                Ok(Outcome { published, events }) => {
                    for event in &events {
                        event.tell(user_id);
                    }
                    let session = session_id.map(|id| (id, published.state.get(id).cloned()));
                    let done = Done { user_id, events, session, ordered_at };
                    let _ = myself.cast(Message::Done(done, reply));
                }
                Err(error) => {
                    let is_in_doubt =
                        matches!(error, ExecuteError::Store(_) | ExecuteError::NoReply);
                    if is_in_doubt && ends_sessions {
                        // The command may have been committed all the same.
                        let _ = myself.cast(Message::Doubted);
                    }
                    let _ = reply.send(Err(error));
                }
            }
        };
        #[expect(
            clippy::disallowed_methods,
            reason = "ends with the command, which the entity's bounded queue limits"
        )]
        tokio::spawn(carried.scope(run));
    }

    fn settle(&self, done: Done) -> Vec<SessionEvent> {
        for event in &done.events {
            self.apply(done.user_id, event, Origin::Here, done.ordered_at);
        }
        match done.session {
            Some((id, Some(open))) => self.table.extend(id, open.seen_at, open.expires_at),
            Some((id, None)) => drop(self.table.end(id, self.clock.now())),
            None => {}
        }
        done.events
    }

    fn apply(&self, user_id: UserId, event: &SessionEvent, origin: Origin, at: Timestamp) {
        match event {
            SessionEvent::Started(started) => {
                self.table.admit(Arc::new(Session::started(user_id, started)));
            }
            SessionEvent::Extended(SessionExtended { session_id, seen_at, expires_at }) => {
                self.table.extend(*session_id, *seen_at, *expires_at);
            }
            SessionEvent::Ended(ended) => {
                let now = self.clock.now();
                if self.table.end(ended.session_id, now) {
                    origin.tell(at, now);
                }
                self.ended.send_replace(());
            }
        }
    }

    fn sweep(&self) {
        let lifetime = i64::try_from(self.token_lifetime.as_millis()).unwrap_or(i64::MAX);
        let now = self.clock.now().unix_millis();
        self.table.forget(Timestamp::from_unix_millis(now.saturating_sub(lifetime)));
    }
}
