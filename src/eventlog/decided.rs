//! What a group of commands comes to, before it is committed.
//!
//! Commands that wait together are decided one after the other, each on the state its predecessors leave, and committed
//! together. Each is answered with the state right after itself: a change whose task the next command deletes was made all
//! the same.

use std::sync::Arc;

use super::append::{Context, NewEvent};
use super::decider::Decider;
use super::error::{ExecuteError, StoreError};
use super::event::Event;
use super::execution::Execution;
use super::published::{Outcome, Published};
use super::seat::Execute;
use super::statement::Statement;
use crate::clock::Timestamp;

/// How many commands and events are decided before others get their turn on the thread.
const PATIENCE: usize = 64;

/// What one command comes to.
type Decision<D> = Result<Outcome<D>, ExecuteError<<D as Decider>::Rejection>>;

/// What a group of commands comes to.
pub(super) struct Decided<D: Decider> {
    /// The version that the first of them was decided on.
    pub(super) expected: i64,
    /// The events of all of them.
    pub(super) events: Vec<NewEvent>,
    /// Rows to write beside these: those of commands with events, and the records of outcomes.
    pub(super) beside: Vec<Arc<Statement>>,
    /// The state after the last of them.
    pub(super) published: Arc<Published<D>>,
    outcomes: Vec<Decision<D>>,
}

impl<D: Decider> Decided<D> {
    /// Decides the commands one after the other. Gives way now and then: commands may be many, and large.
    pub(super) async fn of(
        known: &Arc<Published<D>>,
        commands: &[Execute<D>],
        now: Timestamp,
    ) -> Self {
        let mut decided = Self {
            expected: known.version,
            events: Vec::new(),
            beside: Vec::new(),
            outcomes: Vec::with_capacity(commands.len()),
            published: Arc::clone(known),
        };
        let mut due = PATIENCE;
        for execute in commands {
            let outcome = decided.decide(execute, now);
            decided.outcomes.push(outcome);
            if decided.outcomes.len() + decided.events.len() >= due {
                due = decided.outcomes.len() + decided.events.len() + PATIENCE;
                tokio::task::yield_now().await;
            }
        }
        decided
    }

    fn decide(&mut self, execute: &Execute<D>, now: Timestamp) -> Decision<D> {
        let Execution { command, context, beside, record } = &execute.execution;
        let events =
            D::decide(&self.published.state, command.clone()).map_err(ExecuteError::Rejected)?;
        let outcome = Outcome { published: self.after(&events), events };
        // What cannot be written leaves nothing of the command.
        let encoded = encode(&outcome.events, context, now)
            .map_err(|error| has_no_json_form("an event", &error))?;
        let record = record.as_ref().map(|record| record.of(&outcome)).transpose();
        let record = record.map_err(|error| has_no_json_form("a record", &error))?;
        if !encoded.is_empty() {
            self.beside.extend(beside.iter().cloned());
        }
        self.events.extend(encoded);
        self.beside.extend(record.map(Arc::new));
        self.published = Arc::clone(&outcome.published);
        Ok(outcome)
    }

    /// The state after further events.
    fn after(&self, events: &[D::Event]) -> Arc<Published<D>> {
        if events.is_empty() {
            return Arc::clone(&self.published);
        }
        let mut after = Published::clone(&self.published);
        for event in events {
            after.state = D::evolve(after.state, event);
            after.version += 1;
        }
        Arc::new(after)
    }

    /// Answers everybody, once what was decided is committed.
    pub(super) fn answer(self, commands: Vec<Execute<D>>) {
        for (execute, outcome) in commands.into_iter().zip(self.outcomes) {
            // Whoever asked may have stopped waiting; what was committed stays committed.
            let _ = execute.reply.send(outcome);
        }
    }
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
    use crate::eventlog::{DecodeError, EventKind, Record};
    use crate::telemetry::Carried;

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

    type Answer = oneshot::Receiver<Decision<Number>>;

    /// Commands that wait together, and where they are answered.
    fn waiting(
        executions: impl IntoIterator<Item = Execution<Number>>,
    ) -> (Vec<Execute<Number>>, Vec<Answer>) {
        let wait = |execution| {
            let (reply, answer) = oneshot::channel();
            (Execute { execution, carried: Carried::here(), reply }, answer)
        };
        executions.into_iter().map(wait).unzip()
    }

    fn set(number: Option<u8>) -> Execution<Number> {
        Execution::new(number, Context::default())
    }

    async fn decided(commands: &[Execute<Number>]) -> Decided<Number> {
        let known = Arc::new(Published { version: 7, state: None });
        Decided::of(&known, commands, Timestamp::from_unix_millis(0)).await
    }

    fn answered(answers: Vec<Answer>) -> Vec<Result<(i64, Option<u8>), String>> {
        let shown = |mut answer: Answer| match answer.try_recv().unwrap() {
            Ok(outcome) => Ok((outcome.published.version, outcome.published.state)),
            Err(error) => Err(error.to_string()),
        };
        answers.into_iter().map(shown).collect()
    }

    #[tokio::test]
    async fn every_command_is_answered_with_the_state_right_after_itself() {
        let (commands, answers) = waiting([Some(1), None, None, Some(2)].map(set));
        let decided = decided(&commands).await;
        assert_eq!((decided.expected, decided.events.len()), (7, 3));
        assert_eq!((decided.published.version, decided.published.state), (10, Some(2)));
        decided.answer(commands);
        let refused = Err("it is so already".to_owned());
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
    fn beside(decided: &Decided<Number>) -> Vec<String> {
        let shown = decided
            .beside
            .iter()
            .map(|statement| format!("{} {:?}", statement.sql, statement.params));
        shown.collect()
    }

    #[tokio::test]
    async fn the_record_of_a_command_is_made_of_the_outcome_that_is_answered() {
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
            assert_eq!(beside(&decided(&commands).await), expected);
        }
    }

    #[tokio::test]
    async fn rows_beside_events_are_not_written_without_any() {
        let row = || vec![Statement::new("row", Vec::new())];
        let (commands, _answers) =
            waiting([set(Some(0)).beside(row()), set(Some(1)).beside(row())]);
        let decided = decided(&commands).await;
        assert_eq!((decided.events.len(), beside(&decided)), (1, vec!["row []".to_owned()]));
    }

    #[tokio::test]
    async fn a_command_whose_record_cannot_be_made_changes_nothing() {
        let broken = Record::new(|_| Err(serde::ser::Error::custom("broken")));
        let (commands, answers) = waiting([set(Some(1)).recorded(broken), set(Some(2))]);
        let decided = decided(&commands).await;
        assert_eq!((decided.events.len(), decided.beside.len()), (1, 0));
        decided.answer(commands);
        let refused = "the database refused a statement: a record has no JSON form: broken";
        assert_eq!(answered(answers), [Err(refused.to_owned()), Ok((8, Some(2)))]);
    }
}
