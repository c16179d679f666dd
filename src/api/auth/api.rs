//! Sign up, sign in, sign out, the current session, and fresh access tokens.

use poem::Request;
use poem_openapi::param::Query;
use poem_openapi::{ApiResponse, OpenApi};

use super::answers::SessionAnswers;
use super::bodies::{
    CurrentSession, FreshToken, SignInRequest, SignUpRequest, SignedInBody, Success,
};
use super::entering;
use super::entering::{fresh_token, profile_of};
use crate::api::state::State;
use crate::api::tag::Tag;
use crate::authn::caller::{MaybeSignedIn, SessionHolder, SignedIn};
use crate::authn::cookie;
use crate::http::request::json::{Encoded, Json};
use crate::http::response::failure::Failure;
use crate::http::response::problem::Problem;
use crate::http::response::problem::field_problem::Flaw;
use crate::telemetry::audit_events;
use crate::telemetry::audit_events::About;

crate::statuses! {
    /// `POST /api/auth/signup`
    SignUp: 400, 409, 413, 415, 503;
    /// `POST /api/auth/signin`
    SignIn: 400, 401, 413, 415, 503;
    /// `POST /api/auth/signout`
    SignOut: 400, 401, 403, 503;
    /// `GET /api/auth/session`
    GetSession: 400, 401, 503;
    /// `GET /api/auth/token`
    GetToken: 400, 401, 503;
}

/// The account was made and its first session began.
#[derive(Debug, ApiResponse)]
enum SignedUp {
    /// The account was made and its first session began.
    #[oai(status = 201)]
    Created(
        Json<SignedInBody>,
        /// Keeps the session token in the browser, out of reach of scripts.
        #[oai(header = "Set-Cookie")]
        String,
    ),
}

/// A session began.
#[derive(Debug, ApiResponse)]
enum SignInResponse {
    /// A session began.
    #[oai(status = 200)]
    SignedIn(
        Json<SignedInBody>,
        /// Keeps the session token in the browser, out of reach of scripts.
        #[oai(header = "Set-Cookie")]
        String,
    ),
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

fn unknown_audience() -> Problem {
    let message = "must be one of the audiences that this server makes tokens for";
    Problem::field("audience", Flaw::Invalid, message)
}

/// The authentication endpoints.
#[derive(Debug)]
pub struct AuthApi {
    answers: SessionAnswers,
}

impl AuthApi {
    /// The endpoints, which keep their encoded answers here.
    pub fn new(answers: SessionAnswers) -> Self {
        Self { answers }
    }
}

/// What [`AuthApi::session`] answers, also for a request that did not pass the typed layer.
pub(crate) async fn current_session(
    answers: &SessionAnswers,
    caller: SignedIn,
    request: &Request,
) -> Result<SessionResponse, Failure<GetSession>> {
    let state = State::of(request)?;
    let session = &caller.session;
    let account = state.gate.accounts.of(session.user_id).await.map_err(Problem::from)?;
    let answer = answers.answer(session, &account, profile_of(&account)?);
    let answer = Encoded::new(answer.map_err(|error| Problem::internal(&error))?);
    Ok(SessionResponse::Session(answer, caller.refreshed_cookie(request, &state.gate)))
}

#[OpenApi(prefix_path = "/api/auth", tag = "Tag::Authentication")]
impl AuthApi {
    /// Sign up
    ///
    /// Makes an account and begins its first session. The answer holds an access token for the API, the session token
    /// for clients without cookies, and sets the session cookie for browsers. The session whose cookie it replaces ends.
    #[oai(path = "/signup", method = "post", operation_id = "signUp")]
    async fn sign_up(
        &self,
        request: &Request,
        body: Json<SignUpRequest>,
    ) -> Result<SignedUp, Failure<SignUp>> {
        let (body, cookie) = entering::sign_up(request, body.0).await?;
        Ok(SignedUp::Created(Json(body), cookie))
    }

    /// Sign in
    ///
    /// Begins a session. An unknown address and a wrong password get the same answer after the same time. A browser has
    /// one session: the one whose cookie the answer replaces ends, whoever's it is.
    #[oai(path = "/signin", method = "post", operation_id = "signIn")]
    async fn sign_in(
        &self,
        request: &Request,
        body: Json<SignInRequest>,
    ) -> Result<SignInResponse, Failure<SignIn>> {
        let (body, cookie) = entering::sign_in(request, body.0).await?;
        Ok(SignInResponse::SignedIn(Json(body), cookie))
    }

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
    ) -> Result<SignedOut, Failure<SignOut>> {
        let state = State::of(request)?;
        for session in caller.0 {
            entering::sign_out(state, session).await?;
        }
        let (forgotten, data) =
            (cookie::clear(&state.server.site), cookie::CLEAR_SITE_DATA.to_owned());
        Ok(SignedOut::Done(Json(Success { success: true }), forgotten, data))
    }

    /// The current session
    ///
    /// The session of the cookie, session token or access token that is sent, and its user. Using a session, here or
    /// anywhere else, extends it: `updatedAt` is when that happened last, at most once a day.
    #[oai(path = "/session", method = "get", operation_id = "getSession")]
    async fn session(
        &self,
        caller: SignedIn,
        request: &Request,
    ) -> Result<SessionResponse, Failure<GetSession>> {
        current_session(&self.answers, caller, request).await
    }

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
    ) -> Result<TokenResponse, Failure<GetToken>> {
        let (state, session) = (State::of(request)?, caller.session);
        let account = state.gate.accounts.of(session.user_id).await.map_err(Problem::from)?;
        let audience = state.gate.keys.policy().audience_of(audience.0.as_deref());
        let audience = audience.ok_or_else(unknown_audience)?;
        let fresh = fresh_token(state, &session, profile_of(&account)?, audience).await?;
        audit_events::token_issued(About::session(session.user_id, session.id));
        // Whatever extended it: perhaps an access token, in an answer that knows no cookie. Before that the cookie is as it
        // was set when the session began, and an answer that is late puts no old one in the place of a newer one.
        let refresh =
            || cookie::refresh(request, &session, state.gate.clock.now(), &state.server.site);
        let refreshed = session.is_extended().then(refresh).flatten();
        Ok(TokenResponse::Fresh(Json(fresh), refreshed))
    }
}
