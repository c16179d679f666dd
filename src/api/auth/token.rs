//! `GET /api/auth/token`: a fresh access token.

use poem::Request;
use poem_openapi::param::Query;
use poem_openapi::{ApiResponse, OpenApi};

use super::access_token::{fresh_token, profile_of};
use super::bodies::fresh_token::FreshToken;
use crate::api::state::State;
use crate::api::tag::Tag;
use crate::authn::caller::SessionHolder;
use crate::authn::cookie;
use crate::http::request::json::Json;
use crate::http::response::failure::Failure;
use crate::http::response::problem::Problem;
use crate::http::response::problem::field_problem::Flaw;
use crate::telemetry::audit_events;
use crate::telemetry::audit_events::About;

crate::statuses! {
    /// Statuses of the failures of `GET /api/auth/token`, without `500`.
    Statuses: 400, 401, 503;
}

/// A fresh access token.
#[derive(Debug, ApiResponse)]
enum TokenResponse {
    /// A fresh access token.
    #[oai(status = 200)]
    Fresh(
        Json<FreshToken>,
        /// Keeps the session cookie for as long as its session lasts, when the request has one and use has extended it.
        #[oai(header = "Set-Cookie")]
        Option<String>,
    ),
}

/// Endpoint of the operation `getToken`.
#[derive(Debug, Default)]
pub struct GetToken;

#[OpenApi(prefix_path = "/api/auth", tag = "Tag::Authentication")]
impl GetToken {
    /// A fresh access token
    ///
    /// Signs an access token for a live session. Fetch one shortly before the last one expires. An access token cannot
    /// be exchanged for another one: this needs the session's cookie or token. A token for a service of yours is for
    /// nothing else: this server refuses it.
    #[oai(path = "/token", method = "get", operation_id = "getToken")]
    async fn token(
        &self,
        SessionHolder(caller): SessionHolder,
        /// What the token is for: one of the audiences that the server is configured with (`KEYFOLD_AUDIENCES`), or its
        /// own, which is the default.
        #[oai(validator(max_length = 200))]
        audience: Query<Option<String>>,
        request: &Request,
    ) -> Result<TokenResponse, Failure<Statuses>> {
        let (state, session) = (State::of(request)?, caller.session);
        let account = state.gate.accounts.of(session.user_id).await.map_err(Problem::from)?;
        let audience = state.gate.keys.policy().audience_of(audience.0.as_deref());
        let audience = audience.ok_or_else(unknown_audience)?;
        let fresh = fresh_token(state, &session, profile_of(&account)?, audience).await?;
        audit_events::token_issued(About::session(session.user_id, session.id));
        // The request that extended the session may have been another one, such as one with an access token, whose answer
        // sets no cookie. Before any extension the cookie stays as the sign-in has set it: sending it again could, in a late
        // answer, replace a newer cookie by an older one.
        let refresh =
            || cookie::refresh(request, &session, state.gate.clock.now(), &state.server.site);
        let refreshed = session.is_extended().then(refresh).flatten();
        Ok(TokenResponse::Fresh(Json(fresh), refreshed))
    }
}

fn unknown_audience() -> Problem {
    let message = "must be one of the audiences that this server makes tokens for";
    Problem::field("audience", Flaw::Invalid, message)
}
