//! The task endpoints. Each begins with the [`Owner`]: nobody else gets past it.
//!
//! [`tasks`] are the tasks themselves, [`changes`] several of them at once and what takes changes back, [`past`] what was
//! and what happens, [`files`] whole lists in and out.

mod answers;
pub mod bodies;
pub mod changes;
pub mod files;
pub mod files_format;
mod own_turn;
pub mod pages;
pub mod past;
pub(crate) mod plain;
pub mod tasks;

use std::sync::Arc;

use poem::Request;

use self::bodies::{TaskBody, TaskListBody};
use crate::api::state::State;
use crate::authn::caller::Owner;
use crate::base::id::UserId;
use crate::base::rfc3339;
use crate::eventlog::{ExecuteError, Point};
use crate::http::request::idempotency_key::MaybeIdempotencyKey;
use crate::http::response::etag;
use crate::http::response::field_problem::{FieldProblem, Flaw};
use crate::http::response::problem::Problem;
use crate::http::response::raw_json::RawJson;
use crate::tasks::PageError;
use crate::tasks::history::moment::{Moment, TravelError};
use crate::tasks::idempotency::record::{Answer, Asked, Key};
use crate::tasks::limits::turns::Turn;
use crate::tasks::listing;
use crate::tasks::listing::Query;
use crate::tasks::task_list::TaskList;
use crate::tasks::task_list::command::{Command, Place, Refusal, Rejection, Stamp};
use crate::tasks::values::TaskId;
use crate::tasks::writing::{Answering, WriteError, Writing};

/// The operations.
pub type Tasks =
    (tasks::TasksApi, changes::TaskChangesApi, past::TaskHistoryApi, files::TaskFilesApi);

/// Answers to one's own tasks are kept by nobody: a browser would still have them when somebody else sits before it.
const CACHE_CONTROL: &str = "no-store";

/// Text that is no identifier names no task.
fn parse(task_id: &str) -> Result<TaskId, Problem> {
    task_id.parse().map_err(|_| Problem::no_such_task())
}

/// When a list should be shown: a version or a time.
fn moment(field: &str, text: &str) -> Result<Moment, Problem> {
    let version = text.parse().map(Moment::Version);
    version.or_else(|_| rfc3339::moment(text).map(Moment::Time)).map_err(|_| {
        let message =
            "must be a version of the list, or a date and time with its offset (RFC 3339)";
        Problem::field(field, Flaw::Invalid, message)
    })
}

/// Why a list cannot be shown as it was; `field` said when.
fn travelled(field: &str, error: TravelError) -> Problem {
    match error {
        TravelError::NoSuchVersion => no_such_version(field),
        TravelError::Read(error) => error.into(),
    }
}

/// Why a page was not made; `field` said of when.
fn not_made(field: &str, error: PageError) -> Problem {
    match error {
        PageError::Travel(error) => travelled(field, error),
        PageError::OtherCursor => Problem::field("cursor", Flaw::Unknown, NO_PAGE),
        PageError::Busy(error) => error.into(),
        PageError::Encoding(_) => Problem::internal(&error),
    }
}

/// `400`: the list has no such version.
fn no_such_version(field: &str) -> Problem {
    Problem::field(field, Flaw::Unknown, "is not a version of this list")
}

/// What a cursor is not that the list before a restore had given.
const NO_PAGE: &str = "is not of a page of this list";

/// A request to change something: who sent it, and with which key.
struct Sent<'a> {
    owner: &'a Owner,
    request: &'a Request,
    state: &'a State,
    key: MaybeIdempotencyKey,
    /// What the body says, hashed.
    digest: [u8; 32],
    /// The owner's turn, if it may take long.
    turn: Option<Arc<Turn>>,
}

impl<'a> Sent<'a> {
    /// What an owner has sent, with or without a key.
    fn new(
        owner: &'a Owner,
        request: &'a Request,
        key: MaybeIdempotencyKey,
        digest: [u8; 32],
    ) -> Result<Self, Problem> {
        let state = State::of(request)?;
        Ok(Self { owner, request, state, key, digest, turn: None })
    }

    /// The same, carried out in the owner's turn, which goes with it.
    fn in_turn(self, turn: Arc<Turn>) -> Self {
        Self { turn: Some(turn), ..self }
    }

    /// What carries it out.
    fn writing(&self) -> Writing {
        let Self { owner, request, key, digest, turn, .. } = self;
        let uri = request.original_uri().path_and_query().map_or("", |path| path.as_str());
        let parts = [request.method().as_str().as_bytes(), uri.as_bytes(), digest];
        let key = key.0.as_ref().map(|key| Key::of(key.as_str()));
        let asked = key.map(|key| Asked::new(owner.user_id, key, &parts));
        let turn = turn.clone();
        Writing { owner: owner.user_id, context: owner.context(), asked, turn }
    }

    /// Carries out a command about one task.
    async fn write(self, command: Command, answering: Answering) -> Result<Answer, Problem> {
        self.write_all(command, answering, None).await
    }

    /// Carries out a command. `commands` names the list in the body that it came from, if there were several.
    async fn write_all(
        self,
        command: Command,
        answering: Answering,
        commands: Option<&str>,
    ) -> Result<Answer, Problem> {
        let (state, owner) = (self.state, self.owner.user_id);
        let done = state.tasks.write(&self.writing(), command, answering).await;
        answered(state, owner, done, commands).await
    }
}

/// The answer to a command, or why there is none.
async fn answered(
    state: &State,
    owner: UserId,
    done: Result<Answer, WriteError>,
    commands: Option<&str>,
) -> Result<Answer, Problem> {
    match done {
        Ok(answer) => Ok(answer),
        Err(error) => Err(refused(state, owner, error, commands).await),
    }
}

/// Tasks or changes on a page unless asked otherwise.
fn default_limit() -> u64 {
    listing::DEFAULT_LIMIT as u64
}

/// How the state of a task after a command is answered.
fn as_task(owner: UserId, task_id: TaskId) -> Answering {
    Answering::made(move |done| {
        let task = done.list.state.tasks.get(task_id);
        let task = task.ok_or_else(|| missing("the task of a command is gone"))?;
        answer(task.version, None, &TaskBody::new(owner, task))
    })
}

/// The time now, and a mark for what happens at it.
fn stamp(state: &State) -> Stamp {
    let at = state.gate.clock.now();
    Stamp { at, mark: (state.draw_mark)(at) }
}

/// An answer with the entity tag of a version.
fn answer(
    version: Point,
    location: Option<String>,
    body: &impl serde::Serialize,
) -> serde_json::Result<Answer> {
    let body = serde_json::value::to_raw_value(body)?;
    Ok(Answer { etag: Some(etag::of_version(version)), location, body })
}

/// An outcome is not what its command makes it.
fn missing(what: &str) -> serde_json::Error {
    serde::ser::Error::custom(what)
}

/// How the whole list is shown to whoever expected another version of it.
fn first_page(owner: UserId, outcome: &crate::eventlog::Published<TaskList>) -> TaskListBody {
    let page = listing::page(&outcome.state.tasks, &Query::default());
    TaskListBody::new(owner, &page, outcome.state.version)
}

/// Why a command was not carried out. `commands` names the list in the body that it came from, if there were several.
async fn refused(
    state: &State,
    owner: UserId,
    error: WriteError,
    commands: Option<&str>,
) -> Problem {
    let WriteError::Execute(ExecuteError::Rejected(Rejection { action, refusal })) = error else {
        return error.into();
    };
    let path = |field: &str| {
        commands.map_or(field.to_owned(), |commands| format!("{commands}[{action}].{field}"))
    };
    match refusal {
        Refusal::NoSuchTask => {
            let unknown =
                || FieldProblem::new(path("id"), Flaw::Unknown, "is not a task of this list");
            let problem = Problem::no_such_task();
            if commands.is_some() { problem.about(vec![unknown()]) } else { problem }
        }
        Refusal::NoSuchNeighbour(place) => {
            let field = match place {
                Place::Before(_) => "before",
                Place::After(_) => "after",
            };
            Problem::field(path(field), Flaw::Unknown, "must be a task of this list")
        }
        Refusal::ListFull => {
            let problem = Problem::list_full();
            match commands {
                None => problem,
                Some(commands) => problem.about(vec![FieldProblem::new(
                    format!("{commands}[{action}]"),
                    Flaw::TooMany,
                    "does not fit into the list",
                )]),
            }
        }
        Refusal::TaskIsNewer(task) => {
            let body = TaskBody::new(owner, &task);
            match commands {
                None => newer(&body, Some(task.version)),
                // The entity tag of the answer would be taken for the list's.
                Some(_) => newer(&body, None).about(vec![FieldProblem::new(
                    path("ifVersion"),
                    Flaw::Invalid,
                    "is not the version of the task any more",
                )]),
            }
        }
        Refusal::ListIsNewer => match state.tasks.of(owner).await {
            Ok(list) => newer(&first_page(owner, &list), Some(list.state.version)),
            Err(error) => error.into(),
        },
        Refusal::TaskIsGone => Problem::precondition_failed(None, None),
        Refusal::ListTooLarge => Problem::list_too_large(),
        Refusal::Overtaken => Problem::contended(),
    }
}

/// `412` with what is there instead.
fn newer(current: &impl serde::Serialize, version: Option<Point>) -> Problem {
    match RawJson::of(current) {
        Ok(current) => Problem::precondition_failed(Some(current), version.map(etag::of_version)),
        Err(error) => Problem::internal(&error),
    }
}
