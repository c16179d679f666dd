//! Problems about changes that were refused.

use super::bodies::list::TaskListBody;
use super::bodies::task::TaskBody;
use crate::api::state::State;
use crate::base::id::UserId;
use crate::eventlog::{ExecuteError, Point, Published};
use crate::http::response::etag;
use crate::http::response::problem::Problem;
use crate::http::response::problem::field_problem::{FieldProblem, Flaw};
use crate::http::response::raw_json::RawJson;
use crate::tasks::listing;
use crate::tasks::listing::Query;
use crate::tasks::task_list::TaskList;
use crate::tasks::task_list::command::{Destination, Refusal, Rejection};
use crate::tasks::writing::WriteError;

/// Problem about a command that was refused. `commands` names the list in the body that it came from, if there were
/// several.
pub(super) async fn refused(
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
                Destination::Before(_) => "before",
                Destination::After(_) => "after",
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
                // The answer's entity tag would be taken for the list's.
                Some(_) => newer(&body, None).about(vec![FieldProblem::new(
                    path("ifVersion"),
                    Flaw::Invalid,
                    "is no longer the version of the task",
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

/// Fails with `412`, with the current state in the body.
fn newer(current: &impl serde::Serialize, version: Option<Point>) -> Problem {
    match RawJson::of(current) {
        Ok(current) => Problem::precondition_failed(Some(current), version.map(etag::of_version)),
        Err(error) => Problem::internal(&error),
    }
}

/// First page of the list, for a client that expected another version of it.
fn first_page(owner: UserId, outcome: &Published<TaskList>) -> TaskListBody {
    let page = listing::page(&outcome.state.tasks, &Query::default());
    TaskListBody::new(owner, &page, outcome.state.version)
}
