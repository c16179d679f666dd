//! What was, and what happens.

use std::sync::Arc;

use futures_util::StreamExt;
use poem::Request;
use poem::web::sse::Event;
use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query as Parameter};

use super::bodies::{ChangeBody, DifferencesBody, HistoryBody};
use super::{default_limit, moment, no_such_version, not_made, parse, travelled};
use crate::api::state::State;
use crate::api::tag::Tag;
use crate::authn::caller::Owner;
use crate::authn::caller::SignedIn;
use crate::eventlog::Within;
use crate::http::request::json::Json;
use crate::http::response::event_stream;
use crate::http::response::event_stream::Live;
use crate::http::response::failure::Failure;
use crate::http::response::field_problem::Flaw;
use crate::http::response::problem::Problem;
use crate::http::response::schema::Nullable;
use crate::tasks::feed::FollowError;
use crate::tasks::history::HistoryError;
use crate::tasks::history::differences::{Cursor, Differences};
use crate::tasks::history::entry::Only;
use crate::tasks::history::moment::Moment;

crate::statuses! {
    /// `GET /api/{user_id}/tasks/{task_id}/history`
    GetHistory: 400, 401, 403, 404, 503;
    /// `GET /api/{user_id}/tasks/history`
    GetListHistory: 400, 401, 403, 503;
    /// `GET /api/{user_id}/tasks/diff`
    DiffTasks: 400, 401, 403, 503;
    /// `GET /api/{user_id}/tasks/events`
    FollowTasks: 400, 401, 403, 503;
}

/// The endpoints for what was and what happens.
#[derive(Debug, Default)]
pub struct TaskHistoryApi;

#[OpenApi(tag = "Tag::Tasks")]
impl TaskHistoryApi {
    /// History of a task
    ///
    /// What happened to a task, deleted or not: who changed what, when, from which session, with before and after; the last
    /// change first.
    #[oai(
        path = "/api/:user_id/tasks/:task_id/history",
        method = "get",
        operation_id = "getTaskHistory"
    )]
    async fn history(
        &self,
        owner: Owner,
        request: &Request,
        /// Whose tasks: the access token's user.
        #[oai(name = "user_id")]
        _user_id: Path<String>,
        /// Which task.
        task_id: Path<String>,
        /// Only what happened before this version: `nextBefore` of the page before.
        #[oai(name = "before")]
        last: Parameter<Option<String>>,
        /// Most changes on the page. Long ones may be fewer: a page takes no more of them from 512 KiB on.
        #[oai(default = "default_limit", validator(minimum(value = "1"), maximum(value = "1000")))]
        limit: Parameter<u64>,
    ) -> Result<Json<HistoryBody>, Failure<GetHistory>> {
        let (tasks, id) = (&State::of(request)?.tasks, parse(&task_id)?);
        let limit = usize::try_from(limit.0).unwrap_or(usize::MAX);
        let told = tasks.history(owner.user_id, id, before(last.as_deref())?, limit).await;
        let told = told.map_err(not_told)?.ok_or_else(Problem::no_such_task)?;
        Ok(Json(told.into()))
    }

    /// History of the list
    ///
    /// What happened to the whole list, to tasks that are deleted too, the last change first: as in the history of a task,
    /// and each change with a title.
    #[oai(path = "/api/:user_id/tasks/history", method = "get", operation_id = "getTasksHistory")]
    async fn list_history(
        &self,
        owner: Owner,
        request: &Request,
        /// Whose tasks: the access token's user.
        #[oai(name = "user_id")]
        _user_id: Path<String>,
        /// Only deletions. Other kinds of changes cannot be asked for by themselves.
        #[oai(name = "type")]
        only: Parameter<Option<Only>>,
        /// Only what happened before this version: `nextBefore` of the page before.
        #[oai(name = "before")]
        last: Parameter<Option<String>>,
        /// Most changes on the page. Long ones may be fewer: a page takes no more of them from 512 KiB on.
        #[oai(default = "default_limit", validator(minimum(value = "1"), maximum(value = "1000")))]
        limit: Parameter<u64>,
    ) -> Result<Json<HistoryBody>, Failure<GetListHistory>> {
        let tasks = &State::of(request)?.tasks;
        let limit = usize::try_from(limit.0).unwrap_or(usize::MAX);
        let told = tasks.list_history(owner.user_id, only.0, before(last.as_deref())?, limit).await;
        Ok(Json(told.map_err(not_told)?.into()))
    }

    /// What is different
    ///
    /// Which tasks were added, changed and deleted between two versions or times, in either direction.
    #[oai(path = "/api/:user_id/tasks/diff", method = "get", operation_id = "diffTasks")]
    #[expect(clippy::too_many_arguments, reason = "one argument per parameter of the operation")]
    async fn diff(
        &self,
        owner: Owner,
        request: &Request,
        /// Whose tasks: the access token's user.
        #[oai(name = "user_id")]
        _user_id: Path<String>,
        /// The beginning: a version of the list (0 is before the first task), or a date and time with its offset.
        from: Parameter<String>,
        /// The end; now, when absent.
        to: Parameter<Option<String>>,
        /// `nextCursor` of the page before.
        cursor: Parameter<Option<String>>,
        /// Most differences on the page. Long ones may be fewer: a page takes no more of them from 512 KiB on.
        #[oai(default = "default_limit", validator(minimum(value = "1"), maximum(value = "1000")))]
        limit: Parameter<u64>,
    ) -> Result<Json<DifferencesBody>, Failure<DiffTasks>> {
        let tasks = &State::of(request)?.tasks;
        let mut from = ("from", moment("from", &from)?);
        let mut to = to.0.map(|text| Ok::<_, Problem>(("to", moment("to", &text)?))).transpose()?;
        let cursor = cursor.0.map(|text| text.parse::<Cursor>()).transpose().map_err(|_| {
            Problem::field("cursor", Flaw::Invalid, "must be the nextCursor of a page")
        })?;
        let limit = usize::try_from(limit.0).unwrap_or(usize::MAX);
        // The next page is of the same versions, whatever happened meanwhile.
        if let Some(cursor) = &cursor {
            from = ("cursor", Moment::Version(cursor.from.into()));
            to = Some(("cursor", Moment::Version(cursor.to.into())));
        }
        let travel = async |(field, moment)| {
            let past = tasks.as_of(owner.user_id, moment).await;
            past.map_err(|error| travelled(field, error))
        };
        let from = travel(from).await?;
        let to = match to {
            Some(to) => travel(to).await?,
            None => tasks.of(owner.user_id).await?,
        };
        let between = (Arc::clone(&from), Arc::clone(&to));
        let after = cursor.map(|cursor| cursor.after);
        let found = tasks.differences(owner.user_id, between, after, limit).await;
        let Differences { found, more } = found.map_err(|error| not_made("from", error))?;
        let (from, to) = (from.state.version, to.state.version);
        let next = found.last().filter(|_| more);
        let next = next.map(|last| Cursor { from, to, after: last.task_id }.to_string());
        let differences = found.into_iter().map(Into::into).collect();
        Ok(Json(DifferencesBody { from, to, differences, next_cursor: Nullable(next) }))
    }

    /// Changes as they happen
    ///
    /// Server-sent events of the user's own list, from whatever node: `data` is a change, `id` the version of the list since
    /// then. Begins with what `Last-Event-ID` or `since` does not know yet, without gap or repeat, or with what happens from
    /// now on. A comment every 15 seconds says that nothing else has happened. The stream ends at once when the session ends, when the
    /// access token expires that it was opened with, and when the server stops or cannot know any more: connect again.
    #[oai(path = "/api/:user_id/tasks/events", method = "get", operation_id = "followTasks")]
    async fn events(
        &self,
        caller: SignedIn,
        request: &Request,
        /// Whose tasks: the caller's.
        #[oai(name = "user_id")]
        user_id: Path<String>,
        /// The last version that is known. `Last-Event-ID`, which a browser sends when it connects again, comes first.
        since: Parameter<Option<String>>,
    ) -> Result<Live<ChangeBody>, Failure<FollowTasks>> {
        let state = State::following(request)?;
        let owner = caller.owner_of(&user_id)?.user_id;
        let (field, since) = event_stream::last_known(request, since.0.as_deref());
        if state.readiness.is_closed() {
            return Err(Problem::unavailable().into());
        }
        let since = version(field, since)?;
        let place = event_stream::place(&state.server.budgets.streams)?;
        let changes = state.tasks.follow(owner, since).await;
        let changes = changes.map_err(|error| match error {
            FollowError::NoSuchVersion => no_such_version(field),
            FollowError::Crowded => Problem::too_many_streams(),
            FollowError::Read(error) => error.into(),
        })?;
        let is_expired = Box::pin(caller.expired(&state.gate.clock));
        let is_over = state.gate.sessions.clone().over(caller.session);
        let changes = changes
            .take_until(is_over)
            .take_until(is_expired)
            .take_until(state.closed())
            .map(ChangeBody::from);
        Ok(Live::of(place, changes, event))
    }
}

/// The version that a client knows last.
fn version(field: &str, text: Option<&str>) -> Result<Option<Within>, Problem> {
    text.map(str::parse).transpose().map_err(|_| {
        Problem::field(field, Flaw::Invalid, "must be the id of an event, or a version of the list")
    })
}

/// The version before which a history is told.
fn before(text: Option<&str>) -> Result<Option<Within>, Problem> {
    text.map(str::parse).transpose().map_err(|_| Problem::field("before", Flaw::Invalid, NO_PAGE))
}

/// What the version before which a history is told has to be.
const NO_PAGE: &str = "must be the nextBefore of a page of this history";

/// Why a history is not told.
fn not_told(error: HistoryError) -> Problem {
    match error {
        HistoryError::NoSuchVersion => Problem::field("before", Flaw::Unknown, NO_PAGE),
        HistoryError::Read(error) => error.into(),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "as the stream gives it")]
fn event(change: ChangeBody) -> Event {
    let id = change.version.to_string();
    Event::message(serde_json::to_string(&change).unwrap_or_default()).id(id)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::stream;
    use poem::IntoResponse;
    use poem_openapi::types::Example;

    use super::*;

    #[tokio::test]
    async fn a_silent_stream_says_again_and_again_that_nothing_has_happened() {
        let change = stream::iter([ChangeBody::example()]).chain(stream::pending()).boxed();
        let response = event_stream::told(change, event, Duration::from_millis(1)).into_response();
        let mut body = response.into_body().into_bytes_stream();
        let mut text = String::new();
        while text.matches("\n\n").count() < 4 {
            text += std::str::from_utf8(&body.next().await.unwrap().unwrap()).unwrap();
        }
        let data = serde_json::to_string(&ChangeBody::example()).unwrap();
        assert!(
            text.starts_with(&format!("id: 2.Zk3x_9Qa\ndata: {data}\n\n:\n\n:\n\n:\n\n")),
            "{text}"
        );
    }
}
