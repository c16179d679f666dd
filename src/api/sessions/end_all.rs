//! `DELETE /api/auth/sessions`: ends all of a user's sessions, or all others.

use poem::Request;
use poem_openapi::OpenApi;
use poem_openapi::param::Query as Parameter;

use super::ended::Ended;
use crate::api::state::State;
use crate::api::tag::Tag;
use crate::authn::caller::SessionHolder;
use crate::http::response::failure::Failure;
use crate::http::response::problem::Problem;
use crate::http::response::problem::field_problem::Flaw;
use crate::sessions::events::EndReason;

crate::statuses! {
    /// Statuses of the failures of `DELETE /api/auth/sessions`, without `500`.
    Statuses: 400, 401, 403, 503;
}

/// Endpoint of the operation `endSessions`.
#[derive(Debug, Default)]
pub struct EndSessions;

#[OpenApi(prefix_path = "/api/auth", tag = "Tag::Authentication")]
impl EndSessions {
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
    ) -> Result<Ended, Failure<Statuses>> {
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
