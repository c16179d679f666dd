//! The endpoints for verifiers elsewhere.

use std::collections::BTreeMap;

use futures_util::StreamExt;
use poem::Request;
use poem::web::sse::Event;
use poem_openapi::param::Query as Parameter;
use poem_openapi::types::Example;
use poem_openapi::{Object, OpenApi};
use serde::Serialize;

use crate::api::state::State;
use crate::api::tag::Tag;
use crate::eventlog::Point;
use crate::http::response::conditional::Cached;
use crate::http::response::etag;
use crate::http::response::event_stream;
use crate::http::response::event_stream::Live;
use crate::http::response::failure::Failure;
use crate::http::response::problem::Problem;
use crate::http::response::problem::field_problem::Flaw;
use crate::revocations::signatures::SignedEnd;

crate::statuses! {
    /// `GET /api/auth/revocations`
    ListRevocations: 400, 503;
    /// `GET /api/auth/revocations/stream`
    StreamRevocations: 400, 503;
}

/// A shared cache may answer for a second: it asks once, however many ask it.
const CACHE_CONTROL: &str = "public, max-age=1";

/// Ends of sessions. The members `sets` and `moreAvailable` are those of RFC 8936, section 2.2.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Object)]
#[serde(rename_all = "camelCase")]
#[oai(rename = "Revocations", rename_all = "camelCase", example)]
pub struct RevocationsBody {
    /// Security event tokens (RFC 8417) by their `jti`: JWTs of type `secevent+jwt`, signed with a key of the JWKS, each
    /// with the CAEP event `session-revoked`. `sub_id.session.id` is the `sid` of the access tokens to refuse.
    pub sets: BTreeMap<String, String>,
    /// Whether there is more already: ask again at once.
    pub more_available: bool,
    /// What to send as `since` the next time.
    pub next: Point,
}

impl Example for RevocationsBody {
    fn example() -> Self {
        let id = "01a20571-9d2a-7b56-84d6-ef9856ebbdaf".to_owned();
        let token = "eyJ0eXAiOiJzZWNldmVudCtqd3QiLCJhbGciOiJSUzI1NiIsImtpZCI6Ii…".to_owned();
        Self {
            sets: [(id, token)].into(),
            more_available: false,
            next: "42.Zk3x_9Qa".parse().unwrap_or_default(),
        }
    }
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

/// The endpoints for verifiers elsewhere.
#[derive(Debug)]
pub struct RevocationsApi;

#[OpenApi(prefix_path = "/api/auth", tag = "Tag::Keys")]
impl RevocationsApi {
    /// Ends of sessions
    ///
    /// For services that verify access tokens by themselves: which sessions have ended, as signed security event tokens.
    /// Only ends within the lifetime of an access token are told, at most 100 at once; older ones concern no token that
    /// is valid. Ask without `since` first, then with `next` of the answer before: after a restore that has lost what it names, all
    /// are told again.
    #[oai(path = "/revocations", method = "get", operation_id = "listRevocations")]
    async fn list(
        &self,
        request: &Request,
        /// `next` of the answer before.
        since: Parameter<Option<String>>,
    ) -> Result<Cached<RevocationsBody>, Failure<ListRevocations>> {
        let state = State::following(request)?;
        let page = state.revocations.page(point("since", since.0.as_deref())?).await?;
        let body = RevocationsBody {
            sets: page.ends.into_iter().map(|end| (end.id, end.token)).collect(),
            more_available: page.is_more,
            next: page.next,
        };
        let encoded = serde_json::to_vec(&body).map_err(|error| Problem::internal(&error))?;
        let tag = etag::of(&encoded);
        Ok(Cached::answer(request, encoded.into(), tag, CACHE_CONTROL.to_owned()))
    }

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
    ) -> Result<Live<Revocation>, Failure<StreamRevocations>> {
        let state = State::following(request)?;
        let (field, since) = event_stream::last_known(request, since.0.as_deref());
        let since = point(field, since)?;
        if state.readiness.is_closed() {
            return Err(Problem::unavailable().into());
        }
        let place = event_stream::place(&state.server.budgets.verifiers)?;
        let ends =
            state.revocations.stream(since)?.take_until(state.closed()).map(Revocation::from);
        Ok(Live::of(place, ends, event))
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that the stream wants")]
fn event(revocation: Revocation) -> Event {
    let data = serde_json::to_string(&revocation).unwrap_or_default();
    Event::message(data).id(revocation.point.to_string())
}

/// The last end that is known, in a parameter or header.
fn point(field: &str, value: Option<&str>) -> Result<Point, Problem> {
    let Some(value) = value else { return Ok(Point::default()) };
    let flaw = |_| Problem::field(field, Flaw::Invalid, "must be the next of an answer");
    value.parse().map_err(flaw)
}
