//! Authentication: from a credential to the live session that it proves.

use std::sync::Arc;

use super::auth_error::AuthError;
use super::credentials::{Credential, Credentials};
use super::gate::Gate;
use crate::base::clock::Timestamp;
use crate::eventlog::ReadError;
use crate::http::response::problem::Problem;
use crate::http::response::problem::codes;
use crate::keys::ExpiryRule;
use crate::keys::tokens::token_error::TokenError;
use crate::keys::tokens::verified::Verified;
use crate::sessions::SessionError;
use crate::sessions::table::Session;
use crate::telemetry::audit_events::About;

/// A live session, with the expiry of its proof.
pub(crate) struct SessionProof {
    /// Session that was found live when the credential was checked.
    pub(crate) session: Arc<Session>,
    /// Expiry of the access token; `None` for a session token, which lasts as long as the session.
    pub(crate) until: Option<Timestamp>,
}

/// Finds the live session that a credential proves.
///
/// # Errors
///
/// Fails with the reason for which it proves none, or if this cannot be found out for the moment.
pub(crate) async fn authenticate(
    gate: &Gate,
    credential: Credential<'_>,
    when: ExpiryRule,
) -> Result<SessionProof, AuthError> {
    match credential {
        Credential::SessionToken(token) => {
            let session = gate.sessions.by_token(&token).await?;
            let refused = AuthError::about(About::session(session.user_id, session.id));
            require_live(gate, &session).await.map_err(&refused)?;
            require_account(gate, &session).await.map_err(refused)?;
            Ok(SessionProof { session, until: None })
        }
        Credential::AccessToken(token) => {
            let claims = verify(gate, token, when).await?;
            let session = session_of(gate, token, &claims).await;
            let session = session.map_err(AuthError::about(about(&claims)))?;
            Ok(SessionProof { session, until: Some(expiry(&claims)) })
        }
    }
}

/// Kinds of credentials that an operation accepts.
#[derive(Debug, Clone, Copy)]
pub(super) enum Accepts {
    /// Session tokens and access tokens.
    Any,
    /// Session tokens only. An access token goes to services, which may use it for its purpose in the user's name.
    SessionTokens,
}

/// Finds the first live session that one of the credentials proves.
///
/// # Errors
///
/// If there is none, fails with the reason for which the first credential was refused.
pub(super) async fn first_live(
    gate: &Gate,
    credentials: Credentials<'_>,
    accepts: Accepts,
) -> Result<SessionProof, AuthError> {
    let mut refusal = None;
    for credential in credentials.each() {
        match accepted(gate, credential, accepts).await {
            Ok(proof) => return Ok(proof),
            Err(refused) if refused.problem.is_unauthorized() => {
                refusal = refusal.or(Some(refused));
            }
            Err(refused) => return Err(refused),
        }
    }
    Err(refusal.unwrap_or_else(|| Problem::unauthenticated().into()))
}

async fn accepted(
    gate: &Gate,
    credential: Credential<'_>,
    accepts: Accepts,
) -> Result<SessionProof, AuthError> {
    match (accepts, &credential) {
        (Accepts::SessionTokens, Credential::AccessToken(token)) => {
            let claims = verify(gate, token, ExpiryRule::Now).await?;
            Err(AuthError::about(about(&claims))(session_required()))
        }
        (Accepts::Any | Accepts::SessionTokens, _) => {
            authenticate(gate, credential, ExpiryRule::Now).await
        }
    }
}

/// `401`: an access token does not prove enough.
pub(super) fn session_required() -> Problem {
    let message =
        "this needs the session token or its cookie, which an access token does not stand for";
    Problem::invalid_token(codes::SESSION_REQUIRED, message)
}

/// Finds every live session that one of the credentials proves; access tokens that have expired count too.
///
/// # Errors
///
/// If a credential cannot be judged for the moment.
pub(super) async fn every_live(
    gate: &Gate,
    credentials: Credentials<'_>,
) -> Result<Vec<SessionProof>, AuthError> {
    let mut live = Vec::new();
    for credential in credentials.each() {
        match authenticate(gate, credential, ExpiryRule::Ever).await {
            Ok(proof) => live.push(proof),
            Err(refused) if refused.problem.is_unauthorized() => {}
            Err(refused) => return Err(refused),
        }
    }
    Ok(live)
}

/// Finds the live session of an access token whose signature was verified.
pub(super) async fn session_of(
    gate: &Gate,
    token: &str,
    claims: &Verified,
) -> Result<Arc<Session>, Problem> {
    match live_session_of(gate, token, claims).await {
        Ok(session) => require_account(gate, &session).await.map(|()| session),
        // A session that has ended because its user is gone is refused for that reason.
        Err(problem) if problem.is_unauthorized() => {
            let account = gate.accounts.of(claims.user_id).await?;
            Err(if account.state.is_deleted() { Problem::user_deleted() } else { problem })
        }
        Err(problem) => Err(problem),
    }
}

async fn live_session_of(
    gate: &Gate,
    token: &str,
    claims: &Verified,
) -> Result<Arc<Session>, Problem> {
    let session = gate.sessions.by_id(claims.session_id).await?;
    if session.user_id != claims.user_id {
        return Err(SessionError::Ended.into());
    }
    require_live(gate, &session).await?;
    if gate.freshness.is_needed() {
        // The freshness check may have loaded a ring in which the key is revoked.
        gate.keys.vouch(token)?;
    }
    Ok(session)
}

/// Verifies an access token: its signature once, later its hash. A token that names an unknown key is verified after this
/// node has learnt of every key that another node may have signed it with.
pub(super) async fn verify(
    gate: &Gate,
    token: &str,
    when: ExpiryRule,
) -> Result<Verified, AuthError> {
    let newest_keys = async { gate.freshness.of_keys().await.map_err(ReadError::Store) };
    match gate.keys.verify_with(token, when, newest_keys).await? {
        Ok(claims) => Ok(claims),
        Err(error) => {
            // An expired token is authentic: telemetry may name its session.
            let claims =
                if error == TokenError::Expired { gate.keys.vouch(token).ok() } else { None };
            let about = claims.map(|claims| self::about(&claims)).unwrap_or_default();
            Err(AuthError::about(about)(error.into()))
        }
    }
}

/// Refuses a session that another node knows to have ended.
async fn require_live(gate: &Gate, session: &Session) -> Result<(), Problem> {
    match gate.freshness.check(session.user_id, session.id).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(SessionError::Ended.into()),
        Err(error) => Err(SessionError::Store(error).into()),
    }
}

/// Refuses a session whose user was deleted or whose password has changed, even if the session's end has not been committed.
/// Loads the account on first use.
async fn require_account(gate: &Gate, session: &Session) -> Result<(), Problem> {
    let account = gate.accounts.of(session.user_id).await?;
    let credential_id = account.state.profile().map(|profile| profile.credential_id);
    if account.state.is_deleted() {
        Err(Problem::user_deleted())
    } else if session.credential_id.is_some() && session.credential_id != credential_id {
        Err(SessionError::Ended.into())
    } else {
        Ok(())
    }
}

/// The part of a token that telemetry may tell.
pub(super) fn about(claims: &Verified) -> About<'static> {
    About::session(claims.user_id, claims.session_id)
}

fn expiry(claims: &Verified) -> Timestamp {
    Timestamp::from_unix_millis(claims.expires_at.saturating_mul(1_000))
}
