//! Carries out commands on task lists, once for every idempotency key.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::value::RawValue;

use super::events::{EditKind, Span, TaskEvent};
use super::history::entry::by;
use super::history::entry::decoded;
use super::idempotency::record::{CommandAnswer, KeyedRequest, RecordedOutcome};
use super::idempotency::{IdempotencyError, KeyLock, read_model};
use super::limits::bulk_limiter::{BulkPermit, Busy};
use super::limits::user_permits::UserPermit;
use super::lists::{QUICK, Tasks};
use super::skew;
use super::task_list::TaskList;
use super::task_list::command::{Command, Expected, Refusal, Rejection, Stamp, UndoSource};
use super::values::TaskId;
use crate::base::id::UserId;
use crate::eventlog::{
    CommandRequest, Context, ExecuteError, Outcome, Published, ReadError, StoreError,
};

/// Timeout of an undo or redo whose change is overtaken by other commands again and again.
const PATIENCE: Duration = Duration::from_secs(5);
/// Events above which the undo of a change is a bulk operation and needs a permit.
const LARGE: usize = 500;

/// Most events of a command that its answer shows.
pub const MAX_SHOWN: usize = 100;
/// Events that are read at once when an earlier command is answered again.
const PAGE: i64 = 500;

/// Outcome of a command, as far as answers need it.
#[derive(Debug)]
pub struct CommandOutcome {
    /// The list directly after the command.
    pub list: Arc<Published<TaskList>>,
    /// Caller of the command: user, session and origin. For a repeated request, that of the first one.
    pub by: Context,
    /// The first of its events, up to [`MAX_SHOWN`].
    pub first: Vec<TaskEvent>,
    /// The tasks that it added, in order. Ids that the client sent may have been raised.
    pub created: Vec<TaskId>,
    /// Number of all its events, shown or not.
    pub total: usize,
}

impl CommandOutcome {
    fn new(list: Arc<Published<TaskList>>, by: Context) -> Self {
        Self { list, by, first: Vec::new(), created: Vec::new(), total: 0 }
    }

    /// Outcome of a command that was carried out just now.
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

/// Makes the answer from the outcome of a command.
type Making = dyn FnOnce(&CommandOutcome) -> serde_json::Result<CommandAnswer> + Send;

/// Form of the answer to a command. It is made once, from the outcome of this or of an earlier execution.
pub enum Answering {
    /// Answers only that the command is done.
    Done,
    /// Makes the answer on the thread that answers the request.
    Made(Box<Making>),
    /// Makes the answer on the threads for long work, because it may take more than a few milliseconds.
    MadeSlowly(Box<Making>),
}

impl Answering {
    /// An answer of a few bytes, made in place.
    pub fn made(
        make: impl FnOnce(&CommandOutcome) -> serde_json::Result<CommandAnswer> + Send + 'static,
    ) -> Self {
        Self::Made(Box::new(make))
    }

    /// An answer of about so many bytes, made in place if it is small.
    pub fn made_of(
        bytes: usize,
        make: impl FnOnce(&CommandOutcome) -> serde_json::Result<CommandAnswer> + Send + 'static,
    ) -> Self {
        if bytes > QUICK { Self::MadeSlowly(Box::new(make)) } else { Self::made(make) }
    }

    /// The answer that says no more than that the command is done.
    fn done() -> CommandAnswer {
        CommandAnswer { etag: None, location: None, body: RawValue::NULL.to_owned() }
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

/// Caller of a command, and what goes with the command.
#[derive(Debug)]
pub struct Writing {
    /// Owner of the list.
    pub owner: UserId,
    /// Caller: user, session and origin, to be stored with the events.
    pub context: Context,
    /// Idempotency key and fingerprint of the request, if it may be sent again.
    pub keyed: Option<KeyedRequest>,
    /// The owner's permit for long work, if the command needs one. It is held until the command is done, even if the client
    /// disconnects.
    pub permit: Option<Arc<UserPermit>>,
}

impl Writing {
    /// Adds the owner's permit for long work.
    #[must_use]
    pub fn holding(self, permit: Arc<UserPermit>) -> Self {
        Self { permit: Some(permit), ..self }
    }
}

/// Execution of a command: by this request or by an earlier one.
enum Execution {
    /// By this request, just now.
    Now(Outcome<TaskList>),
    /// By an earlier request with the same key.
    Before(RecordedOutcome),
}

/// Reasons for which a command was not carried out.
#[derive(Debug, Clone, thiserror::Error)]
pub enum WriteError {
    /// The rules refuse the command, or the log does not take it.
    #[error(transparent)]
    Execute(#[from] ExecuteError<Rejection>),
    /// The idempotency key does not allow it.
    #[error(transparent)]
    Key(#[from] IdempotencyError),
    /// Too many operations on whole lists are in progress.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// The undo stack, or the redo stack, is empty.
    #[error("there is nothing to undo or redo")]
    Nothing(EditKind),
    /// The answer has no JSON form.
    #[error("an answer has no JSON form: {0}")]
    Encoding(String),
}

impl Tasks {
    /// Carries out a command and answers once it is committed; or repeats the answer to an earlier request with its key.
    ///
    /// # Errors
    ///
    /// If nothing was done, unless the outcome is unknown.
    pub async fn write(
        &self,
        writing: &Writing,
        command: Command,
        answering: Answering,
    ) -> Result<CommandAnswer, WriteError> {
        let request = CommandRequest::new(command, writing.context.clone());
        let attempt = async |lock| self.execute(writing, lock, request).await;
        let written = self.once(writing, attempt).await?;
        self.answer(writing, written, answering).await
    }

    /// Undoes the last change, or redoes the last undo.
    ///
    /// # Errors
    ///
    /// If nothing was done, unless the outcome is unknown.
    pub async fn undo_or_redo(
        &self,
        writing: &Writing,
        (deed, expected): (EditKind, Expected),
        stamp: Stamp,
        answering: Answering,
    ) -> Result<CommandAnswer, WriteError> {
        let attempt = async |lock: Option<Arc<KeyLock>>| {
            let begun = Instant::now();
            while begun.elapsed() < PATIENCE {
                let (source, permit) = self.source(writing.owner, deed).await?;
                let command = Command::UndoOrRedo { source, expected: expected.clone(), stamp };
                let mut request = CommandRequest::new(command, writing.context.clone());
                if let Some(permit) = permit {
                    request = request.keeping(permit);
                }
                match self.execute(writing, lock.clone(), request).await {
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

    /// The change to undo or redo, from the log. A large one comes with the permit for bulk operations.
    async fn source(
        &self,
        owner: UserId,
        deed: EditKind,
    ) -> Result<(UndoSource, Option<BulkPermit>), WriteError> {
        let now = self.of(owner).await.map_err(ExecuteError::from)?;
        let span = match deed {
            EditKind::Undo => now.state.undo,
            EditKind::Do | EditKind::Redo => now.state.redo,
        };
        let span = span.ok_or(WriteError::Nothing(deed))?;
        let Span(first, last) = span;
        let mut permit = None;
        if usize::try_from(last - first).is_ok_and(|events| events >= LARGE) {
            permit.insert(self.bulk.permit(owner)?).acquire().await?;
        }
        let _walk = self.walks.acquire(owner).await.map_err(ExecuteError::from)?;
        let events = self.changes(owner, (first - 1, last)).await;
        let events = events.map_err(|error| ExecuteError::from(ReadError::Store(error)))?;
        Ok((UndoSource { deed, span, events: events.into() }, permit))
    }

    /// The events of a list after one version and up to another.
    async fn changes(
        &self,
        owner: UserId,
        (after, last): (i64, i64),
    ) -> Result<Vec<TaskEvent>, StoreError> {
        let stored = self.log.read_stream(&Self::stream(owner), after, last - after).await;
        let events = stored.and_then(|events| events.iter().map(decoded).collect());
        events.map_err(StoreError::of_read)
    }

    /// Carries out a request, unless an earlier one with its key was carried out.
    async fn once(
        &self,
        writing: &Writing,
        attempt: impl AsyncFnOnce(Option<Arc<KeyLock>>) -> Result<Outcome<TaskList>, WriteError>,
    ) -> Result<Execution, WriteError> {
        let Some(keyed) = &writing.keyed else { return Ok(Execution::Now(attempt(None).await?)) };
        let lock = Arc::new(self.idempotency_keys.lock(keyed)?);
        if let Some(recorded) = self.idempotency_keys.recorded(keyed).await? {
            return Ok(Execution::Before(recorded));
        }
        self.idempotency_keys.admit(keyed.owner).await?;
        match attempt(Some(lock)).await {
            Ok(outcome) => Ok(Execution::Now(outcome)),
            // Another node was faster, or this node has answered an earlier one meanwhile.
            Err(error) if error.may_be_a_repetition() => {
                let recorded = self.idempotency_keys.recorded(keyed).await?;
                recorded.map(Execution::Before).ok_or_else(|| error.unless_repeated())
            }
            Err(error) => Err(error),
        }
    }

    /// Executes a request. The command holds the permit and the lock of the key until it is answered, even if the client
    /// disconnects.
    async fn execute(
        &self,
        writing: &Writing,
        lock: Option<Arc<KeyLock>>,
        mut request: CommandRequest<TaskList>,
    ) -> Result<Outcome<TaskList>, WriteError> {
        if let Some(permit) = &writing.permit {
            request = request.keeping(Arc::clone(permit));
        }
        if let Some((lock, keyed)) = lock.zip(writing.keyed.clone()) {
            request = request.keeping(lock).recorded(self.idempotency_keys.record_of(keyed));
        }
        let outcome = self.entities.execute(&Self::stream(writing.owner), request).await?;
        skew::tell(writing.owner, outcome.published.state.at, self.log.clock().now());
        Ok(outcome)
    }

    /// The answer to a command. The outcome of an earlier execution is read from the log.
    async fn answer(
        &self,
        writing: &Writing,
        written: Execution,
        answering: Answering,
    ) -> Result<CommandAnswer, WriteError> {
        let (make, is_slow) = match answering {
            Answering::Done => return Ok(Answering::done()),
            Answering::Made(make) => (make, false),
            Answering::MadeSlowly(make) => (make, true),
        };
        let done = match written {
            Execution::Now(outcome) => CommandOutcome::of(outcome, writing.context.clone()),
            Execution::Before(recorded) => {
                let now = self.of(writing.owner).await.map_err(ExecuteError::from)?;
                let done = self.done_before(writing, now, recorded).await;
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

    /// Outcome of a command that an earlier request carried out. It is read page by page, so memory is bounded by the
    /// answer.
    async fn done_before(
        &self,
        writing: &Writing,
        now: Arc<Published<TaskList>>,
        RecordedOutcome { version, events }: RecordedOutcome,
    ) -> Result<CommandOutcome, ReadError> {
        let owner = writing.owner;
        let _walk = self.walks.acquire(owner).await?;
        let list = if now.version == version { now } else { self.past(owner, version).await? };
        let mut done = CommandOutcome::new(list, writing.context.clone());
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

impl WriteError {
    fn of_encoding(error: impl fmt::Display) -> Self {
        Self::Encoding(error.to_string())
    }

    /// True if an earlier request with the key may explain the error: its outcome is recorded already, or the command is
    /// refused because it is done.
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

    /// The error to report if no earlier request with the key was carried out.
    fn unless_repeated(self) -> Self {
        if self.is_second_outcome() { IdempotencyError::InUse.into() } else { self }
    }
}
