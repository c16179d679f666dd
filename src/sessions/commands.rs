//! Carrying out a command on a user's sessions: the user's entity decides and commits, and the table shows it before anybody
//! is answered, so that a session is refused on this node from the moment its end is committed.
//!
//! A command runs in a task of its own, as the request that asks may be dropped meanwhile: the table is told all the same. It
//! changes the table directly; each change is one atomic step, so there is nobody to wait for.

use std::sync::Arc;

use opentelemetry::KeyValue;

use super::events::{SessionEvent, SessionExtended};
use super::session_list::Command;
use super::table::Session;
use super::table::ended::Moment;
use super::{SessionCommandError, Sessions};
use crate::base::clock::Timestamp;
use crate::base::id::{SessionId, UserId};
use crate::eventlog::CommandRequest;
use crate::eventlog::{Context, ExecuteError, Outcome, StoreError};
use crate::telemetry::Carried;
use crate::telemetry::metrics::REVOCATION_LAG;

/// Who ended a session.
#[derive(Debug, Clone, Copy)]
pub(super) enum Origin {
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

impl Sessions {
    /// Carries out a command. `session_id` names the session to look at afterwards, if it is sure to be this user's: the
    /// table is told where it stands even when nothing happened, for an earlier attempt of unknown outcome may have
    /// ended it.
    ///
    /// # Errors
    ///
    /// When the log does not take it.
    pub(super) async fn execute(
        &self,
        user_id: UserId,
        command: Command,
        session_id: Option<SessionId>,
        context: Context,
    ) -> Result<Vec<SessionEvent>, SessionCommandError> {
        let (sessions, here) = (self.clone(), Carried::here());
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
        // It comes by everybody whose sessions are over, and nobody asks for their lists.
        let is_in_bulk = matches!(command, Command::Expire { .. });
        let mut outcome = Unfinished { sessions: self.clone(), user_id, is_unknown: ends_sessions };
        let stream = Self::stream(user_id);
        let executed = if is_in_bulk {
            self.lists.execute_unseated(&stream, command, context).await
        } else {
            self.lists.execute(&stream, CommandRequest::new(command, context)).await
        };
        outcome.is_unknown &= executed.as_ref().is_err_and(is_of_unknown_outcome);
        let Outcome { published, events } = executed?;
        for event in &events {
            event.tell(user_id, is_in_bulk);
            self.apply(user_id, event, Origin::Here, (ordered_at, as_of));
        }
        match session_id.map(|id| (id, published.state.get(id))) {
            Some((id, Some(open))) => self.table.extend(id, open.seen_at, open.expires_at),
            Some((id, None)) => drop(self.table.end(user_id, id, self.clock.now())),
            None => {}
        }
        Ok(events)
    }

    /// Shows in the table what happened at a time, to a session that began after a moment.
    pub(super) fn apply(
        &self,
        user_id: UserId,
        event: &SessionEvent,
        origin: Origin,
        (at, as_of): (Timestamp, Moment),
    ) {
        match (event, origin) {
            (SessionEvent::Started(started), Origin::Here) => {
                // One that cannot be admitted will be read when it is used.
                let _ = self.table.admit(Arc::new(Session::started(user_id, started)), as_of);
            }
            // Most of these are used on the node on which they began.
            (SessionEvent::Started(_), Origin::Elsewhere) => {}
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

    /// Nobody can tell what became of a user's sessions: each is read again before it is accepted.
    pub(super) fn doubt(&self, user_id: UserId) {
        self.table.doubt(user_id);
        self.ended.send_replace(());
    }
}

/// Whether a command that failed may have been committed all the same. Of every other failure it is certain that nothing
/// was written.
fn is_of_unknown_outcome(error: &SessionCommandError) -> bool {
    matches!(error, ExecuteError::Store(StoreError::OutcomeUnknown(_)) | ExecuteError::NoReply)
}

/// A command that is being carried out. If its outcome is still unknown when this is dropped, also because its task broke
/// off, its user's sessions are doubted.
struct Unfinished {
    sessions: Sessions,
    user_id: UserId,
    is_unknown: bool,
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if self.is_unknown {
            self.sessions.doubt(self.user_id);
        }
    }
}
