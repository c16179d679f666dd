//! `GET /api/{user_id}/tasks`: a page of the list.

use poem_openapi::OpenApi;
use poem_openapi::param::Query as Parameter;

use super::page_limit::default_limit;
use crate::api::state::State;
use crate::api::tag::Tag;
use crate::api::tasks::bodies::list::TaskListBody;
use crate::api::tasks::bodies::reading::Reading;
use crate::api::tasks::moments::{moment, not_made};
use crate::api::tasks::representations::CACHE_CONTROL;
use crate::api::tasks::request::OwnerRequest;
use crate::http::response::conditional::ConditionalResponse;
use crate::http::response::etag;
use crate::http::response::failure::Failure;
use crate::http::response::problem::Problem;
use crate::http::response::problem::field_problem::Flaw;
use crate::tasks::history::moment::Moment;
use crate::tasks::listing::{Cursor, Filter, MAX_LIMIT, Order, Query, Sort};
use crate::tasks::values::{Bound, Due, Priority, Tags};

crate::statuses! {
    /// Statuses of the failures of `GET /api/{user_id}/tasks`, without `500`.
    Statuses: 400, 401, 403, 503;
}

/// Endpoint of the operation `listTasks`.
#[derive(Debug, Default)]
pub struct ListTasks;

#[OpenApi(tag = "Tag::Tasks")]
impl ListTasks {
    /// List tasks
    ///
    /// The user's tasks, filtered, searched and sorted, a page at a time; as they are, or as they were. The cursor stays right
    /// while tasks come, go and change: a task that nobody changes meanwhile is on exactly one page.
    #[oai(path = "/api/:user_id/tasks", method = "get", operation_id = "listTasks")]
    #[expect(clippy::too_many_arguments, reason = "one argument per parameter of the operation")]
    async fn list(
        &self,
        /// Whose tasks: the access token's user.
        #[oai(name = "user_id")]
        request: OwnerRequest<'_>,
        /// Most tasks on the page.
        #[oai(default = "default_limit", validator(minimum(value = "1"), maximum(value = "1000")))]
        limit: Parameter<u64>,
        /// `nextCursor` of the page before, for the same sort.
        cursor: Parameter<Option<String>>,
        /// Only tasks that are done, or only those that are not.
        completed: Parameter<Option<bool>>,
        /// Only tasks with this priority, or with one of these if it is said several times.
        #[oai(default, validator(max_items = 4))]
        priority: Parameter<Vec<Priority>>,
        /// Only tasks with this tag, or with all of these if it is said several times, whatever case and accents.
        #[oai(default, validator(max_items = 20))]
        tag: Parameter<Vec<String>>,
        /// Only tasks that are due on or after this date, or at or after this date and time with its offset (whose `+` is
        /// written `%2B`).
        #[oai(name = "dueFrom")]
        due_from: Parameter<Option<String>>,
        /// Only tasks that are due on or before this date, or at or before this date and time with its offset.
        #[oai(name = "dueUntil")]
        due_until: Parameter<Option<String>>,
        /// Only tasks with this text in title or description, whatever its case and accents; up to 200 characters.
        #[oai(validator(max_length = 200))]
        q: Parameter<Option<String>>,
        /// What to sort by.
        #[oai(default)]
        sort: Parameter<Sort>,
        /// Which way to sort. Tasks that are not due come last in either.
        #[oai(default)]
        order: Parameter<Order>,
        /// Show the list as it was: in a version, or at a date and time with its offset (RFC 3339).
        #[oai(name = "asOf")]
        as_of: Parameter<Option<String>>,
    ) -> Result<ConditionalResponse<TaskListBody>, Failure<Statuses>> {
        let filter = Filter {
            priorities: priority.0,
            due_from: bound("dueFrom", due_from.0.as_deref())?,
            due_until: bound("dueUntil", due_until.0.as_deref())?,
            ..Filter::default()
        };
        let query = Query {
            completed: completed.0,
            filter: filter.tagged(&tags(&tag.0)?).containing(q.0.as_deref()),
            after: cursor.0.map(|text| after(&text, sort.0)).transpose()?,
            sort: sort.0,
            order: order.0,
            limit: usize::try_from(limit.0).unwrap_or(MAX_LIMIT),
        };
        let as_of = as_of.0.map(|text| moment("asOf", &text)).transpose()?;
        page(&request, query, as_of).await
    }
}

/// Answers with a page of the owner's list; called by the fast lane too.
pub(crate) async fn page(
    request: &OwnerRequest<'_>,
    query: Query,
    as_of: Option<Moment>,
) -> Result<ConditionalResponse<TaskListBody>, Failure<Statuses>> {
    let State { pages, tasks, .. } = request.state;
    let page = pages.read(tasks, request.user_id(), query, as_of).await;
    let (bytes, version) = page.map_err(|error| not_made("asOf", error))?;
    let tag = etag::of_version(version);
    Ok(ConditionalResponse::answer(request.http, bytes, tag, CACHE_CONTROL.to_owned()))
}

/// Parses the place after which a page begins.
fn after(text: &str, sort: Sort) -> Result<Cursor, Problem> {
    let cursor = text.parse::<Cursor>().ok().filter(|cursor| cursor.place.fits(sort));
    cursor.ok_or_else(|| {
        Problem::field(
            "cursor",
            Flaw::Invalid,
            "must be the nextCursor of a page with the same sort",
        )
    })
}

/// Parses the tags of the filter.
fn tags(given: &[String]) -> Result<Tags, Problem> {
    let mut reading = Reading::default();
    let tags = reading.tags("tag", given);
    reading.finish(tags)
}

/// Parses an end of a range of due dates.
fn bound(field: &str, text: Option<&str>) -> Result<Option<Bound>, Problem> {
    let due = text.map(str::parse::<Due>).transpose();
    let due = due.map_err(|error| Problem::field(field, Flaw::Invalid, error))?;
    Ok(due.map(|due| due.bound()))
}
