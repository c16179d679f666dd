//! What a group of commands comes to, before it is committed.
//!
//! Commands that wait together are decided one after the other, each on the state its predecessors leave, and committed
//! together. Each is answered with the state right after itself: a change whose task the next command deletes was made all
//! the same.

use std::sync::Arc;

use super::append::NewEvent;
use super::decider::Decider;
use super::error::{ExecuteError, StoreError};
use super::published::{Outcome, Published};
use super::seat::Execute;
use super::statement::Statement;
use crate::clock::Timestamp;

/// What one command comes to.
type Decision<D> = Result<Outcome<D>, ExecuteError<<D as Decider>::Rejection>>;

/// What a group of commands comes to.
pub(super) struct Decided<D: Decider> {
    /// The version that the first of them was decided on.
    pub(super) expected: i64,
    /// The events of all of them.
    pub(super) events: Vec<NewEvent>,
    /// Rows to write beside these.
    pub(super) beside: Vec<Arc<Statement>>,
    /// The state after the last of them.
    pub(super) published: Arc<Published<D>>,
    outcomes: Vec<Decision<D>>,
}

impl<D: Decider> Decided<D> {
    /// Decides the commands one after the other.
    pub(super) fn of(known: &Arc<Published<D>>, commands: &[Execute<D>], now: Timestamp) -> Self {
        let mut decided = Self {
            expected: known.version,
            events: Vec::new(),
            beside: Vec::new(),
            outcomes: Vec::with_capacity(commands.len()),
            published: Arc::clone(known),
        };
        for execute in commands {
            let outcome = decided.decide(execute, now);
            decided.outcomes.push(outcome);
        }
        decided
    }

    fn decide(&mut self, execute: &Execute<D>, now: Timestamp) -> Decision<D> {
        let events = D::decide(&self.published.state, execute.command.clone())
            .map_err(ExecuteError::Rejected)?;
        if !events.is_empty() {
            let encoded = encode(&events, execute, now).map_err(|error| {
                let reason = format!("an event has no JSON form: {error}");
                ExecuteError::Store(StoreError::Refused(reason))
            })?;
            self.events.extend(encoded);
            self.beside.extend(execute.beside.iter().cloned());
            let mut after = Published::clone(&self.published);
            for event in &events {
                after.state = D::evolve(after.state, event);
                after.version += 1;
            }
            self.published = Arc::new(after);
        }
        Ok(Outcome { published: Arc::clone(&self.published), events })
    }

    /// Answers everybody, once what was decided is committed.
    pub(super) fn answer(self, commands: Vec<Execute<D>>) {
        for (execute, outcome) in commands.into_iter().zip(self.outcomes) {
            // Whoever asked may have stopped waiting; what was committed stays committed.
            let _ = execute.reply.send(outcome);
        }
    }
}

fn encode<D: Decider>(
    events: &[D::Event],
    execute: &Execute<D>,
    now: Timestamp,
) -> serde_json::Result<Vec<NewEvent>> {
    let context: Arc<[u8]> = serde_json::to_vec(&execute.context)?.into();
    events.iter().map(|event| NewEvent::encode(event, Arc::clone(&context), now)).collect()
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;
    use crate::eventlog::{Context, DecodeError, Event, EventKind};

    /// A number that is set and taken away.
    enum Number {}

    #[derive(Debug, Clone, PartialEq)]
    struct Set(Option<u8>);

    impl Event for Set {
        fn kind(&self) -> EventKind {
            EventKind { name: "Set", schema: 1 }
        }

        fn encode(&self) -> Result<String, serde_json::Error> {
            serde_json::to_string(&self.0)
        }

        fn decode(_: &str, _: i16, data: &str) -> Result<Self, DecodeError> {
            Ok(Self(serde_json::from_str(data).unwrap()))
        }
    }

    #[derive(Debug, Clone, PartialEq, thiserror::Error)]
    #[error("it is so already")]
    struct AlreadySo;

    impl Decider for Number {
        const CATEGORY: &'static str = "number";
        const SNAPSHOT_SCHEMA: i16 = 1;

        type Command = Option<u8>;
        type Event = Set;
        type State = Option<u8>;
        type Rejection = AlreadySo;

        fn decide(state: &Option<u8>, command: Option<u8>) -> Result<Vec<Set>, AlreadySo> {
            if *state == command { Err(AlreadySo) } else { Ok(vec![Set(command)]) }
        }

        fn evolve(_: Option<u8>, event: &Set) -> Option<u8> {
            event.0
        }
    }

    #[test]
    fn every_command_is_answered_with_the_state_right_after_itself() {
        let (commands, answers): (Vec<_>, Vec<_>) = [Some(1), None, None, Some(2)]
            .into_iter()
            .map(|command| {
                let (reply, answer) = oneshot::channel();
                let (context, beside) = (Context::default(), Vec::new());
                let span = tracing::Span::none();
                (Execute::<Number> { command, context, beside, trace: None, span, reply }, answer)
            })
            .unzip();
        let known = Arc::new(Published { version: 7, state: None });
        let decided = Decided::of(&known, &commands, Timestamp::from_unix_millis(0));
        assert_eq!((decided.expected, decided.events.len()), (7, 3));
        assert_eq!((decided.published.version, decided.published.state), (10, Some(2)));
        decided.answer(commands);
        let answered: Vec<_> = answers
            .into_iter()
            .map(|mut answer| match answer.try_recv().unwrap() {
                Ok(outcome) => Ok((outcome.published.version, outcome.published.state)),
                Err(ExecuteError::Rejected(rejection)) => Err(rejection),
                Err(other) => panic!("{other}"),
            })
            .collect();
        assert_eq!(answered, [Ok((8, Some(1))), Ok((9, None)), Err(AlreadySo), Ok((10, Some(2)))]);
    }
}
