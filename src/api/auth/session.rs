//! `GET /api/auth/session`: the current session and its user.

use poem::Request;
use poem_openapi::{ApiResponse, OpenApi};

use super::access_token::profile_of;
use super::bodies::current_session::CurrentSession;
use super::session_cache::SessionCache;
use crate::api::state::State;
use crate::api::tag::Tag;
use crate::authn::caller::SignedIn;
use crate::http::request::json::Encoded;
use crate::http::response::failure::Failure;
use crate::http::response::problem::Problem;

crate::statuses! {
    /// Statuses of the failures of `GET /api/auth/session`, without `500`.
    Statuses: 400, 401, 503;
}

/// Somebody's session.
#[derive(Debug, ApiResponse)]
pub(crate) enum SessionResponse {
    /// The session and its user.
    #[oai(status = 200)]
    Session(
        Encoded<CurrentSession>,
        /// Keeps the session cookie for longer, when the request has extended its session.
        #[oai(header = "Set-Cookie")]
        Option<String>,
    ),
}

/// Endpoint of the operation `getSession`.
#[derive(Debug)]
pub struct GetSession {
    /// Answers that this node has encoded, shared with the fast lane.
    pub(super) cache: SessionCache,
}

#[OpenApi(prefix_path = "/api/auth", tag = "Tag::Authentication")]
impl GetSession {
    /// The current session
    ///
    /// The session of the cookie, session token or access token that is sent, and its user. Using a session, here or
    /// anywhere else, extends it: `updatedAt` is when that happened last, at most once a day.
    #[oai(path = "/session", method = "get", operation_id = "getSession")]
    async fn session(
        &self,
        caller: SignedIn,
        request: &Request,
    ) -> Result<SessionResponse, Failure<Statuses>> {
        current_session(&self.cache, caller, request).await
    }
}

/// Answers with the session of a caller; called by the fast lane too.
pub(crate) async fn current_session(
    cache: &SessionCache,
    caller: SignedIn,
    request: &Request,
) -> Result<SessionResponse, Failure<Statuses>> {
    let state = State::of(request)?;
    let session = &caller.session;
    let account = state.gate.accounts.of(session.user_id).await.map_err(Problem::from)?;
    let answer = cache.answer(session, &account, profile_of(&account)?);
    let answer = Encoded::new(answer.map_err(|error| Problem::internal(&error))?);
    Ok(SessionResponse::Session(answer, caller.refreshed_cookie(request, &state.gate)))
}
