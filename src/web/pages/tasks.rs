//! `/tasks/{user_id}`: the user's own tasks.
//!
//! The page shows the beginning of the list by itself, and forms to add a task and to complete one. Its module takes over
//! from there, as a client of the API.

use askama::Template;
use poem::{Request, Response};
use url::form_urlencoded;

use super::list_query::TaskListQuery;
use super::piece;
use crate::api::state::State;
use crate::api::tasks::bodies::task::TaskBody;
use crate::api::tasks::forms;
use crate::api::tasks::forms::TypedTask;
use crate::eventlog::Point;
use crate::tasks::listing::{self, Cursor};
use crate::web::form::Complaints;
use crate::web::page::{self, Frame};
use crate::web::page_failure::PageFailure;
use crate::web::visitor::Visitor;

/// Data of the template.
#[derive(Debug, Template)]
#[template(path = "tasks.html", config = "src/web/askama.toml")]
struct TasksPage {
    /// Frame with the page's module.
    frame: Frame,
    /// Owner of the list, whom the module names in its requests.
    user_id: String,
    /// Path to which the forms are sent.
    path: String,
    /// Version of the list that is shown, from which the module follows its changes.
    version: Point,
    /// Number of open tasks that match the filter, on all pages together.
    open: usize,
    /// Number of completed tasks that match the filter, on all pages together.
    completed: usize,
    /// Tasks of this page, in the order that was asked for.
    tasks: Vec<TaskRow>,
    /// Empty row, which the module copies for every task.
    blank: TaskRow,
    /// Filter and order, as they were understood.
    asked: TaskListQuery,
    /// Query string of the next page, if there is one.
    more: Option<String>,
    /// Title that was typed for a new task and refused.
    title: String,
    /// Priority that was chosen for it.
    priority: String,
    /// Due date that was typed for it.
    due: String,
    /// Errors of the form that adds a task.
    complaints: Complaints,
}

/// A task as it is shown.
#[derive(Debug, Default)]
struct TaskRow {
    /// Id, in the paths of its forms.
    id: String,
    /// Text of one line.
    title: String,
    /// Longer text; empty if there is none.
    description: String,
    /// True if the task is done.
    is_completed: bool,
    /// Name of its priority, as in the API.
    priority: &'static str,
    /// Due date or time; empty if there is none.
    due: String,
    /// Tags, each with a link.
    tags: Vec<TagLink>,
}

/// A tag as it is shown.
#[derive(Debug)]
struct TagLink {
    /// Text of the tag.
    name: String,
    /// Query string of the tasks that have it.
    query: String,
}

impl From<String> for TagLink {
    fn from(name: String) -> Self {
        let mut query = form_urlencoded::Serializer::new(String::from("?"));
        let query = query.append_pair("tag", &name).finish();
        Self { name, query }
    }
}

impl From<TaskBody> for TaskRow {
    fn from(task: TaskBody) -> Self {
        Self {
            id: task.id.to_string(),
            title: task.title,
            description: task.description.0.unwrap_or_default(),
            is_completed: task.completed,
            priority: task.priority.as_str(),
            due: task.due.0.unwrap_or_default(),
            tags: task.tags.into_iter().map(TagLink::from).collect(),
        }
    }
}

/// Redirects to the visitor's own tasks.
pub(super) async fn own(request: Request) -> Result<Response, PageFailure> {
    Ok(back(Visitor::required(&request).await?))
}

/// Shows the tasks to their owner.
pub(super) async fn show(request: Request) -> Result<Response, PageFailure> {
    let visitor = Visitor::required(&request).await?;
    visitor.owner_of(piece(&request, 2))?;
    let page = tasks_page(&request, &visitor, TypedTask::default(), Complaints::default()).await?;
    Ok(page::with_cookie(page::shown(&page)?, visitor.cookie))
}

/// Adds a task, and leads back to the list.
pub(super) async fn add(mut request: Request) -> Result<Response, PageFailure> {
    let (visitor, form) = Visitor::sending(&mut request).await?;
    let owner = visitor.owner_of(piece(&request, 2))?;
    let [title, priority, due] = ["title", "priority", "due"].map(|name| form.text(name));
    let typed = TypedTask { title, priority, due };
    let Err(problem) = forms::add(&owner, &request, typed).await else {
        return Ok(back(visitor));
    };
    let page = tasks_page(&request, &visitor, typed, Complaints::of(&problem)).await?;
    Ok(page::with_cookie(page::of_problem(&problem, &page)?, visitor.cookie))
}

/// Completes a task, or opens it again.
pub(super) async fn complete(mut request: Request) -> Result<Response, PageFailure> {
    let (visitor, form) = Visitor::sending(&mut request).await?;
    let owner = visitor.owner_of(piece(&request, 2))?;
    let is_completed = form.text("completed") == "true";
    match forms::complete(&owner, &request, piece(&request, 3), is_completed).await {
        Ok(()) => Ok(back(visitor)),
        Err(problem) => Err(visitor.told(problem)),
    }
}

/// Deletes a task, and leads back to the list.
pub(super) async fn delete(mut request: Request) -> Result<Response, PageFailure> {
    let (visitor, _) = Visitor::sending(&mut request).await?;
    let owner = visitor.owner_of(piece(&request, 2))?;
    match forms::delete(&owner, &request, piece(&request, 3)).await {
        Ok(()) => Ok(back(visitor)),
        Err(problem) => Err(visitor.told(problem)),
    }
}

/// Leads back to the tasks.
fn back(visitor: Visitor) -> Response {
    page::with_cookie(page::lead_to(&path_of(&visitor)), visitor.cookie)
}

fn path_of(visitor: &Visitor) -> String {
    format!("/tasks/{}", visitor.user_id())
}

async fn tasks_page(
    request: &Request,
    visitor: &Visitor,
    typed: TypedTask<'_>,
    complaints: Complaints,
) -> Result<TasksPage, PageFailure> {
    let user_id = visitor.user_id();
    let tasks = &State::of(request)?.tasks;
    let list = tasks.of(user_id).await?;
    let version = list.state.version;
    let mut asked = TaskListQuery::of(request);
    if !tasks.fits(user_id, version, &asked.query()).await? {
        asked.begin_anew();
    }
    let shown = listing::page(&list.state.tasks, &asked.query());
    let tasks: Vec<_> =
        shown.tasks.iter().map(|task| TaskRow::from(TaskBody::new(user_id, task))).collect();
    Ok(TasksPage {
        frame: Frame::new(Some(visitor.user_id()), "tasks.js"),
        user_id: user_id.to_string(),
        path: path_of(visitor),
        blank: TaskRow { priority: "none", ..TaskRow::default() },
        version,
        open: shown.counts.open,
        completed: shown.counts.completed,
        more: shown.next.clone().map(|place| asked.after(&Cursor { version, place })),
        tasks,
        asked,
        title: typed.title.to_owned(),
        priority: typed.priority.to_owned(),
        due: typed.due.to_owned(),
        complaints,
    })
}
