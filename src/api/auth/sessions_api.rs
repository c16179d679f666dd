//! The sessions of whoever asks: which they are, and their ends.

use poem::Request;
use poem_openapi::param::Path;
use poem_openapi::param::Query as Parameter;
use poem_openapi::{ApiResponse, OpenApi};

use super::session_bodies::SessionListBody;
use crate::api::state::State;
use crate::api::tag::Tag;
use crate::authn::caller::SessionHolder;
use crate::authn::cookie;
use crate::base::id::SessionId;
use crate::http::request::json::Json;
use crate::http::response::failure::Failure;
use crate::http::response::problem::Problem;
use crate::http::response::problem::field_problem::Flaw;
use crate::sessions::events::EndReason;

crate::statuses! {
    /// `GET /api/auth/sessions`
    ListSessions: 400, 401, 503;
    /// `DELETE /api/auth/sessions/{session_id}`
    EndSession: 400, 401, 403, 404, 503;
    /// `DELETE /api/auth/sessions`
    EndSessions: 400, 401, 403, 503;
}

/// The sessions.
#[derive(Debug, ApiResponse)]
enum Listed {
    /// The sessions, newest first.
    #[oai(status = 200)]
    Sessions(
        Json<SessionListBody>,
        /// Keeps the session cookie for longer, when the request has extended its session.
        #[oai(header = "Set-Cookie")]
        Option<String>,
    ),
}

/// Sessions have ended.
#[derive(Debug, ApiResponse)]
enum Ended {
    /// Nothing is accepted any more in the name of what has ended.
    #[oai(status = 204)]
    Done(
        /// Makes the browser forget the session cookie, when the current session has ended.
        #[oai(header = "Set-Cookie")]
        Option<String>,
        /// Makes it forget everything else that it keeps of this site, then.
        #[oai(header = "Clear-Site-Data")]
        Option<String>,
    ),
}

impl Ended {
    /// Sessions have ended, perhaps the current one too.
    fn of(is_current: bool, state: &State) -> Self {
        let cookie = is_current.then(|| cookie::clear(&state.server.site));
        Self::Done(cookie, is_current.then(|| cookie::CLEAR_SITE_DATA.to_owned()))
    }
}

/// The endpoints for a user's sessions.
#[derive(Debug)]
pub struct SessionsApi;

#[OpenApi(prefix_path = "/api/auth", tag = "Tag::Authentication")]
impl SessionsApi {
    /// List sessions
    ///
    /// The user's live sessions, newest first. `lastSeenAt` is when use was last recorded, which is at most once a day.
    #[oai(path = "/sessions", method = "get", operation_id = "listSessions")]
    async fn list(
        &self,
        SessionHolder(caller): SessionHolder,
        request: &Request,
    ) -> Result<Listed, Failure<ListSessions>> {
        let state = State::of(request)?;
        let session = &caller.session;
        let sessions = state.gate.sessions.of(session.user_id).await.map_err(Problem::from)?;
        let body = SessionListBody::new(&sessions.state, session.id, state.gate.clock.now());
        Ok(Listed::Sessions(Json(body), caller.refreshed_cookie(request, &state.gate)))
    }

    /// End a session
    ///
    /// Ends one of the user's sessions. From the answer on its cookie, its session token and every access token issued
    /// for it are refused. One that has ended before is not found. To end another one than the session that asks, that has to have begun
    /// within the last 24 hours (`SESSION_NOT_FRESH`): sign in again, which replaces it.
    #[oai(path = "/sessions/:session_id", method = "delete", operation_id = "endSession")]
    async fn end(
        &self,
        SessionHolder(caller): SessionHolder,
        request: &Request,
        /// Which session.
        session_id: Path<String>,
    ) -> Result<Ended, Failure<EndSession>> {
        let state = State::of(request)?;
        // Text that is no identifier names no session.
        let session_id: SessionId = session_id.parse().map_err(|_| Problem::no_such_session())?;
        if session_id != caller.session.id {
            caller.require_fresh(&state.gate.clock)?;
        }
        let (user_id, context) = (caller.session.user_id, caller.context());
        let revoked = state.gate.sessions.revoke(user_id, session_id, context).await;
        if !revoked.map_err(Problem::from)? {
            return Err(Problem::no_such_session().into());
        }
        Ok(Ended::of(session_id == caller.session.id, state))
    }

    /// End all sessions
    ///
    /// Ends every session of the user, or every other one. From the answer on their cookies, their session tokens and
    /// every access token issued for them are refused. The session that asks has to have begun within the last 24 hours.
    #[oai(path = "/sessions", method = "delete", operation_id = "endSessions")]
    async fn end_all(
        &self,
        SessionHolder(caller): SessionHolder,
        request: &Request,
        /// `current` spares the session that asks.
        except: Parameter<Option<String>>,
    ) -> Result<Ended, Failure<EndSessions>> {
        let state = State::of(request)?;
        let except = match except.0.as_deref() {
            None => None,
            Some("current") => Some(caller.session.id),
            Some(_) => return Err(not_current().into()),
        };
        caller.require_fresh(&state.gate.clock)?;
        let (user_id, context) = (caller.session.user_id, caller.context());
        let ended = state.gate.sessions.end_all(user_id, except, EndReason::Revoked, context).await;
        ended.map_err(Problem::from)?;
        Ok(Ended::of(except.is_none(), state))
    }
}

fn not_current() -> Problem {
    Problem::field("except", Flaw::Invalid, "must be current")
}
