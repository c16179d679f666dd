//! Carrying out a command on a user's sessions.
//!
//! The user's entity decides and commits, and the table shows the change before the client is answered, so that a session is
//! refused on this node once its end is committed.
//!
//! A command runs in a detached task, as its request may be cancelled meanwhile and the table must still be updated. It
//! changes the table directly, without an actor in between: each change is one atomic step.

use std::sync::Arc;

use opentelemetry::KeyValue;

use super::events::{SessionEvent, SessionExtended};
use super::session_list::Command;
use super::table::Session;
use super::table::ended::EndSequence;
use super::{SessionCommandError, Sessions};
use crate::base::clock::Timestamp;
use crate::base::id::{SessionId, UserId};
use crate::eventlog::CommandRequest;
use crate::eventlog::{Context, ExecuteError, Outcome, StoreError};
use crate::telemetry::TraceContext;
use crate::telemetry::metrics::REVOCATION_LAG;

/// Process that ended a session.
#[derive(Debug, Clone, Copy)]
pub(super) enum EndOrigin {
    /// This process, which updates its table itself.
    Here,
    /// Another process, whose events the follower reads.
    Elsewhere,
}

impl EndOrigin {
    /// Records the time from the end of a session to its refusal on this node.
    fn tell(self, ended_at: Timestamp, now: Timestamp) {
        let origin = match self {
            Self::Here => "here",
            Self::Elsewhere => "elsewhere",
        };
        REVOCATION_LAG.record(now.since(ended_at), &[KeyValue::new("origin", origin)]);
    }
}

impl Sessions {
    /// Carries out a command. `session_id` is the session to check afterwards, if it is known to belong to `user_id`: the
    /// table is refreshed even if the command produced no event, because an earlier attempt with an unknown outcome may
    /// already have ended it.
    ///
    /// # Errors
    ///
    /// If the log does not take the events, or the outcome is unknown.
    pub(super) async fn execute(
        &self,
        user_id: UserId,
        command: Command,
        session_id: Option<SessionId>,
        context: Context,
    ) -> Result<Vec<SessionEvent>, SessionCommandError> {
        let (sessions, here) = (self.clone(), TraceContext::here());
        let run = async move { sessions.carry_out(user_id, command, session_id, context).await };
        #[expect(
            clippy::disallowed_methods,
            reason = "ends with the command, which the entity's bounded queue limits"
        )]
        tokio::spawn(here.scope(run)).await.unwrap_or(Err(ExecuteError::NoReply))
    }

    async fn carry_out(
        self,
        user_id: UserId,
        command: Command,
        session_id: Option<SessionId>,
        context: Context,
    ) -> Result<Vec<SessionEvent>, SessionCommandError> {
        let (as_of, ordered_at) = (self.table.moment(), self.clock.now());
        let ends_sessions = !matches!(command, Command::Extend { .. });
        // Expiry passes over many users, whose lists no request needs: they are not kept in memory.
        let is_in_bulk = matches!(command, Command::Expire { .. });
        let mut outcome = Unfinished { sessions: self.clone(), user_id, is_unknown: ends_sessions };
        let stream = Self::stream(user_id);
        let executed = if is_in_bulk {
            self.lists.execute_passivated(&stream, command, context).await
        } else {
            self.lists.execute(&stream, CommandRequest::new(command, context)).await
        };
        outcome.is_unknown &= executed.as_ref().is_err_and(is_of_unknown_outcome);
        let Outcome { published, events } = executed?;
        for event in &events {
            event.tell(user_id, is_in_bulk);
            self.apply(user_id, event, EndOrigin::Here, (ordered_at, as_of));
        }
        match session_id.map(|id| (id, published.state.get(id))) {
            Some((id, Some(open))) => self.table.extend(id, open.seen_at, open.expires_at),
            Some((id, None)) => drop(self.table.end(user_id, id, self.clock.now())),
            None => {}
        }
        Ok(events)
    }

    /// Applies an event to the table. `at` is the time of the event; `as_of` is a moment before a session of it began.
    pub(super) fn apply(
        &self,
        user_id: UserId,
        event: &SessionEvent,
        origin: EndOrigin,
        (at, as_of): (Timestamp, EndSequence),
    ) {
        match (event, origin) {
            (SessionEvent::Started(started), EndOrigin::Here) => {
                // A session that cannot be admitted is read once it is used.
                let _ = self.table.admit(Arc::new(Session::started(user_id, started)), as_of);
            }
            // Most sessions are used on the node on which they began.
            (SessionEvent::Started(_), EndOrigin::Elsewhere) => {}
            (SessionEvent::Extended(extended), _) => {
                let SessionExtended { session_id, seen_at, expires_at } = *extended;
                self.table.extend(session_id, seen_at, expires_at);
            }
            (SessionEvent::Ended(ended), _) => {
                let now = self.clock.now();
                if self.table.end(user_id, ended.session_id, now) {
                    origin.tell(at, now);
                }
                self.ended.send_replace(());
            }
        }
    }

    /// Distrusts what the table knows of a user's sessions, after an unknown outcome: each is read again before it is accepted.
    pub(super) fn doubt(&self, user_id: UserId) {
        self.table.doubt(user_id);
        self.ended.send_replace(());
    }
}

/// Returns true if a command that failed may have been committed. Every other failure is certain to have written nothing.
fn is_of_unknown_outcome(error: &SessionCommandError) -> bool {
    matches!(error, ExecuteError::Store(StoreError::OutcomeUnknown(_)) | ExecuteError::NoReply)
}

/// Guard of a command that is being carried out. If the outcome is still unknown when it is dropped, also because the task
/// panicked, the user's sessions are doubted.
struct Unfinished {
    /// Handle through which the doubt reaches the table.
    sessions: Sessions,
    /// Owner of the sessions that the command may have ended.
    user_id: UserId,
    /// Set at first for commands that end sessions; cleared once the outcome is certain.
    is_unknown: bool,
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if self.is_unknown {
            self.sessions.doubt(self.user_id);
        }
    }
}
