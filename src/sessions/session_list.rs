//! The rules of one user's sessions.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::events::{EndReason, SessionEnded, SessionEvent, SessionStarted};
use crate::clock::Timestamp;
use crate::eventlog::Decider;
use crate::id::SessionId;

/// Most sessions a user has at once: beyond it, the oldest makes room.
pub const MAX_SESSIONS: usize = 100;

/// What can be asked of a user's sessions.
#[derive(Debug, Clone)]
pub enum Command {
    /// Begin a session.
    Start(SessionStarted),
    /// End a session.
    End {
        /// The session.
        session_id: SessionId,
        /// Why.
        reason: EndReason,
    },
}

/// Nothing about sessions is refused: ending one that has ended is already done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {}

/// When each session that has not ended ends by itself. Session ids sort by age.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    open: BTreeMap<SessionId, Timestamp>,
}

/// The decider of a user's sessions.
#[derive(Debug)]
pub enum SessionList {}

impl Decider for SessionList {
    const CATEGORY: &'static str = "session";
    const SNAPSHOT_SCHEMA: i16 = 1;

    type Command = Command;
    type Event = SessionEvent;
    type State = State;
    type Rejection = Rejection;

    fn decide(state: &State, command: Command) -> Result<Vec<SessionEvent>, Rejection> {
        Ok(match command {
            Command::Start(started) => start(state, started),
            Command::End { session_id, reason } => end(state, session_id, reason),
        })
    }

    fn evolve(mut state: State, event: &SessionEvent) -> State {
        match event {
            SessionEvent::Started(started) => {
                state.open.insert(started.session_id, started.expires_at);
            }
            SessionEvent::Ended(ended) => {
                state.open.remove(&ended.session_id);
            }
        }
        state
    }
}

/// Begins a session, and ends those whose time is over and those that are too many.
fn start(state: &State, started: SessionStarted) -> Vec<SessionEvent> {
    if state.open.contains_key(&started.session_id) {
        return Vec::new();
    }
    let (over, open): (Vec<_>, Vec<_>) =
        state.open.iter().partition(|(_, expires_at)| **expires_at <= started.started_at);
    let too_many = (open.len() + 1).saturating_sub(MAX_SESSIONS);
    let expired = over.into_iter().map(|(id, _)| ended(*id, EndReason::Expired));
    let superseded =
        open.into_iter().take(too_many).map(|(id, _)| ended(*id, EndReason::Superseded));
    expired.chain(superseded).chain([SessionEvent::Started(started)]).collect()
}

fn end(state: &State, session_id: SessionId, reason: EndReason) -> Vec<SessionEvent> {
    if state.open.contains_key(&session_id) { vec![ended(session_id, reason)] } else { Vec::new() }
}

fn ended(session_id: SessionId, reason: EndReason) -> SessionEvent {
    SessionEvent::Ended(SessionEnded { session_id, reason })
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::eventlog::testing::{assert_golden, given, replay};
    use crate::sessions::token::TokenHash;

    fn id(number: usize) -> SessionId {
        SessionId::from_uuid(Uuid::from_u128(number as u128))
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_millis(seconds * 1000)
    }

    fn starts(number: usize, from: i64, to: i64) -> SessionStarted {
        SessionStarted {
            session_id: id(number),
            token_hash: TokenHash([7; 32]),
            user_agent: Some("Firefox".to_owned()),
            started_at: at(from),
            expires_at: at(to),
        }
    }

    fn started(number: usize, from: i64, to: i64) -> SessionEvent {
        SessionEvent::Started(starts(number, from, to))
    }

    fn ends(number: usize) -> Command {
        Command::End { session_id: id(number), reason: EndReason::SignedOut }
    }

    #[test]
    fn a_session_ends_once() {
        let signed_out = ended(id(1), EndReason::SignedOut);
        given::<SessionList>([started(1, 0, 60)]).when(ends(1)).then([signed_out.clone()]);
        given::<SessionList>([started(1, 0, 60), signed_out]).when(ends(1)).then([]);
        given::<SessionList>([]).when(ends(1)).then([]);
    }

    #[test]
    fn a_new_session_buries_those_whose_time_is_over() {
        given::<SessionList>([started(1, 0, 60), started(2, 0, 61)])
            .when(Command::Start(starts(3, 60, 120)))
            .then([ended(id(1), EndReason::Expired), started(3, 60, 120)]);
    }

    #[test]
    fn a_session_too_many_ends_the_oldest() {
        let full = (1..=MAX_SESSIONS).map(|number| started(number, 0, 60));
        given::<SessionList>(full)
            .when(Command::Start(starts(1000, 1, 60)))
            .then([ended(id(1), EndReason::Superseded), started(1000, 1, 60)]);
    }

    #[test]
    fn a_session_starts_once() {
        given::<SessionList>([started(1, 0, 60)]).when(Command::Start(starts(1, 0, 60))).then([]);
    }

    #[test]
    fn every_history_can_be_folded() {
        let alphabet = [started(1, 0, 60), started(2, 0, 60), ended(id(1), EndReason::SignedOut)];
        for first in &alphabet {
            for second in &alphabet {
                for third in &alphabet {
                    replay::<SessionList>([first.clone(), second.clone(), third.clone()]);
                }
            }
        }
    }

    #[test]
    fn stored_events_keep_their_shape() {
        assert_golden(&[
            started(1, 1_763_812_800, 1_764_417_600),
            ended(id(1), EndReason::SignedOut),
        ]);
    }
}
