//! Beginning of a session, shared by sign-up, sign-in and the change of the password.
//!
//! A client that disconnects before its password is hashed or proven causes no further work. After that the work is a
//! detached task, which a disconnect does not cancel: its outcome is recorded and audited.

use std::sync::Arc;

use poem::Request;

use super::access_token::{fresh_token, profile_of};
use super::bodies::fresh_token::FreshToken;
use super::bodies::signed_in::{SignedInBody, StartedSession};
use super::bodies::user::User;
use crate::accounts::PasswordProof;
use crate::api::state::State;
use crate::authn::caller;
use crate::authn::context;
use crate::authn::cookie;
use crate::base::id::UserId;
use crate::eventlog::{Context, ReadError};
use crate::http::response::problem::Problem;
use crate::sessions::events::EndReason;
use crate::sessions::table::Session;
use crate::sessions::{Device, PendingStart, StartError};
use crate::telemetry::audit_events;
use crate::telemetry::audit_events::About;

/// Data of a request that begins a session.
pub(super) struct SignInContext {
    /// Handles of the features.
    pub(super) state: State,
    /// Client address and user agent, recorded with the session.
    device: Device,
    /// Cause and sender, recorded with the events.
    pub(super) context: Context,
    /// Sessions of the cookies that the browser is about to replace, of whatever user.
    replaced: Vec<Arc<Session>>,
}

impl SignInContext {
    /// Reads the request, and finds the sessions that its cookies belong to.
    ///
    /// # Errors
    ///
    /// Fails if the session of a cookie cannot be looked up: it would live on beside the new one.
    pub(super) async fn of(state: &State, request: &Request) -> Result<Self, Problem> {
        let replaced = caller::sessions_of_cookies(request).await?;
        let (device, context) = (context::device(request), context::context());
        Ok(Self { state: state.clone(), device, context, replaced })
    }

    /// Begins a session after a proven password, in place of the sessions of the browser's cookies (ASVS 7.2.4), which no
    /// client could sign out of any more. They end first; if one cannot, no session begins.
    pub(super) async fn begin(
        self,
        proof: PasswordProof,
    ) -> Result<(SignedInBody, String), Problem> {
        let Self { state, device, context, replaced } = self;
        let pending = PendingSession::prepare(&state, device, proof.user_id).await?;
        let context = Context { user_id: Some(proof.user_id), ..context };
        for session in replaced {
            let context = context::acting(&session);
            state.gate.sessions.end(&session, EndReason::Replaced, context).await?;
        }
        pending.begin(&state, proof, context).await
    }
}

/// A session that is about to begin. Its access token is signed already, so that a session never begins without one.
pub(in crate::api) struct PendingSession {
    /// The session and its token, not yet recorded.
    draft: PendingStart,
    /// Body of the user, for the answer.
    user: User,
    /// Access token, for the answer.
    fresh: FreshToken,
}

impl PendingSession {
    /// Signs the access token, with the newest profile of any node and a key that no other node has revoked.
    pub(in crate::api) async fn prepare(
        state: &State,
        device: Device,
        user_id: UserId,
    ) -> Result<Self, Problem> {
        let draft = state.gate.sessions.draft(user_id, device).map_err(StartError::from)?;
        // The draft has its dates already; hashing the password took a while, in which the clock may have been set.
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

    /// Begins the session; returns the body of the answer, and the header that sets the session's cookie.
    pub(in crate::api) async fn begin(
        self,
        state: &State,
        proof: PasswordProof,
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

/// Checks that the account still has the password with which the session began. If a change of it was faster, the session
/// is accepted nowhere: the sign-in fails at once, and the end is recorded.
async fn confirm(
    state: &State,
    session: &Session,
    proof: PasswordProof,
    context: Context,
) -> Result<(), Problem> {
    state.gate.freshness.check(session.user_id, session.id).await.map_err(ReadError::Store)?;
    if state.gate.accounts.vouches_for(proof).await? {
        return Ok(());
    }
    end_beside(state, session, EndReason::PasswordChanged, context).await;
    Err(Problem::wrong_credentials())
}

/// Ends a session; no answer depends on the outcome.
async fn end_beside(state: &State, session: &Session, reason: EndReason, context: Context) {
    if let Err(error) = state.gate.sessions.end(session, reason, context).await {
        tracing::warn!(user.id = %session.user_id, ?reason, %error, "failed to end a session");
    }
}
