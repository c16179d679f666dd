//! What sign up, sign in and sign out do between a request and its answer, whatever asks for it.
//!
//! Whoever calls these has looked whether this node may answer: [`caller::following`], or a proof of a session.

use poem::Request;
use zeroize::Zeroizing;

use super::bodies::{FreshToken, SignInRequest, SignUpRequest, SignedInBody, StartedSession, User};
use crate::accounts::account::{self, Account, Profile};
use crate::accounts::email::Email;
use crate::accounts::name::Name;
use crate::accounts::password::Password;
use crate::accounts::{Attempt, Proof};
use crate::eventlog::{Context, Published, ReadError};
use crate::http::caller;
use crate::http::field::FieldProblem;
use crate::http::problem::Problem;
use crate::http::{State, cookie};
use crate::id::UserId;
use crate::keys::access_token::Subject;
use crate::sessions::events::EndReason;
use crate::sessions::table::Session;
use crate::sessions::{Draft, StartError};
use crate::telemetry::events::{self, About};
use crate::telemetry::reason::Reason;

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
    let (email, name, password) = new_account(body).inspect_err(tell_failed_sign_up)?;
    let context = caller::context(request);
    let signed_up = state.accounts.sign_up(email, name, password, context).await;
    let proof = signed_up.map_err(Problem::from).inspect_err(tell_failed_sign_up)?;
    events::sign_up(Some(proof.user_id), None);
    begin_session(state, request, proof).await.map_err(Problem::after_sign_up)
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
    let tell = |problem: &Problem| events::sign_in(None, Some(problem.reason()));
    let (email, password) = credentials(body).inspect_err(tell)?;
    let attempt = state.accounts.sign_in(&email, password).await;
    let proof = match attempt.map_err(Problem::from).inspect_err(tell)? {
        Attempt::Proven(proof) => proof,
        Attempt::WrongPassword(user_id) => {
            events::sign_in(Some(user_id), Some(Reason::WrongPassword));
            return Err(Problem::wrong_credentials());
        }
        Attempt::UnknownAccount => {
            events::sign_in(None, Some(Reason::UnknownAccount));
            return Err(Problem::wrong_credentials());
        }
    };
    let begun = begin_session(state, request, proof).await;
    events::sign_in(Some(proof.user_id), begun.as_ref().err().map(not_begun));
    begun
}

/// Why no session began for somebody who has proven their password.
fn not_begun(problem: &Problem) -> Reason {
    if problem.is_unauthorized() { Reason::PasswordChangedMeanwhile } else { problem.reason() }
}

fn tell_failed_sign_up(problem: &Problem) {
    events::sign_up(None, Some(problem.reason()));
}

/// The values of a sign-in, or what is wrong with the first that cannot be.
fn credentials(body: SignInRequest) -> Result<(Email, Password), Problem> {
    let SignInRequest { email, password } = body;
    let email = Email::parse(&email).map_err(|error| Problem::invalid("email", error))?;
    let password = Password::attempt(Zeroizing::new(password));
    Ok((email, password.map_err(|error| Problem::invalid("password", error))?))
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
    let context = caller::acting(session, request);
    state.sessions.end(session, EndReason::SignedOut, context).await?;
    events::sign_out(About::session(session.user_id, session.id));
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

/// Begins a session for somebody who has proven a password, in place of the one that their browser has a cookie of.
async fn begin_session(
    state: &State,
    request: &Request,
    proof: Proof,
) -> Result<(SignedInBody, String), Problem> {
    let entrance = Entrance::prepare(state, request, proof.user_id).await?;
    let context = Context { user_id: Some(proof.user_id), ..caller::context(request) };
    let entered = entrance.begin(state, proof, context).await?;
    end_replaced(state, request).await;
    Ok(entered)
}

/// Ends the session, whoever's it is, whose cookie the browser is about to replace (ASVS 7.2.4): nobody would be left to
/// sign out of it.
async fn end_replaced(state: &State, request: &Request) {
    match caller::session_of_cookie(request).await {
        Ok(Some(session)) => {
            let context = caller::acting(&session, request);
            end_beside(state, &session, EndReason::Replaced, context).await;
        }
        Ok(None) => {}
        Err(problem) => {
            tracing::warn!(outcome = %problem, "whether a session is replaced cannot be said");
        }
    }
}

/// A session that is about to begin. Its access token is signed already, so that a session nobody has a token for never
/// begins.
pub(super) struct Entrance {
    draft: Draft,
    user: User,
    fresh: FreshToken,
}

impl Entrance {
    /// Signs the access token, of the profile as any node has answered it and with a key that no other node has revoked.
    pub(super) async fn prepare(
        state: &State,
        request: &Request,
        user_id: UserId,
    ) -> Result<Self, Problem> {
        let device = caller::device(request);
        let draft = state.sessions.draft(user_id, device).map_err(StartError::from)?;
        let session = draft.session();
        state.freshness.check(user_id, session.id).await.map_err(ReadError::Store)?;
        let account = state.accounts.of(user_id).await?;
        let profile = profile_of(&account)?;
        let fresh = fresh_token(state, session, profile).await?;
        Ok(Self { user: User::new(user_id, profile), draft, fresh })
    }

    /// Begins the session: its body and the header that sets its cookie.
    pub(super) async fn begin(
        self,
        state: &State,
        proof: Proof,
        context: Context,
    ) -> Result<(SignedInBody, String), Problem> {
        let Self { draft, user, fresh } = self;
        let begun = state.sessions.begin(draft, proof.credential_id, context.clone()).await;
        let (session, token) = begun?;
        confirm(state, &session, proof, context).await?;
        let cookie = cookie::keep(&token, session.expires_at, session.created_at, &state.site);
        let session = StartedSession::new(&session, &token);
        let FreshToken { token, token_type, expires_in } = fresh;
        Ok((SignedInBody { user, session, token, token_type, expires_in }, cookie))
    }
}

/// Whether the password that began a session still is the account's. If another one was faster, the session is accepted
/// nowhere: whoever signed in is told so at once, and the end goes on record.
async fn confirm(
    state: &State,
    session: &Session,
    proof: Proof,
    context: Context,
) -> Result<(), Problem> {
    state.freshness.check(session.user_id, session.id).await.map_err(ReadError::Store)?;
    if state.accounts.vouches_for(proof).await? {
        return Ok(());
    }
    end_beside(state, session, EndReason::PasswordChanged, context).await;
    Err(Problem::wrong_credentials())
}

/// Ends a session that no answer depends on.
async fn end_beside(state: &State, session: &Session, reason: EndReason, context: Context) {
    if let Err(error) = state.sessions.end(session, reason, context).await {
        tracing::warn!(user.id = %session.user_id, ?reason, %error, "a session was not ended");
    }
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
    events::token_issued(About::session(session.user_id, session.id));
    Ok(FreshToken { token, token_type: "Bearer".to_owned(), expires_in: state.keys.expires_in() })
}

/// The profile of a session's user.
pub(crate) fn profile_of(account: &Published<Account>) -> Result<&Profile, Problem> {
    match &account.state {
        account::State::Active(profile) => Ok(profile),
        account::State::Deleted => Err(Problem::user_deleted()),
        account::State::Missing => Err(Problem::internal(&"a session has no account")),
    }
}
