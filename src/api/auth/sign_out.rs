//! `POST /api/auth/signout`: ends the sessions of the cookies and of the session token that are sent.

use std::sync::Arc;

use poem::Request;
use poem_openapi::types::Example;
use poem_openapi::{ApiResponse, Object, OpenApi};
use serde::Serialize;

use crate::api::state::State;
use crate::api::tag::Tag;
use crate::authn::caller::MaybeSignedIn;
use crate::authn::{context, cookie};
use crate::http::request::json::Json;
use crate::http::response::failure::Failure;
use crate::http::response::problem::Problem;
use crate::sessions::events::EndReason;
use crate::sessions::table::Session;
use crate::telemetry::audit_events;
use crate::telemetry::audit_events::About;

crate::statuses! {
    /// Statuses of the failures of `POST /api/auth/signout`, without `500`.
    Statuses: 400, 401, 403, 503;
}

/// It worked.
#[derive(Debug, Clone, Serialize, Object)]
#[oai(example)]
pub struct Success {
    /// Always true.
    pub success: bool,
}

impl Example for Success {
    fn example() -> Self {
        Self { success: true }
    }
}

/// The session has ended.
#[derive(Debug, ApiResponse)]
enum SignedOut {
    /// Nothing is accepted in the session's name any more.
    #[oai(status = 200)]
    Done(
        Json<Success>,
        /// Makes the browser forget the session cookie.
        #[oai(header = "Set-Cookie")]
        String,
        /// Makes it forget everything else that it keeps of this site.
        #[oai(header = "Clear-Site-Data")]
        String,
    ),
}

/// Endpoint of the operation `signOut`.
#[derive(Debug, Default)]
pub struct SignOut;

#[OpenApi(prefix_path = "/api/auth", tag = "Tag::Authentication")]
impl SignOut {
    /// Sign out
    ///
    /// Ends the sessions of every cookie and of the session token that is sent. From the answer on its
    /// cookie, its session token and every access token issued for it are refused. Signing out twice, or without a
    /// session, is fine; with nothing but an access token, it is refused.
    #[oai(path = "/signout", method = "post", operation_id = "signOut")]
    async fn sign_out(
        &self,
        caller: MaybeSignedIn,
        request: &Request,
    ) -> Result<SignedOut, Failure<Statuses>> {
        let state = State::of(request)?;
        for session in caller.0 {
            sign_out(state, session).await?;
        }
        let (forgotten, data) =
            (cookie::clear(&state.server.site), cookie::CLEAR_SITE_DATA.to_owned());
        Ok(SignedOut::Done(Json(Success { success: true }), forgotten, data))
    }
}

/// Ends a session; from then on none of its tokens is accepted.
///
/// # Errors
///
/// Fails with the problem to answer.
pub(crate) async fn sign_out(state: &State, session: Arc<Session>) -> Result<(), Problem> {
    let (context, sessions) = (context::acting(&session), state.gate.sessions.clone());
    let ended = state.detached.run(async move {
        sessions.end(&session, EndReason::SignedOut, context).await?;
        audit_events::sign_out(About::session(session.user_id, session.id));
        Ok(())
    });
    ended.await
}
