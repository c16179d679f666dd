//! What sign up, sign in and sign out do between a request and its answer, whatever asks for it.

use poem::Request;
use zeroize::Zeroizing;

use super::bodies::{FreshToken, SignInRequest, SignUpRequest, SignedInBody, StartedSession, User};
use crate::accounts::account::{self, Account, Profile};
use crate::accounts::email::Email;
use crate::accounts::name::Name;
use crate::accounts::password::Password;
use crate::eventlog::{Context, Published, ReadError};
use crate::http::caller;
use crate::http::field::FieldProblem;
use crate::http::problem::Problem;
use crate::http::{State, cookie};
use crate::id::UserId;
use crate::keys::access_token::Subject;
use crate::sessions::StartError;
use crate::sessions::table::Session;

/// Makes an account and begins its first session: what is answered, and the header that sets the session's cookie.
///
/// # Errors
///
/// What to answer instead. Once the account is made, it says so.
pub(crate) async fn sign_up(
    state: &State,
    request: &Request,
    body: SignUpRequest,
) -> Result<(SignedInBody, String), Problem> {
    let (email, name, password) = new_account(body)?;
    let signed_up = state.accounts.sign_up(email, name, password, caller::context(request)).await;
    let (user_id, profile) = signed_up?;
    tracing::info!(user.id = %user_id, "signed up");
    begin_session(state, request, user_id, &profile).await.map_err(Problem::after_sign_up)
}

/// Begins a session for whoever knows the password: what is answered, and the header that sets the session's cookie.
///
/// # Errors
///
/// What to answer instead.
pub(crate) async fn sign_in(
    state: &State,
    request: &Request,
    body: SignInRequest,
) -> Result<(SignedInBody, String), Problem> {
    let SignInRequest { email, password } = body;
    let email = Email::parse(&email).map_err(|error| Problem::invalid("email", error))?;
    let password = Password::attempt(Zeroizing::new(password))
        .map_err(|error| Problem::invalid("password", error))?;
    let signed_in = state.accounts.sign_in(&email, password).await;
    let (user_id, profile) = signed_in.map_err(Problem::from).inspect_err(|problem| {
        tracing::info!(outcome = %problem, "sign in failed");
    })?;
    tracing::info!(user.id = %user_id, "signed in");
    begin_session(state, request, user_id, &profile).await
}

/// Ends a session; from then on nothing is accepted in its name.
///
/// # Errors
///
/// What to answer instead.
pub(crate) async fn sign_out(
    state: &State,
    request: &Request,
    session: &Session,
) -> Result<(), Problem> {
    state.sessions.sign_out(session, caller::acting(session, request)).await?;
    tracing::info!(user.id = %session.user_id, "signed out");
    Ok(())
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
pub(super) async fn fresh_token(
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
pub(super) fn profile_of(account: &Published<Account>) -> Result<&Profile, Problem> {
    match &account.state {
        account::State::Active(profile) => Ok(profile),
        account::State::Deleted => Err(Problem::user_deleted()),
        account::State::Missing => Err(Problem::internal(&"a session has no account")),
    }
}

fn context_of(user_id: UserId, request: &Request) -> Context {
    Context { user_id: Some(user_id), ..caller::context(request) }
}
