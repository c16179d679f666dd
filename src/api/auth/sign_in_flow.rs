//! The beginning of a session, which sign up, sign in and a change of the password share.
//!
//! A client that goes away before its password is hashed or proven costs nothing more. Work that is begun then is done,
//! also when the client goes away meanwhile: its outcome is on record and told.

use std::sync::Arc;

use poem::Request;

use super::access_token::{fresh_token, profile_of};
use super::bodies::fresh_token::FreshToken;
use super::bodies::signed_in::{SignedInBody, StartedSession};
use super::bodies::user::User;
use crate::accounts::Proof;
use crate::api::state::State;
use crate::authn::caller;
use crate::authn::context;
use crate::authn::cookie;
use crate::base::id::UserId;
use crate::eventlog::{Context, ReadError};
use crate::http::response::problem::Problem;
use crate::sessions::events::EndReason;
use crate::sessions::table::Session;
use crate::sessions::{Device, Draft, StartError};
use crate::telemetry::audit_events;
use crate::telemetry::audit_events::About;

/// Everything of a request that begins a session which the session takes.
pub(super) struct SignInContext {
    pub(super) state: State,
    device: Device,
    pub(super) context: Context,
    /// The sessions of the cookies that their browser is about to replace, whoever's they are.
    replaced: Vec<Arc<Session>>,
}

impl SignInContext {
    /// # Errors
    ///
    /// Nobody can say which session a cookie has: it would live on beside the new one.
    pub(super) async fn of(state: &State, request: &Request) -> Result<Self, Problem> {
        let replaced = caller::sessions_of_cookies(request).await?;
        let (device, context) = (context::device(request), context::context());
        Ok(Self { state: state.clone(), device, context, replaced })
    }

    /// Begins a session for somebody who has proven a password, in place of what their browser has cookies of
    /// (ASVS 7.2.4): nobody would be left to sign out of it. That ends first; if it cannot, no session begins.
    pub(super) async fn begin(self, proof: Proof) -> Result<(SignedInBody, String), Problem> {
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

/// A session that is about to begin. Its access token is signed already, so that a session nobody has a token for never
/// begins.
pub(in crate::api) struct PendingSession {
    draft: Draft,
    user: User,
    fresh: FreshToken,
}

impl PendingSession {
    /// Signs the access token, of the profile as any node has answered it and with a key that no other node has revoked.
    pub(in crate::api) async fn prepare(
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
    pub(in crate::api) async fn begin(
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

/// Checks that the password that began a session still is the account's. If another one was faster, the session is
/// accepted nowhere: whoever signed in is told so at once, and the end goes on record.
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
