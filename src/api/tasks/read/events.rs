//! `GET /api/{user_id}/tasks/events`: changes as they happen.

use futures_util::StreamExt;
use poem::Request;
use poem::web::sse::Event;
use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query as Parameter};

use crate::api::state::State;
use crate::api::tag::Tag;
use crate::api::tasks::bodies::change::ChangeBody;
use crate::api::tasks::moments::no_such_version;
use crate::authn::caller::SignedIn;
use crate::eventlog::VersionInHistory;
use crate::http::response::event_stream;
use crate::http::response::event_stream::EventStreamResponse;
use crate::http::response::failure::Failure;
use crate::http::response::problem::Problem;
use crate::http::response::problem::field_problem::Flaw;
use crate::tasks::feed::FeedError;

crate::statuses! {
    /// Statuses of the failures of `GET /api/{user_id}/tasks/events`, without `500`.
    Statuses: 400, 401, 403, 503;
}

/// Endpoint of the operation `followTasks`.
#[derive(Debug, Default)]
pub struct FollowTasks;

#[OpenApi(tag = "Tag::Tasks")]
impl FollowTasks {
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
    ) -> Result<EventStreamResponse<ChangeBody>, Failure<Statuses>> {
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
            FeedError::NoSuchVersion => no_such_version(field),
            FeedError::Crowded => Problem::too_many_streams(),
            FeedError::Read(error) => error.into(),
        })?;
        let is_expired = Box::pin(caller.expired(&state.gate.clock));
        let is_over = state.gate.sessions.clone().over(caller.session);
        let changes = changes
            .take_until(is_over)
            .take_until(is_expired)
            .take_until(state.closed())
            .map(ChangeBody::from);
        Ok(EventStreamResponse::of(place, changes, event))
    }
}

/// The version that a client knows last.
fn version(field: &str, text: Option<&str>) -> Result<Option<VersionInHistory>, Problem> {
    text.map(str::parse).transpose().map_err(|_| {
        Problem::field(field, Flaw::Invalid, "must be the id of an event, or a version of the list")
    })
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
