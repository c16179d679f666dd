//! `POST /api/auth/signup`: creates an account and begins its first session.

use poem::Request;
use poem_openapi::types::Example;
use poem_openapi::{ApiResponse, Object, OpenApi};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::bodies::signed_in::SignedInBody;
use super::sign_in_flow::SignInContext;
use crate::accounts::email::Email;
use crate::accounts::name::Name;
use crate::accounts::password::Password;
use crate::api::state::State;
use crate::api::tag::Tag;
use crate::http::request::json::Json;
use crate::http::response::failure::Failure;
use crate::http::response::problem::Problem;
use crate::http::response::problem::field_problem::FieldProblem;
use crate::telemetry::audit_events;

crate::statuses! {
    /// Statuses of the failures of `POST /api/auth/signup`, without `500`.
    Statuses: 400, 409, 413, 415, 503;
}

/// Who signs up.
#[derive(Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(example)]
pub(crate) struct SignUpRequest {
    /// An email address that no other account has; case does not matter.
    #[oai(validator(max_length = 254))]
    pub(crate) email: String,
    /// 8 to 128 characters, taken exactly as sent.
    #[oai(validator(min_length = 8, max_length = 128))]
    pub(crate) password: String,
    /// 1 to 200 characters.
    #[oai(validator(min_length = 1, max_length = 200))]
    pub(crate) name: String,
}

impl Example for SignUpRequest {
    fn example() -> Self {
        Self {
            email: "ada@example.com".to_owned(),
            password: "correct horse battery staple".to_owned(),
            name: "Ada Lovelace".to_owned(),
        }
    }
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

/// Endpoint of the operation `signUp`.
#[derive(Debug, Default)]
pub struct SignUp;

#[OpenApi(prefix_path = "/api/auth", tag = "Tag::Authentication")]
impl SignUp {
    /// Sign up
    ///
    /// Makes an account and begins its first session. The answer holds an access token for the API, the session token
    /// for clients without cookies, and sets the session cookie for browsers. The session whose cookie it replaces ends.
    #[oai(path = "/signup", method = "post", operation_id = "signUp")]
    async fn sign_up(
        &self,
        request: &Request,
        body: Json<SignUpRequest>,
    ) -> Result<SignedUp, Failure<Statuses>> {
        let (body, cookie) = sign_up(request, body.0).await?;
        Ok(SignedUp::Created(Json(body), cookie))
    }
}

/// Creates an account and begins its first session. Returns the body of the answer, and the header that sets the session's
/// cookie.
///
/// # Errors
///
/// Fails with the problem to answer. After the creation of the account, the problem says that it exists.
pub(crate) async fn sign_up(
    request: &Request,
    body: SignUpRequest,
) -> Result<(SignedInBody, String), Problem> {
    let tell = |problem: &Problem| audit_events::sign_up(None, Some(problem.reason()));
    let state = State::following(request).inspect_err(tell)?;
    let (email, name, password) = new_account(body).inspect_err(tell)?;
    let new = SignInContext::of(state, request).await.inspect_err(tell)?;
    let account = state.gate.accounts.prepare(email, name, password).await;
    let account = account.map_err(Problem::from).inspect_err(tell)?;
    let entered = state.detached.run(async move {
        let context = new.context.clone();
        let signed_up = new.state.gate.accounts.sign_up(account, context).await;
        let proof = signed_up.map_err(Problem::from).inspect_err(tell)?;
        audit_events::sign_up(Some(proof.user_id), None);
        new.begin(proof).await.map_err(Problem::after_sign_up)
    });
    entered.await
}

/// Parses the fields of a new account; fails with everything that is wrong with them at once.
fn new_account(body: SignUpRequest) -> Result<(Email, Name, Password), Problem> {
    let SignUpRequest { email, password, name } = body;
    let email = Email::parse(&email);
    let name = Name::parse(&name);
    let password = Password::parse(Zeroizing::new(password));
    match (email, name, password) {
        (Ok(email), Ok(name), Ok(password)) => Ok((email, name, password)),
        (email, name, password) => {
            let problems = [
                email.err().map(|error| FieldProblem::of("email", error)),
                password.err().map(|error| FieldProblem::of("password", error)),
                name.err().map(|error| FieldProblem::of("name", error)),
            ];
            Err(Problem::fields(problems.into_iter().flatten().collect()))
        }
    }
}
