//! What sign up, sign in and sign out do between a request and its answer, whatever asks for it.
//!
//! A client that goes away before its password is hashed or proven costs nothing more. What is begun then is done, also when the
//! client goes away meanwhile: whatever came of it is on record and told.

use std::sync::Arc;

use poem::Request;
use zeroize::Zeroizing;

use super::bodies::{FreshToken, SignInRequest, SignUpRequest, SignedInBody, StartedSession, User};
use crate::accounts::account::{self, Account, Profile};
use crate::accounts::email::Email;
use crate::accounts::name::Name;
use crate::accounts::password::Password;
use crate::accounts::{Attempt, Proof};
use crate::api::state::State;
use crate::authn::caller;
use crate::authn::context;
use crate::authn::cookie;
use crate::base::id::UserId;
use crate::eventlog::{Context, Published, ReadError};
use crate::http::response::problem::Problem;
use crate::http::response::problem::field_problem::FieldProblem;
use crate::keys::tokens::access_token::Subject;
use crate::sessions::events::EndReason;
use crate::sessions::table::Session;
use crate::sessions::{Device, Draft, StartError};
use crate::telemetry::audit_events;
use crate::telemetry::audit_events::About;
use crate::telemetry::reason::Reason;

/// Makes an account and begins its first session: what is answered, and the header that sets the session's cookie.
///
/// # Errors
///
/// What to answer instead. Once the account is made, it says so.
pub(crate) async fn sign_up(
    request: &Request,
    body: SignUpRequest,
) -> Result<(SignedInBody, String), Problem> {
    let tell = |problem: &Problem| audit_events::sign_up(None, Some(problem.reason()));
    let state = State::following(request).inspect_err(tell)?;
    let (email, name, password) = new_account(body).inspect_err(tell)?;
    let door = Door::of(state, request).await.inspect_err(tell)?;
    let account = state.gate.accounts.prepare(email, name, password).await;
    let account = account.map_err(Problem::from).inspect_err(tell)?;
    let entered = state.begun.to_its_end(async move {
        let context = door.context.clone();
        let signed_up = door.state.gate.accounts.sign_up(account, context).await;
        let proof = signed_up.map_err(Problem::from).inspect_err(tell)?;
        audit_events::sign_up(Some(proof.user_id), None);
        door.enter(proof).await.map_err(Problem::after_sign_up)
    });
    entered.await
}

/// Begins a session for whoever knows the password: what is answered, and the header that sets the session's cookie.
///
/// # Errors
///
/// What to answer instead.
pub(crate) async fn sign_in(
    request: &Request,
    body: SignInRequest,
) -> Result<(SignedInBody, String), Problem> {
    let tell = |problem: &Problem| audit_events::sign_in(None, Some(problem.reason()));
    let state = State::following(request).inspect_err(tell)?;
    let (email, password) = credentials(body).inspect_err(tell)?;
    let door = Door::of(state, request).await.inspect_err(tell)?;
    let attempt = state.gate.accounts.sign_in(&email, password).await;
    let proof = proven(attempt.map_err(Problem::from).inspect_err(tell)?)?;
    let entered = state.begun.to_its_end(async move {
        let entered = door.enter(proof).await;
        audit_events::sign_in(Some(proof.user_id), entered.as_ref().err().map(not_entered));
        entered
    });
    entered.await
}

/// The proof, if there is one. Who knows the password and who does not is told in different words to telemetry alone.
fn proven(attempt: Attempt) -> Result<Proof, Problem> {
    let (user_id, reason) = match attempt {
        Attempt::Proven(proof) => return Ok(proof),
        Attempt::WrongPassword(user_id) => (Some(user_id), Reason::WrongPassword),
        Attempt::UnknownAccount => (None, Reason::UnknownAccount),
    };
    audit_events::sign_in(user_id, Some(reason));
    Err(Problem::wrong_credentials())
}

/// Why no session began for somebody who has proven their password.
fn not_entered(problem: &Problem) -> Reason {
    let reason = problem.reason();
    if reason == Reason::WrongPassword { Reason::PasswordChangedMeanwhile } else { reason }
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
pub(crate) async fn sign_out(state: &State, session: Arc<Session>) -> Result<(), Problem> {
    let (context, sessions) = (context::acting(&session), state.gate.sessions.clone());
    let ended = state.begun.to_its_end(async move {
        sessions.end(&session, EndReason::SignedOut, context).await?;
        audit_events::sign_out(About::session(session.user_id, session.id));
        Ok(())
    });
    ended.await
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

/// Where somebody stands who is about to enter: everything of their request that it takes.
struct Door {
    state: State,
    device: Device,
    context: Context,
    /// The sessions of the cookies that their browser is about to replace, whoever's they are.
    replaced: Vec<Arc<Session>>,
}

impl Door {
    /// # Errors
    ///
    /// When nobody can say which session a cookie has: it would live on beside the new one.
    async fn of(state: &State, request: &Request) -> Result<Self, Problem> {
        let replaced = caller::sessions_of_cookies(request).await?;
        let (device, context) = (context::device(request), context::context());
        Ok(Self { state: state.clone(), device, context, replaced })
    }

    /// Begins a session for somebody who has proven a password, in place of what their browser has cookies of
    /// (ASVS 7.2.4): nobody would be left to sign out of it. That ends first; if it cannot, no session begins.
    async fn enter(self, proof: Proof) -> Result<(SignedInBody, String), Problem> {
        let Self { state, device, context, replaced } = self;
        let entrance = Entrance::prepare(&state, device, proof.user_id).await?;
        let context = Context { user_id: Some(proof.user_id), ..context };
        for session in replaced {
            let context = context::acting(&session);
            state.gate.sessions.end(&session, EndReason::Replaced, context).await?;
        }
        entrance.begin(&state, proof, context).await
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
        device: Device,
        user_id: UserId,
    ) -> Result<Self, Problem> {
        let draft = state.gate.sessions.draft(user_id, device).map_err(StartError::from)?;
        // It has its dates; hashing a password took a while, in which the clock may have been set.
        if !state.gate.clock.is_right() {
            return Err(Problem::unavailable());
        }
        let session = draft.session();
        state.gate.freshness.check(user_id, session.id).await.map_err(ReadError::Store)?;
        let account = state.gate.accounts.of(user_id).await?;
        let profile = profile_of(&account)?;
        let audience = &state.gate.keys.policy().audience;
        let fresh = fresh_token(state, session, profile, audience).await?;
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
        let begun = state.gate.sessions.begin(draft, proof.credential_id, context.clone()).await;
        let (session, token) = begun?;
        confirm(state, &session, proof, context).await?;
        audit_events::token_issued(About::session(session.user_id, session.id));
        let cookie =
            cookie::keep(&token, session.expires_at, session.created_at, &state.server.site);
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
    state.gate.freshness.check(session.user_id, session.id).await.map_err(ReadError::Store)?;
    if state.gate.accounts.vouches_for(proof).await? {
        return Ok(());
    }
    end_beside(state, session, EndReason::PasswordChanged, context).await;
    Err(Problem::wrong_credentials())
}

/// Ends a session that no answer depends on.
async fn end_beside(state: &State, session: &Session, reason: EndReason, context: Context) {
    if let Err(error) = state.gate.sessions.end(session, reason, context).await {
        tracing::warn!(user.id = %session.user_id, ?reason, %error, "a session was not ended");
    }
}

/// An access token of a session for an audience.
pub(super) async fn fresh_token(
    state: &State,
    session: &Session,
    profile: &Profile,
    audience: &str,
) -> Result<FreshToken, Problem> {
    let subject = Subject {
        user_id: session.user_id,
        session_id: session.id,
        email: profile.email.as_str().to_owned(),
        name: profile.name.as_str().to_owned(),
        email_verified: profile.email_verified_at.is_some(),
    };
    let token = state.gate.keys.issue(subject, audience).await?;
    Ok(FreshToken {
        token,
        token_type: "Bearer".to_owned(),
        expires_in: state.gate.keys.expires_in(),
    })
}

/// The profile of a session's user.
pub(crate) fn profile_of(account: &Published<Account>) -> Result<&Profile, Problem> {
    match &account.state {
        account::State::Active(profile) => Ok(profile),
        account::State::Deleted => Err(Problem::user_deleted()),
        account::State::Missing => Err(Problem::internal(&"a session has no account")),
    }
}
