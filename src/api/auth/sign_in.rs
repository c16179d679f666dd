//! `POST /api/auth/signin`: begins a session.

use poem::Request;
use poem_openapi::types::Example;
use poem_openapi::{ApiResponse, Object, OpenApi};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::bodies::signed_in::SignedInBody;
use super::sign_in_flow::SignInContext;
use crate::accounts::email::Email;
use crate::accounts::password::Password;
use crate::accounts::{PasswordCheck, PasswordProof};
use crate::api::state::State;
use crate::api::tag::Tag;
use crate::http::request::json::Json;
use crate::http::response::failure::Failure;
use crate::http::response::problem::Problem;
use crate::telemetry::audit_events;
use crate::telemetry::reason::Reason;

crate::statuses! {
    /// Statuses of the failures of `POST /api/auth/signin`, without `500`.
    Statuses: 400, 401, 413, 415, 503;
}

/// Who signs in.
#[derive(Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(example)]
pub(crate) struct SignInRequest {
    /// The account's email address; case does not matter.
    #[oai(validator(max_length = 254))]
    pub(crate) email: String,
    /// The account's password.
    #[oai(validator(max_length = 128))]
    pub(crate) password: String,
}

impl Example for SignInRequest {
    fn example() -> Self {
        Self {
            email: "ada@example.com".to_owned(),
            password: "correct horse battery staple".to_owned(),
        }
    }
}

/// A session began.
#[derive(Debug, ApiResponse)]
enum SessionBegun {
    /// A session began.
    #[oai(status = 200)]
    SignedIn(
        Json<SignedInBody>,
        /// Keeps the session token in the browser, out of reach of scripts.
        #[oai(header = "Set-Cookie")]
        String,
    ),
}

/// Endpoint of the operation `signIn`.
#[derive(Debug, Default)]
pub struct SignIn;

#[OpenApi(prefix_path = "/api/auth", tag = "Tag::Authentication")]
impl SignIn {
    /// Sign in
    ///
    /// Begins a session. An unknown address and a wrong password get the same answer after the same time. A browser has
    /// one session: the one whose cookie the answer replaces ends, whoever's it is.
    #[oai(path = "/signin", method = "post", operation_id = "signIn")]
    async fn sign_in(
        &self,
        request: &Request,
        body: Json<SignInRequest>,
    ) -> Result<SessionBegun, Failure<Statuses>> {
        let (body, cookie) = sign_in(request, body.0).await?;
        Ok(SessionBegun::SignedIn(Json(body), cookie))
    }
}

/// Begins a session after checking the password. Returns the body of the answer, and the header that sets the session's
/// cookie.
///
/// # Errors
///
/// Fails with the problem to answer.
pub(crate) async fn sign_in(
    request: &Request,
    body: SignInRequest,
) -> Result<(SignedInBody, String), Problem> {
    let tell = |problem: &Problem| audit_events::sign_in(None, Some(problem.reason()));
    let state = State::following(request).inspect_err(tell)?;
    let (email, password) = credentials(body).inspect_err(tell)?;
    let new = SignInContext::of(state, request).await.inspect_err(tell)?;
    let attempt = state.gate.accounts.sign_in(&email, password).await;
    let proof = proven(attempt.map_err(Problem::from).inspect_err(tell)?)?;
    let entered = state.detached.run(async move {
        let entered = new.begin(proof).await;
        audit_events::sign_in(Some(proof.user_id), entered.as_ref().err().map(not_entered));
        entered
    });
    entered.await
}

/// Turns a failed attempt into one error for the client: only telemetry learns whether the account exists.
fn proven(attempt: PasswordCheck) -> Result<PasswordProof, Problem> {
    let (user_id, reason) = match attempt {
        PasswordCheck::Proven(proof) => return Ok(proof),
        PasswordCheck::WrongPassword(user_id) => (Some(user_id), Reason::WrongPassword),
        PasswordCheck::UnknownAccount => (None, Reason::UnknownAccount),
    };
    audit_events::sign_in(user_id, Some(reason));
    Err(Problem::wrong_credentials())
}

/// Reason for which no session began after the password was proven.
fn not_entered(problem: &Problem) -> Reason {
    let reason = problem.reason();
    if reason == Reason::WrongPassword { Reason::PasswordChangedMeanwhile } else { reason }
}

/// Parses the fields of a sign-in; fails at the first that is wrong.
fn credentials(body: SignInRequest) -> Result<(Email, Password), Problem> {
    let SignInRequest { email, password } = body;
    let email = Email::parse(&email).map_err(|error| Problem::invalid("email", error))?;
    let password = Password::attempt(Zeroizing::new(password));
    Ok((email, password.map_err(|error| Problem::invalid("password", error))?))
}
