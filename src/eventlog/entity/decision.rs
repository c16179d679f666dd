//! Decision of a group of commands: its events, rows and replies, before they are committed.
//!
//! Commands that wait together are decided one after the other, each on the state its predecessors leave, and committed
//! together. Each is answered with the state right after itself, even if a later command of the group deletes the task
//! that it changed.
//!
//! A group ends with the command that makes it large: its append is then a small part of a batch, unless that command is
//! larger by itself.

use std::sync::Arc;

use super::request::{CommandRequest, Reply};
use crate::base::clock::Timestamp;
use crate::capacity::worker_pool::WorkError;
use crate::eventlog::log::append::request::Append;
use crate::eventlog::log::reader::EventLog;
use crate::eventlog::model::decider::{Decider, Extent};
use crate::eventlog::model::error::{ExecuteError, StoreError};
use crate::eventlog::model::event::Event;
use crate::eventlog::model::new_event::{Context, NewEvent};
use crate::eventlog::model::published::{Outcome, Published};
use crate::eventlog::model::stream::StreamName;

/// Most attempts at a command. Another one is made after a version conflict with a faster writer.
pub(super) const ATTEMPTS: usize = 8;

/// Limits of a group: once its events, or the bytes it writes, reach one of them, it takes no more commands.
const GROUP_EVENTS: usize = 256;
const GROUP_BYTES: usize = 256 * 1024;

/// Largest group that is decided on the threads that answer requests, which takes about half a millisecond.
const SHORT: Extent = Extent { events: 64, bytes: 64 * 1024 };

/// Commands that are executed together.
pub(super) type Commands<D> = Vec<Box<CommandRequest<D>>>;

/// Outcome of a group of commands that is not committed yet.
pub(super) struct Decision<D: Decider> {
    /// Events and rows of all the commands, in their order, on the version of the stream on which the first was decided.
    pub(super) append: Append,
    /// State after the last command, which is published once the append is committed.
    pub(super) published: Arc<Published<D>>,
    /// Bytes of the encoded events and their contexts, which end the group at `GROUP_BYTES`.
    bytes: usize,
    /// Largest weight of a state in bytes; a command that makes a heavier one is refused.
    largest: usize,
    /// Replies to the commands, in their order, which are sent after the commit.
    pub(super) outcomes: Vec<Reply<D>>,
}

impl<D: Decider> Decision<D> {
    /// Decides the first commands of a stream, up to a group, and returns all of them. Large groups are decided away from
    /// the threads that answer requests.
    ///
    /// # Errors
    ///
    /// If the decider panicked on such another thread.
    pub(super) async fn of_group(
        stream: &StreamName,
        known: &Arc<Published<D>>,
        commands: Commands<D>,
        log: &EventLog,
    ) -> Result<(Self, Commands<D>), WorkError> {
        let decision = Self::empty(stream.clone(), known, log.resources().largest_state);
        let now = log.clock().now();
        if is_short(&commands) {
            return Ok((decision.with_group(&commands, now), commands));
        }
        let decide = move || (decision.with_group(&commands, now), commands);
        log.resources().long_work().run(decide).await
    }

    fn empty(stream: StreamName, known: &Arc<Published<D>>, largest: usize) -> Self {
        Self {
            append: Append::new(stream, known.version, Vec::new()),
            published: Arc::clone(known),
            bytes: 0,
            largest,
            outcomes: Vec::new(),
        }
    }

    fn with_group(mut self, commands: &[Box<CommandRequest<D>>], now: Timestamp) -> Self {
        for request in commands {
            let outcome = self.decide(request, now);
            self.outcomes.push(outcome);
            if self.append.events.len() >= GROUP_EVENTS || self.bytes >= GROUP_BYTES {
                break;
            }
        }
        self
    }

    /// Number of commands that were decided.
    pub(super) fn count(&self) -> usize {
        self.outcomes.len()
    }

    fn decide(&mut self, request: &CommandRequest<D>, now: Timestamp) -> Reply<D> {
        let CommandRequest { command, context, also_write, record, .. } = request;
        let (events, state) = D::decide_and_evolve(&self.published.state, command.clone())
            .map_err(ExecuteError::Rejected)?;
        let outcome = Outcome { published: self.after(&events, state)?, events };
        // Encoding comes first: a command that cannot be written leaves nothing of itself in the group.
        let encoded = encode(&outcome.events, context, now)
            .map_err(|error| has_no_json_form("an event", &error))?;
        let record = record.as_ref().map(|record| record.of(&outcome)).transpose();
        let record = record.map_err(|error| has_no_json_form("a record", &error))?;
        if !encoded.is_empty() {
            self.append.also_write.extend(also_write.iter().cloned());
        }
        self.bytes +=
            encoded.iter().map(|event| event.data.len() + event.context.len()).sum::<usize>();
        self.append.events.extend(encoded);
        self.append.also_write.extend(record.map(Arc::new));
        self.published = Arc::clone(&outcome.published);
        Ok(outcome)
    }

    /// State after further events. It is refused if it is heavier than both the limit and the state before.
    fn after(
        &self,
        events: &[D::Event],
        state: D::State,
    ) -> Result<Arc<Published<D>>, ExecuteError<D::Rejection>> {
        if events.is_empty() {
            return Ok(Arc::clone(&self.published));
        }
        let (before, after) = (D::weight(&self.published.state), D::weight(&state));
        if let Some(refusal) = D::too_heavy().filter(|_| after > self.largest.max(before)) {
            return Err(ExecuteError::Rejected(refusal));
        }
        let count = i64::try_from(events.len()).unwrap_or(i64::MAX);
        Ok(Arc::new(Published { version: self.published.version + count, state }))
    }
}

/// Answers every command of a group, after its commit.
pub(super) fn answer_each<D: Decider>(commands: Commands<D>, outcomes: Vec<Reply<D>>) {
    for (request, outcome) in commands.into_iter().zip(outcomes) {
        request.answer(outcome);
    }
}

/// Returns true if the commands of the next group are few and small enough to be decided on the caller's thread.
fn is_short<D: Decider>(commands: &[Box<CommandRequest<D>>]) -> bool {
    let extents = commands.iter().map(|request| D::extent(&request.command));
    let group = extents.scan(Extent { events: 0, bytes: 0 }, |sum, extent| {
        let is_full = sum.events >= GROUP_EVENTS || sum.bytes >= GROUP_BYTES;
        sum.events += extent.events;
        sum.bytes += extent.bytes;
        (!is_full).then_some(*sum)
    });
    let group = group.last().unwrap_or(Extent { events: 0, bytes: 0 });
    group.events <= SHORT.events && group.bytes <= SHORT.bytes
}

fn encode<E: Event>(
    events: &[E],
    context: &Context,
    now: Timestamp,
) -> serde_json::Result<Vec<NewEvent>> {
    if events.is_empty() {
        return Ok(Vec::new());
    }
    let context: Arc<[u8]> = serde_json::to_vec(context)?.into();
    events.iter().map(|event| NewEvent::encode(event, Arc::clone(&context), now)).collect()
}

fn has_no_json_form<R: std::error::Error>(
    what: &str,
    error: &serde_json::Error,
) -> ExecuteError<R> {
    ExecuteError::Store(StoreError::Refused(format!("{what} has no JSON form: {error}")))
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;
    use crate::eventlog::Statement;
    use crate::eventlog::{DecodeError, EventKind, Record};

    /// A number that is set and taken away; 0 leaves it as it is.
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
    #[error("the command changes nothing")]
    struct AlreadySo;

    impl Decider for Number {
        const CATEGORY: &'static str = "number";
        const SNAPSHOT_SCHEMA: i16 = 1;

        type Command = Option<u8>;
        type Event = Set;
        type State = Option<u8>;
        type Rejection = AlreadySo;

        fn decide(state: &Option<u8>, command: Option<u8>) -> Result<Vec<Set>, AlreadySo> {
            match command {
                Some(0) => Ok(Vec::new()),
                _ if *state == command => Err(AlreadySo),
                _ => Ok(vec![Set(command)]),
            }
        }

        fn evolve(_: Option<u8>, event: &Set) -> Option<u8> {
            event.0
        }
    }

    type Answer = oneshot::Receiver<Reply<Number>>;

    /// Commands that wait together, and the receivers of their replies.
    fn waiting(
        executions: impl IntoIterator<Item = CommandRequest<Number>>,
    ) -> (Commands<Number>, Vec<Answer>) {
        let wait = |mut request: CommandRequest<Number>| {
            let answer = request.awaited();
            (Box::new(request), answer)
        };
        executions.into_iter().map(wait).unzip()
    }

    fn set(number: Option<u8>) -> CommandRequest<Number> {
        CommandRequest::new(number, Context::default())
    }

    fn decided(commands: &[Box<CommandRequest<Number>>]) -> Decision<Number> {
        let known = Arc::new(Published { version: 7, state: None });
        let decision = Decision::empty(StreamName::singleton("number"), &known, usize::MAX);
        decision.with_group(commands, Timestamp::from_unix_millis(0))
    }

    fn answered(answers: Vec<Answer>) -> Vec<Result<(i64, Option<u8>), String>> {
        let shown = |mut answer: Answer| match answer.try_recv().unwrap() {
            Ok(outcome) => Ok((outcome.published.version, outcome.published.state)),
            Err(error) => Err(error.to_string()),
        };
        answers.into_iter().map(shown).collect()
    }

    #[test]
    fn every_command_is_answered_with_the_state_right_after_itself() {
        let (commands, answers) = waiting([Some(1), None, None, Some(2)].map(set));
        let decided = decided(&commands);
        assert_eq!((decided.append.expected, decided.append.events.len()), (7, 3));
        assert_eq!((decided.published.version, decided.published.state), (10, Some(2)));
        answer_each(commands, decided.outcomes);
        let refused = Err("the command changes nothing".to_owned());
        assert_eq!(
            answered(answers),
            [Ok((8, Some(1))), Ok((9, None)), refused, Ok((10, Some(2)))]
        );
    }

    /// A record that shows what it was made of.
    fn record() -> Record<Number> {
        Record::new(|outcome| {
            let Published { version, state } = *outcome.published;
            let shown = format!("{} {version} {state:?}", outcome.events.len());
            Ok(Statement::new("record", vec![Box::new(shown)]))
        })
    }

    /// The statements, records with what they were made of.
    fn beside(decided: &Decision<Number>) -> Vec<String> {
        let shown = decided
            .append
            .also_write
            .iter()
            .map(|statement| format!("{} {:?}", statement.sql, statement.params));
        shown.collect()
    }

    #[test]
    fn the_record_of_a_command_is_made_of_the_outcome_that_is_answered() {
        let executions =
            [Some(1), Some(1), Some(0), None].map(|number| set(number).recorded(record()));
        let (commands, _answers) = waiting(executions);
        let expected = [
            r#"record ["1 8 Some(1)"]"#,
            // The second command is refused, the third one has nothing to do.
            r#"record ["0 8 Some(1)"]"#,
            r#"record ["1 9 None"]"#,
        ];
        // Decided again, the records are made again.
        for _ in 0..2 {
            assert_eq!(beside(&decided(&commands)), expected);
        }
    }

    #[test]
    fn rows_beside_events_are_not_written_without_any() {
        let row = || vec![Statement::new("row", Vec::new())];
        let (commands, _answers) =
            waiting([set(Some(0)).also_write(row()), set(Some(1)).also_write(row())]);
        let decided = decided(&commands);
        assert_eq!((decided.append.events.len(), beside(&decided)), (1, vec!["row []".to_owned()]));
    }

    #[test]
    fn a_command_whose_record_cannot_be_made_changes_nothing() {
        let broken = Record::new(|_| Err(serde::ser::Error::custom("broken")));
        let (commands, answers) = waiting([set(Some(1)).recorded(broken), set(Some(2))]);
        let decided = decided(&commands);
        assert_eq!((decided.append.events.len(), decided.append.also_write.len()), (1, 0));
        answer_each(commands, decided.outcomes);
        let refused = "the database refused a statement: a record has no JSON form: broken";
        assert_eq!(answered(answers), [Err(refused.to_owned()), Ok((8, Some(2)))]);
    }

    #[test]
    fn a_group_ends_with_the_command_that_makes_it_large() {
        let numbers = (0..1_000).map(|number| Some(1 + u8::from(number % 2 == 0)));
        let (commands, _answers) = waiting(numbers.map(set));
        let decided = decided(&commands);
        assert_eq!((decided.count(), decided.append.events.len()), (GROUP_EVENTS, GROUP_EVENTS));
        assert!(!is_short(&commands) && is_short(&commands[..SHORT.events]));
    }
}
