//! Carrying out commands on task lists, once for every key.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::value::RawValue;

use super::events::{Deed, Span, TaskEvent};
use super::history::entry::by;
use super::history::entry::decoded;
use super::idempotency;
use super::idempotency::record::{Answer, Asked, Came};
use super::idempotency::{IdempotencyKeys, KeyError, read_model};
use super::limits::bulk::{Busy, Claim};
use super::limits::turns::Turn;
use super::lists::{QUICK, Tasks};
use super::skew;
use super::task_list::TaskList;
use super::task_list::command::{Command, Expected, Refusal, Rejection, Stamp, Taking};
use super::values::TaskId;
use crate::base::id::UserId;
use crate::eventlog::{
    CommandRequest, Context, ExecuteError, Outcome, Published, ReadError, Record, StoreError,
};

/// How long a change to take back is looked for again and again, because others were faster.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many events a change has at least that is not taken back beside others.
const LARGE: usize = 500;

/// Most events of a command that its answer shows.
pub const MAX_SHOWN: usize = 100;
/// Events of a command that was carried out before that are read at once.
const PAGE: i64 = 500;

/// What a command came to, as far as answers tell of it.
#[derive(Debug)]
pub struct Done {
    /// The list right after it.
    pub list: Arc<Published<TaskList>>,
    /// Who asked for it.
    pub by: Context,
    /// The first of its events, up to [`MAX_SHOWN`].
    pub first: Vec<TaskEvent>,
    /// The tasks that it added, in their order. An id that was sent may have been raised.
    pub created: Vec<TaskId>,
    /// How many events it has.
    pub total: usize,
}

impl Done {
    fn new(list: Arc<Published<TaskList>>, by: Context) -> Self {
        Self { list, by, first: Vec::new(), created: Vec::new(), total: 0 }
    }

    /// What a command that was carried out now came to.
    fn of(outcome: Outcome<TaskList>, by: Context) -> Self {
        let mut done = Self::new(outcome.published, by);
        outcome.events.into_iter().for_each(|event| done.push(event));
        done
    }

    fn push(&mut self, event: TaskEvent) {
        self.total += 1;
        if let TaskEvent::Created(created) = &event {
            self.created.push(created.task_id);
        }
        if self.first.len() < MAX_SHOWN {
            self.first.push(event);
        }
    }
}

/// Makes an answer of what a command came to.
type Making = dyn FnOnce(&Done) -> serde_json::Result<Answer> + Send;

/// How a command is answered: made once, when it is done or has been found done.
pub enum Answering {
    /// That it is done, and nothing else.
    Done,
    /// With what it came to.
    Made(Box<Making>),
    /// The same, where that may take more than a few milliseconds.
    MadeSlowly(Box<Making>),
}

impl Answering {
    /// Answers with what this makes of it.
    pub fn made(make: impl FnOnce(&Done) -> serde_json::Result<Answer> + Send + 'static) -> Self {
        Self::Made(Box::new(make))
    }

    /// Answers with what this makes of it, about so many bytes.
    pub fn made_of(
        bytes: usize,
        make: impl FnOnce(&Done) -> serde_json::Result<Answer> + Send + 'static,
    ) -> Self {
        if bytes > QUICK { Self::MadeSlowly(Box::new(make)) } else { Self::made(make) }
    }

    /// The answer that says no more than that it is done.
    fn done() -> Answer {
        Answer { etag: None, location: None, body: RawValue::NULL.to_owned() }
    }
}

impl fmt::Debug for Answering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Done => "Done",
            Self::Made(_) => "Made(..)",
            Self::MadeSlowly(_) => "MadeSlowly(..)",
        })
    }
}

/// Who wants something done.
#[derive(Debug)]
pub struct Writing {
    /// Whose list.
    pub owner: UserId,
    /// Who, in which session, from where.
    pub context: Context,
    /// What tells the request from others, if it may be sent again.
    pub asked: Option<Asked>,
    /// The owner's turn, if it may take long. It goes with the command, whoever stops waiting for it.
    pub turn: Option<Arc<Turn>>,
}

/// What a command has come to.
enum Written {
    /// Now.
    Now(Outcome<TaskList>),
    /// Before, when the same request was sent first.
    Before(Came),
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
    pub async fn write(
        &self,
        writing: &Writing,
        command: Command,
        answering: Answering,
    ) -> Result<Answer, WriteError> {
        let request = CommandRequest::new(command, writing.context.clone());
        let attempt = async |keyed| self.execute(writing, keyed, request).await;
        let written = self.once(writing, attempt).await?;
        self.answer(writing, written, answering).await
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
        stamp: Stamp,
        answering: Answering,
    ) -> Result<Answer, WriteError> {
        let attempt = async |keyed: Option<Keyed>| {
            let begun = Instant::now();
            while begun.elapsed() < PATIENCE {
                let (taking, claim) = self.taking(writing.owner, deed).await?;
                let command = Command::TakeBack { taking, expected: expected.clone(), stamp };
                let mut request = CommandRequest::new(command, writing.context.clone());
                if let Some(claim) = claim {
                    request = request.keeping(claim);
                }
                match self.execute(writing, keyed.clone(), request).await {
                    Err(WriteError::Execute(ExecuteError::Rejected(Rejection {
                        refusal: Refusal::Overtaken,
                        ..
                    }))) => {}
                    done => return done,
                }
            }
            Err(ExecuteError::Contended.into())
        };
        let written = self.once(writing, attempt).await?;
        self.answer(writing, written, answering).await
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
        if usize::try_from(last - first).is_ok_and(|events| events >= LARGE) {
            claim.insert(self.heavy.claim(owner)?).turn().await?;
        }
        let _walk = self.walks.turn(owner).await.map_err(ExecuteError::from)?;
        let events = self.changes(owner, (first - 1, last)).await;
        let events = events.map_err(|error| ExecuteError::from(ReadError::Store(error)))?;
        Ok((Taking { deed, span, events: events.into() }, claim))
    }

    /// The events of a list after a version and up to another one.
    async fn changes(
        &self,
        owner: UserId,
        (after, last): (i64, i64),
    ) -> Result<Vec<TaskEvent>, StoreError> {
        let stored = self.log.read_stream(&Self::stream(owner), after, last - after).await;
        let events = stored.and_then(|events| events.iter().map(decoded).collect());
        events.map_err(StoreError::of_read)
    }

    /// Does what a key stands for if it was not done before.
    async fn once(
        &self,
        writing: &Writing,
        attempt: impl AsyncFnOnce(Option<Keyed>) -> Result<Outcome<TaskList>, WriteError>,
    ) -> Result<Written, WriteError> {
        let Some(asked) = &writing.asked else { return Ok(Written::Now(attempt(None).await?)) };
        let turn = Arc::new(self.idempotency_keys.turn(asked)?);
        if let Some(came) = self.idempotency_keys.known(asked).await? {
            return Ok(Written::Before(came));
        }
        self.idempotency_keys.admit(asked.owner).await?;
        match attempt(Some(Keyed { asked: asked.clone(), _turn: turn })).await {
            Ok(outcome) => Ok(Written::Now(outcome)),
            // Another node was faster, or this one when it was asked before.
            Err(error) if error.may_be_a_repetition() => {
                let known = self.idempotency_keys.known(asked).await?;
                known.map(Written::Before).ok_or_else(|| error.unless_repeated())
            }
            Err(error) => Err(error),
        }
    }

    async fn execute(
        &self,
        writing: &Writing,
        keyed: Option<Keyed>,
        mut request: CommandRequest<TaskList>,
    ) -> Result<Outcome<TaskList>, WriteError> {
        if let Some(turn) = &writing.turn {
            request = request.keeping(Arc::clone(turn));
        }
        if let Some(keyed) = keyed {
            request = request.recorded(keyed.record(self.idempotency_keys.clone()));
        }
        let outcome = self.entities.execute(&Self::stream(writing.owner), request).await?;
        skew::tell(writing.owner, outcome.published.state.at, self.log.clock().now());
        Ok(outcome)
    }

    /// The answer to what a command has come to. What it came to before is read from the log.
    async fn answer(
        &self,
        writing: &Writing,
        written: Written,
        answering: Answering,
    ) -> Result<Answer, WriteError> {
        let (make, is_slow) = match answering {
            Answering::Done => return Ok(Answering::done()),
            Answering::Made(make) => (make, false),
            Answering::MadeSlowly(make) => (make, true),
        };
        let done = match written {
            Written::Now(outcome) => Done::of(outcome, writing.context.clone()),
            Written::Before(came) => {
                let now = self.of(writing.owner).await.map_err(ExecuteError::from)?;
                let done = self.done_before(writing, now, came).await;
                done.map_err(ExecuteError::from)?
            }
        };
        let answer = if is_slow {
            self.long_work().run(move || make(&done)).await.map_err(WriteError::of_encoding)?
        } else {
            make(&done)
        };
        answer.map_err(WriteError::of_encoding)
    }

    /// What a command came to that was carried out before: read page by page, it takes no more memory than its answer needs.
    async fn done_before(
        &self,
        writing: &Writing,
        now: Arc<Published<TaskList>>,
        Came { version, events }: Came,
    ) -> Result<Done, ReadError> {
        let owner = writing.owner;
        let _walk = self.walks.turn(owner).await?;
        let list = if now.version == version { now } else { self.past(owner, version).await? };
        let mut done = Done::new(list, writing.context.clone());
        let mut after = version - i64::try_from(events).unwrap_or(i64::MAX);
        while after < version {
            let page = PAGE.min(version - after);
            let stored = self.log.read_stream(&Self::stream(owner), after, page).await;
            let stored = stored.map_err(StoreError::of_read)?;
            let Some(first) = stored.first() else { break };
            if done.total == 0 {
                done.by = by(first)?;
            }
            for recorded in &stored {
                done.push(decoded(recorded)?);
            }
            after += page;
        }
        Ok(done)
    }
}

/// A request that may be sent again, and the turn to carry it out.
#[derive(Clone)]
struct Keyed {
    asked: Asked,
    /// Goes with the command, whoever stops waiting for it.
    _turn: Arc<idempotency::Turn>,
}

impl Keyed {
    /// The record of what it comes to. It has the whole of this, so that its turn goes with the command.
    fn record(self, keys: IdempotencyKeys) -> Record<TaskList> {
        Record::new(move |outcome: &Outcome<TaskList>| {
            let came = Came { version: outcome.published.version, events: outcome.events.len() };
            let keyed = &self;
            Ok(keys.record(&keyed.asked, came))
        })
    }
}

impl WriteError {
    fn of_encoding(error: impl fmt::Display) -> Self {
        Self::Encoding(error.to_string())
    }

    /// Whether it may come of the same request having been carried out meanwhile: its answer is there already, or what it
    /// wants done is refused because it is done.
    fn may_be_a_repetition(&self) -> bool {
        self.is_second_outcome()
            || matches!(self, Self::Execute(ExecuteError::Rejected(_)) | Self::Nothing(_))
    }

    fn is_second_outcome(&self) -> bool {
        matches!(
            self,
            Self::Execute(ExecuteError::Store(StoreError::Constraint(name)))
                if read_model::is_second_outcome(name)
        )
    }

    /// What it means if the request was not carried out before.
    fn unless_repeated(self) -> Self {
        if self.is_second_outcome() { KeyError::InUse.into() } else { self }
    }
}
