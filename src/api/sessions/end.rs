//! `DELETE /api/auth/sessions/{session_id}`: ends one of a user's sessions.

use poem::Request;
use poem_openapi::OpenApi;
use poem_openapi::param::Path;

use super::ended::Ended;
use crate::api::state::State;
use crate::api::tag::Tag;
use crate::authn::caller::SessionHolder;
use crate::base::id::SessionId;
use crate::http::response::failure::Failure;
use crate::http::response::problem::Problem;

crate::statuses! {
    /// Statuses of the failures of `DELETE /api/auth/sessions/{session_id}`, without `500`.
    Statuses: 400, 401, 403, 404, 503;
}

/// Endpoint of the operation `endSession`.
#[derive(Debug, Default)]
pub struct EndSession;

#[OpenApi(prefix_path = "/api/auth", tag = "Tag::Authentication")]
impl EndSession {
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
    ) -> Result<Ended, Failure<Statuses>> {
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
}
