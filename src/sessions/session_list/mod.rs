//! Rules of one user's sessions.

pub(super) mod draft;
pub mod open;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use self::open::{Limits, OpenSession};
use super::events::{EndReason, SessionEnded, SessionEvent, SessionStarted};
use crate::base::clock::Timestamp;
use crate::base::id::SessionId;
use crate::eventlog::Decider;

/// Most sessions of a user at once: beyond it, the oldest is superseded.
pub const MAX_SESSIONS: usize = 100;

/// Estimated bytes of a session in memory: its place in the list, and its client's address and User-Agent.
const SESSION: usize = 512;

/// Commands of a user's session list.
#[derive(Debug, Clone)]
pub enum Command {
    /// Begin a session, and end those that are over or too many.
    Start(SessionStarted),
    /// Extend a session that is used, if that is due.
    Extend {
        /// Session that is used; one that has ended stays so.
        session_id: SessionId,
        /// Time of the use, from the injected clock.
        now: Timestamp,
        /// Idle timeout and absolute lifetime as they are configured now.
        limits: Limits,
    },
    /// End a session. One whose time is over ends for that reason.
    End {
        /// Session to end; one that has ended already is no change.
        session_id: SessionId,
        /// Cause, unless its time was over before.
        reason: EndReason,
        /// Time of the decision, from the injected clock.
        now: Timestamp,
    },
    /// End all sessions but one, or all of them.
    EndAll {
        /// Session that stays, as a rule the caller's own.
        except: Option<SessionId>,
        /// Cause, for those whose time was not over before.
        reason: EndReason,
        /// Time of the decision, from the injected clock.
        now: Timestamp,
    },
    /// End the sessions whose time is over.
    Expire {
        /// Time against which expiry is checked, from the injected clock.
        now: Timestamp,
    },
}

/// Rejections, of which there are none: ending a session that has ended is already done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {}

/// The sessions that have not ended, though the time of some may be over. Session ids sort by age.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Sessions by identifier, and so by age; shared, so that a copy of the state copies pointers.
    open: BTreeMap<SessionId, Arc<OpenSession>>,
}

impl State {
    /// Returns a session, unless it has ended.
    pub fn get(&self, id: SessionId) -> Option<&Arc<OpenSession>> {
        self.open.get(&id)
    }

    /// Returns the sessions whose time is not over, newest first.
    pub fn live(&self, now: Timestamp) -> impl Iterator<Item = (SessionId, &OpenSession)> {
        let open = self.open.iter().rev().map(|(id, session)| (*id, &**session));
        open.filter(move |(_, session)| session.over(now).is_none())
    }

    /// Ends the sessions that `are_meant`: for `reason`, unless their time was over before.
    fn ends(
        &self,
        reason: EndReason,
        now: Timestamp,
        are_meant: impl Fn(SessionId) -> bool,
    ) -> Vec<SessionEvent> {
        let meant = self.open.iter().filter(|(id, _)| are_meant(**id));
        meant.map(|(id, session)| ended(*id, session.over(now).unwrap_or(reason))).collect()
    }

    /// Ends the sessions whose time is over.
    fn overdue(&self, now: Timestamp) -> Vec<SessionEvent> {
        let over = |(id, session): (&SessionId, &Arc<OpenSession>)| Some((*id, session.over(now)?));
        self.open.iter().filter_map(over).map(|(id, reason)| ended(id, reason)).collect()
    }
}

/// The decider of a user's sessions.
#[derive(Debug)]
pub enum SessionList {}

impl Decider for SessionList {
    const CATEGORY: &'static str = "session";
    const SNAPSHOT_SCHEMA: i16 = 3;

    type Command = Command;
    type Event = SessionEvent;
    type State = State;
    type Rejection = Rejection;

    fn decide(state: &State, command: Command) -> Result<Vec<SessionEvent>, Rejection> {
        Ok(match command {
            Command::Start(started) => start(state, started),
            Command::Extend { session_id, now, limits } => extend(state, session_id, now, &limits),
            Command::End { session_id, reason, now } => {
                state.ends(reason, now, |id| id == session_id)
            }
            Command::EndAll { except, reason, now } => {
                state.ends(reason, now, |id| Some(id) != except)
            }
            Command::Expire { now } => state.overdue(now),
        })
    }

    fn weight(state: &State) -> usize {
        size_of::<State>() + state.open.len() * SESSION
    }

    fn evolve(mut state: State, event: &SessionEvent) -> State {
        match event {
            SessionEvent::Started(started) => {
                state.open.insert(started.session_id, Arc::new(OpenSession::started(started)));
            }
            SessionEvent::Extended(extended) => {
                if let Some(session) = state.open.get_mut(&extended.session_id) {
                    *session = Arc::new(session.extended(extended));
                }
            }
            SessionEvent::Ended(ended) => {
                state.open.remove(&ended.session_id);
            }
        }
        state
    }
}

/// Begins a session, and ends those whose time is over and the oldest of too many.
fn start(state: &State, started: SessionStarted) -> Vec<SessionEvent> {
    if state.open.contains_key(&started.session_id) {
        return Vec::new();
    }
    let mut events = state.overdue(started.started_at);
    let too_many = (state.open.len() + 1).saturating_sub(events.len() + MAX_SESSIONS);
    let live = state.open.iter().filter(|(_, session)| session.over(started.started_at).is_none());
    events.extend(live.take(too_many).map(|(id, _)| ended(*id, EndReason::Superseded)));
    events.push(SessionEvent::Started(started));
    events
}

fn extend(
    state: &State,
    session_id: SessionId,
    now: Timestamp,
    limits: &Limits,
) -> Vec<SessionEvent> {
    let extension = state.get(session_id).and_then(|open| open.extension(session_id, now, limits));
    extension.map(SessionEvent::Extended).into_iter().collect()
}

fn ended(session_id: SessionId, reason: EndReason) -> SessionEvent {
    SessionEvent::Ended(SessionEnded { session_id, reason })
}

#[cfg(test)]
mod tests;
