//! Carrying out commands on task lists, once for every key.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Tasks;
use super::events::{Deed, Span};
use super::heavy::{Busy, Claim};
use super::history::decoded;
use super::idempotency::{Answer, Asked, KeyError, Turn};
use super::task_list::TaskList;
use super::task_list::command::{Command, Expected, Refusal, Rejection, Taking};
use super::{read_model, skew};
use crate::clock::Timestamp;
use crate::eventlog::{Context, ExecuteError, Execution, Outcome, ReadError, Record, StoreError};
use crate::id::UserId;

/// How long a change to take back is looked for again and again, because others were faster.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many events a change has at least that is not taken back beside others.
const LARGE: i64 = 500;

/// How the outcome of a command is answered.
pub type Answering =
    Arc<dyn Fn(&Outcome<TaskList>) -> serde_json::Result<Answer> + Send + Sync + 'static>;

/// Who wants something done, and how they are answered.
pub struct Writing {
    /// Whose list.
    pub owner: UserId,
    /// Who, in which session, from where.
    pub context: Context,
    /// What tells the request from others, if it may be sent again.
    pub asked: Option<Asked>,
    /// How the outcome is answered.
    pub answering: Answering,
}

/// Why a command was not carried out.
#[derive(Debug, Clone, thiserror::Error)]
pub enum WriteError {
    /// The rules refuse it, or the log does not take it.
    #[error(transparent)]
    Execute(#[from] ExecuteError<Rejection>),
    /// Its key does not allow it.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Too much is done with whole lists already.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// There is nothing to take back, or to do again.
    #[error("there is nothing to take back")]
    Nothing(Deed),
    /// The answer has no JSON form.
    #[error("an answer has no JSON form: {0}")]
    Encoding(String),
}

impl Tasks {
    /// Carries out a command and answers when it is committed; or answers what was answered before.
    ///
    /// # Errors
    ///
    /// When nothing was done, unless the outcome is unknown.
    pub async fn write(&self, writing: &Writing, command: Command) -> Result<Answer, WriteError> {
        self.once(writing, async |keyed| self.execute(writing, keyed, command).await).await
    }

    /// Takes the last change back, or does again what was taken back last.
    ///
    /// # Errors
    ///
    /// When nothing was done, unless the outcome is unknown.
    pub async fn take_back(
        &self,
        writing: &Writing,
        (deed, expected): (Deed, Expected),
        at: Timestamp,
    ) -> Result<Answer, WriteError> {
        let attempt = async |keyed: Option<Keyed>| {
            let begun = Instant::now();
            while begun.elapsed() < PATIENCE {
                let (taking, _turn) = self.taking(writing.owner, deed).await?;
                let command = Command::TakeBack { taking, expected: expected.clone(), at };
                match self.execute(writing, keyed.clone(), command).await {
                    Err(WriteError::Execute(ExecuteError::Rejected(Rejection {
                        refusal: Refusal::Overtaken,
                        ..
                    }))) => {}
                    done => return done,
                }
            }
            Err(ExecuteError::Contended.into())
        };
        self.once(writing, attempt).await
    }

    /// What is next to be taken back, or to be done again, from the log; and the turn that it takes, if it is large.
    async fn taking(
        &self,
        owner: UserId,
        deed: Deed,
    ) -> Result<(Taking, Option<Claim>), WriteError> {
        let now = self.of(owner).await.map_err(ExecuteError::from)?;
        let span = match deed {
            Deed::Undo => now.state.undo,
            Deed::Do | Deed::Redo => now.state.redo,
        };
        let span = span.ok_or(WriteError::Nothing(deed))?;
        let Span(first, last) = span;
        let mut claim = None;
        if last - first >= LARGE {
            claim.insert(self.heavy.claim(owner)?).turn().await?;
        }
        let stored = self.log.read_stream(&Self::stream(owner), first - 1, last - first + 1).await;
        let events = stored.and_then(|events| events.iter().map(decoded).collect());
        let events =
            events.map_err(|error| ExecuteError::from(ReadError::Store(error.of_read())))?;
        Ok((Taking { deed, span, events }, claim))
    }

    /// Does what a key stands for if it was not done before.
    async fn once(
        &self,
        writing: &Writing,
        attempt: impl AsyncFnOnce(Option<Keyed>) -> Result<Answer, WriteError>,
    ) -> Result<Answer, WriteError> {
        let Some(asked) = &writing.asked else { return attempt(None).await };
        let keyed = Keyed { asked: asked.clone(), _turn: Arc::new(self.answers.turn(asked)?) };
        if let Some(answer) = self.answers.of(asked).await? {
            return Ok(answer);
        }
        match attempt(Some(keyed)).await {
            // Another node was faster, or this one when it was asked before.
            Err(error) if error.may_be_a_repetition() => {
                self.answers.of(asked).await?.ok_or_else(|| error.unless_repeated())
            }
            done => done,
        }
    }

    async fn execute(
        &self,
        writing: &Writing,
        keyed: Option<Keyed>,
        command: Command,
    ) -> Result<Answer, WriteError> {
        let mut execution = Execution::new(command, writing.context.clone());
        if let Some(keyed) = keyed {
            let (answering, clock) = (Arc::clone(&writing.answering), self.log.clock().clone());
            execution = execution.recorded(Record::new(move |outcome: &Outcome<TaskList>| {
                // The whole of it, so that its turn goes with the command.
                let keyed = &keyed;
                Ok(read_model::record(&keyed.asked, answering(outcome)?, clock.now()))
            }));
        }
        let outcome = self.entities.carry_out(&Self::stream(writing.owner), execution).await?;
        skew::tell(writing.owner, outcome.published.state.at, self.log.clock().now());
        (writing.answering)(&outcome).map_err(|error| WriteError::Encoding(error.to_string()))
    }
}

/// A request that may be sent again, and the turn to carry it out.
#[derive(Clone)]
struct Keyed {
    asked: Asked,
    /// Goes with the command, whoever stops waiting for it.
    _turn: Arc<Turn>,
}

impl WriteError {
    /// Whether it may come of the same request having been carried out meanwhile: its answer is there already, or what it
    /// wants done is refused because it is done.
    fn may_be_a_repetition(&self) -> bool {
        self.is_second_answer()
            || matches!(self, Self::Execute(ExecuteError::Rejected(_)) | Self::Nothing(_))
    }

    fn is_second_answer(&self) -> bool {
        matches!(
            self,
            Self::Execute(ExecuteError::Store(StoreError::Constraint(name))) if name == read_model::ONE_ANSWER
        )
    }

    /// What it means if the request was not carried out before.
    fn unless_repeated(self) -> Self {
        if self.is_second_answer() { KeyError::InUse.into() } else { self }
    }
}

impl std::fmt::Debug for Writing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writing")
            .field("owner", &self.owner)
            .field("asked", &self.asked)
            .finish_non_exhaustive()
    }
}
