//! `GET /api/auth/revocations/stream`: ends of sessions as they happen.

use futures_util::StreamExt;
use poem::Request;
use poem::web::sse::Event;
use poem_openapi::param::Query as Parameter;
use poem_openapi::types::Example;
use poem_openapi::{Object, OpenApi};
use serde::Serialize;

use super::list::RevocationsBody;
use super::since;
use crate::api::state::State;
use crate::api::tag::Tag;
use crate::eventlog::Point;
use crate::http::response::event_stream;
use crate::http::response::event_stream::EventStreamResponse;
use crate::http::response::failure::Failure;
use crate::http::response::problem::Problem;
use crate::revocations::signatures::SignedEnd;

crate::statuses! {
    /// Statuses of the failures of `GET /api/auth/revocations/stream`, without `500`.
    Statuses: 400, 503;
}

/// The end of a session, as it happens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Object)]
#[oai(example)]
pub struct Revocation {
    /// Identifies it.
    pub jti: String,
    /// The security event token.
    pub set: String,
    /// Where it stands: the `id` of the event, not part of the data.
    #[serde(skip)]
    #[oai(skip)]
    point: Point,
}

impl From<SignedEnd> for Revocation {
    fn from(SignedEnd { point, id, token }: SignedEnd) -> Self {
        Self { jti: id, set: token, point }
    }
}

impl Example for Revocation {
    fn example() -> Self {
        let RevocationsBody { mut sets, next: point, .. } = RevocationsBody::example();
        let (id, token) = sets.pop_first().unwrap_or_default();
        SignedEnd { point, id, token }.into()
    }
}

/// Endpoint of the operation `streamRevocations`.
#[derive(Debug, Default)]
pub struct StreamRevocations;

#[OpenApi(prefix_path = "/api/auth", tag = "Tag::Keys")]
impl StreamRevocations {
    /// Ends of sessions as they happen
    ///
    /// The same as server-sent events: `data` holds a security event token, `id` is what to go on after. Begins
    /// with what `since` or `Last-Event-ID` does not know yet, so that nothing is missed when a connection is lost. A
    /// comment every 15 seconds says that the server knows of nothing else. The stream ends when the server stops or cannot know
    /// any more: connect again.
    #[oai(path = "/revocations/stream", method = "get", operation_id = "streamRevocations")]
    #[expect(clippy::unused_async, reason = "an endpoint")]
    async fn stream(
        &self,
        request: &Request,
        /// `next` of a page. `Last-Event-ID`, which a browser sends when it connects again, comes first.
        since: Parameter<Option<String>>,
    ) -> Result<EventStreamResponse<Revocation>, Failure<Statuses>> {
        let state = State::following(request)?;
        let (field, since) = event_stream::last_known(request, since.0.as_deref());
        let since = since::point(field, since)?;
        if state.readiness.is_closed() {
            return Err(Problem::unavailable().into());
        }
        let place = event_stream::place(&state.server.budgets.verifiers)?;
        let ends =
            state.revocations.stream(since)?.take_until(state.closed()).map(Revocation::from);
        Ok(EventStreamResponse::of(place, ends, event))
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that the stream wants")]
fn event(revocation: Revocation) -> Event {
    let data = serde_json::to_string(&revocation).unwrap_or_default();
    Event::message(data).id(revocation.point.to_string())
}
