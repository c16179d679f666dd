//! `/tasks/{user_id}`: somebody's own tasks.
//!
//! The page shows the beginning of the list by itself, and forms to add a task and to complete one. Its module takes over
//! from there, as a client of the API.

use askama::Template;
use poem::http::StatusCode;
use poem::{Request, Response};

use super::piece;
use crate::http::caller;
use crate::tasks::api::plain;
use crate::tasks::bodies::TaskBody;
use crate::tasks::listing::{self, Query, Sort};
use crate::web::form::Complaints;
use crate::web::instead::Instead;
use crate::web::page::{self, Frame};
use crate::web::visitor::Visitor;

#[derive(Debug, Template)]
#[template(path = "tasks.html", config = "src/web/askama.toml")]
struct TasksPage {
    frame: Frame,
    user_id: String,
    session_id: String,
    /// Where the forms are sent.
    path: String,
    /// The version of the list that is shown.
    version: i64,
    open: usize,
    completed: usize,
    tasks: Vec<Row>,
    /// What the module copies for every task.
    blank: Row,
    /// How many are not shown.
    left_out: usize,
    /// What was typed to add.
    title: String,
    complaints: Complaints,
}

/// A task as it is shown.
#[derive(Debug, Default)]
struct Row {
    id: String,
    title: String,
    description: String,
    is_completed: bool,
    priority: &'static str,
    due: String,
    tags: Vec<String>,
}

impl From<TaskBody> for Row {
    fn from(task: TaskBody) -> Self {
        Self {
            id: task.id.to_string(),
            title: task.title,
            description: task.description.0.unwrap_or_default(),
            is_completed: task.completed,
            priority: task.priority.as_str(),
            due: task.due.0.unwrap_or_default(),
            tags: task.tags,
        }
    }
}

/// One's own tasks.
pub(super) async fn own(request: Request) -> Result<Response, Instead> {
    let visitor = Visitor::required(&request).await?;
    Ok(page::with_cookie(page::lead_to(&path_of(&visitor)), visitor.cookie))
}

/// The tasks of whoever looks at them.
pub(super) async fn show(request: Request) -> Result<Response, Instead> {
    let visitor = Visitor::required(&request).await?;
    visitor.owner_of(piece(&request, 2))?;
    tasks_page(StatusCode::OK, &request, &visitor, String::new(), None).await
}

/// Adds a task.
pub(super) async fn add(mut request: Request) -> Result<Response, Instead> {
    let (visitor, form) = Visitor::sending(&mut request).await?;
    let owner = visitor.owner_of(piece(&request, 2))?;
    let title = form.text("title");
    match plain::add(&owner, &request, title).await {
        Ok(()) => Ok(page::with_cookie(page::lead_to(&path_of(&visitor)), visitor.cookie)),
        Err(problem) => {
            let (status, complaints) = (problem.status(), Complaints::of(&problem));
            tasks_page(status, &request, &visitor, title.to_owned(), Some(complaints)).await
        }
    }
}

/// Completes a task, or opens it again.
pub(super) async fn complete(mut request: Request) -> Result<Response, Instead> {
    let (visitor, form) = Visitor::sending(&mut request).await?;
    let owner = visitor.owner_of(piece(&request, 2))?;
    let is_completed = form.text("completed") == "true";
    plain::complete(&owner, &request, piece(&request, 3), is_completed).await?;
    Ok(page::with_cookie(page::lead_to(&path_of(&visitor)), visitor.cookie))
}

fn path_of(visitor: &Visitor) -> String {
    format!("/tasks/{}", visitor.user_id())
}

async fn tasks_page(
    status: StatusCode,
    request: &Request,
    visitor: &Visitor,
    title: String,
    complaints: Option<Complaints>,
) -> Result<Response, Instead> {
    let user_id = visitor.user_id();
    let list = caller::state(request)?.tasks.of(user_id).await?;
    let query = Query { sort: Sort::Position, ..Query::default() };
    let shown = listing::page(&list.state.tasks, &query);
    let tasks: Vec<_> =
        shown.tasks.iter().map(|task| Row::from(TaskBody::new(user_id, task))).collect();
    let page = TasksPage {
        frame: Frame::new(Some(visitor), "tasks.js"),
        user_id: user_id.to_string(),
        path: path_of(visitor),
        blank: Row { priority: "none", ..Row::default() },
        session_id: visitor.session.id.to_string(),
        version: list.version,
        open: shown.counts.open,
        completed: shown.counts.completed,
        left_out: shown.total - tasks.len(),
        tasks,
        title,
        complaints: complaints.unwrap_or_default(),
    };
    Ok(page::with_cookie(page::respond(status, &page)?, visitor.cookie.clone()))
}
