//! Sign up, sign in, sign out, the current session, and fresh access tokens.

use poem::Request;
use poem_openapi::{ApiResponse, OpenApi};
use zeroize::Zeroizing;

use super::answers::SessionAnswers;
use super::bodies::{
    CurrentSession, FreshToken, SignInRequest, SignUpRequest, SignedInBody, StartedSession,
    Success, User,
};
use crate::accounts::account::{self, Account, Profile};
use crate::accounts::email::Email;
use crate::accounts::name::Name;
use crate::accounts::password::Password;
use crate::eventlog::{Context, Published, ReadError};
use crate::http::caller::{self, MaybeSignedIn, SessionHolder, SignedIn};
use crate::http::failure::Failure;
use crate::http::field::FieldProblem;
use crate::http::json::{Encoded, Json};
use crate::http::problem::Problem;
use crate::http::tag::Tag;
use crate::http::{State, cookie};
use crate::id::UserId;
use crate::keys::access_token::Subject;
use crate::sessions::StartError;
use crate::sessions::table::Session;

crate::statuses! {
    /// `POST /api/auth/signup`
    SignUp: 400, 409, 413, 415, 503;
    /// `POST /api/auth/signin`
    SignIn: 400, 401, 413, 415, 503;
    /// `POST /api/auth/signout`
    SignOut: 403, 503;
    /// `GET /api/auth/session`
    GetSession: 401, 503;
    /// `GET /api/auth/token`
    GetToken: 401, 503;
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
    ),
}

/// Somebody's session.
#[derive(Debug, ApiResponse)]
enum SessionResponse {
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
        /// Keeps the session cookie for as long as its session lasts, when the request has one.
        #[oai(header = "Set-Cookie")]
        Option<String>,
    ),
}

/// The authentication endpoints.
#[derive(Debug)]
pub struct AuthApi {
    answers: SessionAnswers,
}

impl AuthApi {
    /// The endpoints, which have answered nobody yet.
    pub fn new() -> Self {
        Self { answers: SessionAnswers::new() }
    }
}

impl Default for AuthApi {
    fn default() -> Self {
        Self::new()
    }
}

#[OpenApi(prefix_path = "/api/auth", tag = "Tag::Authentication")]
impl AuthApi {
    /// Sign up
    ///
    /// Makes an account and begins its first session. The answer holds an access token for the API, the session token
    /// for clients without cookies, and sets the session cookie for browsers.
    #[oai(path = "/signup", method = "post", operation_id = "signUp")]
    async fn sign_up(
        &self,
        request: &Request,
        body: Json<SignUpRequest>,
    ) -> Result<SignedUp, Failure<SignUp>> {
        let state = caller::following(request)?;
        let (email, name, password) = new_account(body.0)?;
        let signed_up =
            state.accounts.sign_up(email, name, password, caller::context(request)).await;
        let (user_id, profile) = signed_up.map_err(Problem::from)?;
        tracing::info!(user.id = %user_id, "signed up");
        let (body, cookie) = begin_session(state, request, user_id, &profile)
            .await
            .map_err(Problem::after_sign_up)?;
        Ok(SignedUp::Created(Json(body), cookie))
    }

    /// Sign in
    ///
    /// Begins a session. An unknown address and a wrong password get the same answer after the same time.
    #[oai(path = "/signin", method = "post", operation_id = "signIn")]
    async fn sign_in(
        &self,
        request: &Request,
        body: Json<SignInRequest>,
    ) -> Result<SignInResponse, Failure<SignIn>> {
        let state = caller::following(request)?;
        let SignInRequest { email, password } = body.0;
        let email = Email::parse(&email).map_err(|error| Problem::invalid("email", error))?;
        let password = Password::attempt(Zeroizing::new(password))
            .map_err(|error| Problem::invalid("password", error))?;
        let signed_in = state.accounts.sign_in(&email, password).await;
        let (user_id, profile) = signed_in.map_err(Problem::from).inspect_err(|problem| {
            tracing::info!(outcome = %problem, "sign in failed");
        })?;
        tracing::info!(user.id = %user_id, "signed in");
        let (body, cookie) = begin_session(state, request, user_id, &profile).await?;
        Ok(SignInResponse::SignedIn(Json(body), cookie))
    }

    /// Sign out
    ///
    /// Ends the session of the cookie, the session token or the access token that is sent. From the answer on its
    /// cookie, its session token and every access token issued for it are refused. Signing out twice, or without a
    /// session, is fine.
    #[oai(path = "/signout", method = "post", operation_id = "signOut")]
    async fn sign_out(
        &self,
        caller: MaybeSignedIn,
        request: &Request,
    ) -> Result<SignedOut, Failure<SignOut>> {
        let state = caller::state(request)?;
        if let MaybeSignedIn(Some(session)) = caller {
            let context = caller::acting(&session, request);
            state.sessions.sign_out(&session, context).await.map_err(Problem::from)?;
            tracing::info!(user.id = %session.user_id, "signed out");
        }
        Ok(SignedOut::Done(Json(Success { success: true }), cookie::clear(&state.site)))
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
        let state = caller::state(request)?;
        let session = &caller.session;
        let account = state.accounts.of(session.user_id).await.map_err(Problem::from)?;
        let answer = self.answers.answer(session, &account, profile_of(&account)?);
        let answer = Encoded::new(answer.map_err(|error| Problem::internal(&error))?);
        Ok(SessionResponse::Session(answer, caller.refreshed_cookie(request, state)))
    }

    /// A fresh access token
    ///
    /// Signs an access token for a live session. Fetch one shortly before the last one expires. An access token cannot
    /// be exchanged for another one: this needs the session's cookie or token.
    #[oai(path = "/token", method = "get", operation_id = "getToken")]
    async fn token(
        &self,
        SessionHolder(session): SessionHolder,
        request: &Request,
    ) -> Result<TokenResponse, Failure<GetToken>> {
        let state = caller::state(request)?;
        let account = state.accounts.of(session.user_id).await.map_err(Problem::from)?;
        let fresh = fresh_token(state, &session, profile_of(&account)?).await?;
        // Always: an access token may have extended the session since, in an answer that knows no cookie.
        let refreshed = cookie::refresh(request, &session, state.clock.now(), &state.site);
        Ok(TokenResponse::Fresh(Json(fresh), refreshed))
    }
}

/// The values of a new account, or everything that is wrong with them at once.
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

/// Begins a session: its body and the header that sets its cookie. The access token is signed first, so that a session
/// nobody has a token for never begins, and with a key that no other node has revoked.
async fn begin_session(
    state: &State,
    request: &Request,
    user_id: UserId,
    profile: &Profile,
) -> Result<(SignedInBody, String), Problem> {
    let draft = state.sessions.draft(user_id, caller::device(request)).map_err(StartError::from)?;
    state.freshness.of_keys().await.map_err(ReadError::Store)?;
    let fresh = fresh_token(state, draft.session(), profile).await?;
    let (session, token) = state.sessions.begin(draft, context_of(user_id, request)).await?;
    let body = SignedInBody {
        user: User::new(user_id, profile),
        session: StartedSession::new(&session, &token),
        token: fresh.token,
        token_type: fresh.token_type,
        expires_in: fresh.expires_in,
    };
    let cookie = cookie::keep(&token, session.expires_at, session.created_at, &state.site);
    Ok((body, cookie))
}

/// An access token for a session.
async fn fresh_token(
    state: &State,
    session: &Session,
    profile: &Profile,
) -> Result<FreshToken, Problem> {
    let subject = Subject {
        user_id: session.user_id,
        session_id: session.id,
        email: profile.email.as_str().to_owned(),
        name: profile.name.as_str().to_owned(),
        email_verified: profile.email_verified_at.is_some(),
    };
    let token = state.keys.issue(subject).await?;
    Ok(FreshToken { token, token_type: "Bearer".to_owned(), expires_in: state.keys.expires_in() })
}

/// The profile of a session's user.
fn profile_of(account: &Published<Account>) -> Result<&Profile, Problem> {
    match &account.state {
        account::State::Active(profile) => Ok(profile),
        account::State::Deleted => Err(Problem::user_deleted()),
        account::State::Missing => Err(Problem::internal(&"a session has no account")),
    }
}

fn context_of(user_id: UserId, request: &Request) -> Context {
    Context { user_id: Some(user_id), ..caller::context(request) }
}
