//! `GET /api/auth/revocations`: ends of sessions, a page at a time.

use std::collections::BTreeMap;

use poem::Request;
use poem_openapi::param::Query as Parameter;
use poem_openapi::types::Example;
use poem_openapi::{Object, OpenApi};
use serde::Serialize;

use super::since;
use crate::api::state::State;
use crate::api::tag::Tag;
use crate::eventlog::Point;
use crate::http::response::conditional::ConditionalResponse;
use crate::http::response::etag;
use crate::http::response::failure::Failure;
use crate::http::response::problem::Problem;

crate::statuses! {
    /// Statuses of the failures of `GET /api/auth/revocations`, without `500`.
    Statuses: 400, 503;
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

/// Endpoint of the operation `listRevocations`.
#[derive(Debug, Default)]
pub struct ListRevocations;

#[OpenApi(prefix_path = "/api/auth", tag = "Tag::Keys")]
impl ListRevocations {
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
    ) -> Result<ConditionalResponse<RevocationsBody>, Failure<Statuses>> {
        let state = State::following(request)?;
        let page = state.revocations.page(since::point("since", since.0.as_deref())?).await?;
        let body = RevocationsBody {
            sets: page.ends.into_iter().map(|end| (end.id, end.token)).collect(),
            more_available: page.is_more,
            next: page.next,
        };
        let encoded = serde_json::to_vec(&body).map_err(|error| Problem::internal(&error))?;
        let tag = etag::of(&encoded);
        Ok(ConditionalResponse::answer(request, encoded.into(), tag, CACHE_CONTROL.to_owned()))
    }
}
