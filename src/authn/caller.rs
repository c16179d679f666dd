//! Callers: the first argument of every endpoint that needs a proof of one.
//!
//! Possession of one of these types proves the check. They are extracted before anything else of the request is parsed, so a
//! client learns nothing, not even that its input is invalid, about a resource of another user.
//!
//! A node that does not follow the log refuses every caller: it cannot know the sessions that ended elsewhere.
//!
//! Authenticating counts as use of a session and may extend it, at most once a day. Signing out does not.

use std::future;
use std::sync::Arc;
use std::time::Duration;

use poem::{Request, RequestBody};
use poem_openapi::registry::Registry;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use super::auth_error::AuthError;
use super::authenticate::{
    Accepts, SessionProof, about, every_live, first_live, session_of, session_required, verify,
};
use super::context::{acting, context};
use super::cookie;
use super::credentials::{Credentials, bearer};
use super::extractor::{ACCESS_TOKEN, SESSION_COOKIE, SESSION_TOKEN, proves, register};
use super::gate::Gate;
use crate::base::clock::{Clock, Timestamp};
use crate::base::id::{SessionId, UserId};
use crate::eventlog::Context;
use crate::http::request::intake;
use crate::http::response::problem::Problem;
use crate::http::response::problem::codes;
use crate::keys::ExpiryRule;
use crate::sessions::table::Session;

/// Longest time since the sign-in in which a session may end other sessions: a finder of a device that is signed in cannot
/// shut its owner out of all others.
const FRESH: Duration = Duration::from_hours(24);

/// The user whose resources the path names, proven by an access token of a live session.
#[derive(Debug, Clone)]
pub struct Owner {
    /// User whom the path names, who is the token's user as well.
    pub user_id: UserId,
    /// Session of the access token, found live when the token was checked.
    pub session_id: SessionId,
}

/// A user with a live session, proven by its cookie, its token or one of its access tokens.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// Session that the request uses, found live when its credential was checked.
    pub session: Arc<Session>,
    /// True if the request has extended the session, so that its cookie is renewed.
    is_extended: bool,
    /// Expiry of the access token that proves the session, if one does; a stream ends then.
    until: Option<Timestamp>,
}

/// A user with a live session, proven by its cookie or its token, who may change the account and end sessions.
///
/// An access token does not prove that much, nor is it exchanged for new ones: it goes to services, which may use it for its
/// purpose in the user's name.
#[derive(Debug, Clone)]
pub struct SessionHolder(pub SignedIn);

/// A client that may have sessions: every live one that the request proves. A dead credential or none at all is accepted.
#[derive(Debug, Clone)]
pub struct MaybeSignedIn(pub Vec<Arc<Session>>);

impl Owner {
    /// Authenticates the user that the path's first parameter names.
    ///
    /// # Errors
    ///
    /// If the request does not prove that user, or this cannot be judged for the moment.
    pub async fn of(request: &Request) -> Result<Self, Problem> {
        let user_id = request.raw_path_param("param0").unwrap_or_default();
        Self::named(request, user_id).await
    }

    /// Authenticates the user that the path names.
    ///
    /// # Errors
    ///
    /// If the request does not prove that user, or this cannot be judged for the moment.
    pub async fn named(request: &Request, user_id: &str) -> Result<Self, Problem> {
        let gate = Gate::open(request)?;
        let token = bearer(request)?.ok_or_else(Problem::unauthenticated)?;
        let claims = verify(gate, token, ExpiryRule::Now).await.map_err(AuthError::told)?;
        if user_id.parse() != Ok(claims.user_id) {
            return Err(not_yours());
        }
        let session = session_of(gate, token, &claims).await;
        let session = session.map_err(AuthError::about(about(&claims))).map_err(AuthError::told)?;
        let session = used(gate, session).await?;
        intake::proven(request, session.user_id);
        Ok(Self { user_id: session.user_id, session_id: session.id })
    }

    /// Context of the changes that this caller makes.
    pub fn context(&self) -> Context {
        Context { user_id: Some(self.user_id), session_id: Some(self.session_id), ..context() }
    }
}

impl SignedIn {
    /// Authenticates the user who sent the request.
    ///
    /// # Errors
    ///
    /// If the request proves no live session, or this cannot be judged for the moment.
    pub async fn of(request: &Request) -> Result<Self, Problem> {
        Self::find(request).await.map_err(AuthError::told)
    }

    /// Authenticates the user who sent the request, for operations that are open to all: `None` without a live session.
    ///
    /// # Errors
    ///
    /// If a credential cannot be judged for the moment.
    pub async fn if_any(request: &Request) -> Result<Option<Self>, Problem> {
        if_any(Self::find(request).await)
    }

    async fn find(request: &Request) -> Result<Self, AuthError> {
        Self::proven(request, Accepts::Any).await
    }

    /// Authenticates by the first credential of the request that proves a live session and is accepted.
    async fn proven(request: &Request, accepts: Accepts) -> Result<Self, AuthError> {
        let gate = Gate::open(request)?;
        let credentials = Credentials::of(request, &gate.site)?;
        let SessionProof { session: found, until } = first_live(gate, credentials, accepts).await?;
        let session = used(gate, Arc::clone(&found)).await?;
        let is_extended = session.updated_at > found.updated_at;
        intake::proven(request, session.user_id);
        Ok(Self { session, is_extended, until })
    }

    /// Refuses an operation that needs a fresh sign-in, unless the session began within `FRESH`.
    ///
    /// # Errors
    ///
    /// If the session is older.
    pub fn require_fresh(&self, clock: &Clock) -> Result<(), Problem> {
        if clock.now().since(self.session.created_at) < FRESH {
            return Ok(());
        }
        let message = "Sign in again: this needs a session that began within the last 24 hours";
        Err(Problem::forbidden(codes::SESSION_NOT_FRESH, message))
    }

    /// Context of the changes that this caller makes.
    pub fn context(&self) -> Context {
        acting(&self.session)
    }

    /// Waits until the proof expires: that of an access token does, that of a session token lasts as long as the session.
    pub fn expired(&self, clock: &Clock) -> impl Future<Output = ()> + Send + use<> {
        let (until, clock) = (self.until, clock.clone());
        async move {
            match until {
                Some(until) => clock.sleep_until(until).await,
                None => future::pending().await,
            }
        }
    }

    /// Returns the user as the owner of a path that names them.
    ///
    /// # Errors
    ///
    /// If the path names another user.
    pub fn owner_of(&self, user_id: &str) -> Result<Owner, Problem> {
        let Session { user_id: own, id: session_id, .. } = *self.session;
        let is_theirs = user_id.parse() == Ok(own);
        is_theirs.then_some(Owner { user_id: own, session_id }).ok_or_else(not_yours)
    }

    /// Returns the header that renews the session's cookie, if the request has extended the session.
    pub fn refreshed_cookie(&self, request: &Request, gate: &Gate) -> Option<String> {
        let refresh = || cookie::refresh(request, &self.session, gate.clock.now(), &gate.site);
        self.is_extended.then(refresh).flatten()
    }
}

impl SessionHolder {
    async fn of(request: &Request) -> Result<Self, Problem> {
        let signed_in = SignedIn::proven(request, Accepts::SessionTokens).await;
        signed_in.map(Self).map_err(AuthError::told)
    }
}

/// `403`: the path names another user.
fn not_yours() -> Problem {
    Problem::forbidden(codes::NOT_YOURS, "This belongs to another user")
}

/// Extends a session that is used, if that is due.
async fn used(gate: &Gate, session: Arc<Session>) -> Result<Arc<Session>, Problem> {
    if !gate.sessions.is_extension_due(&session) {
        return Ok(session);
    }
    let context = acting(&session);
    // Boxed: the future of a warm read does not carry the state of a daily extension.
    Ok(Box::pin(gate.sessions.extend(session, context)).await?)
}

impl MaybeSignedIn {
    /// Finds the live sessions that a request proves by their own tokens.
    ///
    /// # Errors
    ///
    /// If a credential cannot be judged for the moment, or only an access token, however old, names a live session: its client
    /// would believe that the session has ended.
    pub async fn of(request: &Request) -> Result<Self, Problem> {
        let gate = Gate::open(request)?;
        let credentials = Credentials::of(request, &gate.site)?;
        let live = every_live(gate, credentials).await.map_err(AuthError::untold)?;
        let is_alone = !live.is_empty() && live.iter().all(|proven| proven.until.is_some());
        if is_alone {
            return Err(session_required());
        }
        Ok(Self(sessions_of(live)))
    }
}

/// Returns the sessions that are proven by their own tokens, each once.
fn sessions_of(live: Vec<SessionProof>) -> Vec<Arc<Session>> {
    let own = live.into_iter().filter(|proven| proven.until.is_none());
    let mut sessions: Vec<_> = own.map(|proven| proven.session).collect();
    sessions.sort_by_key(|session| session.id);
    sessions.dedup_by_key(|session| session.id);
    sessions
}

/// Turns a refusal into `None`, and keeps other failures.
fn if_any<T>(found: Result<T, AuthError>) -> Result<Option<T>, Problem> {
    match found.map_err(AuthError::untold) {
        Ok(found) => Ok(Some(found)),
        Err(problem) if problem.is_unauthorized() => Ok(None),
        Err(problem) => Err(problem),
    }
}

/// Finds the live sessions whose cookies the browser sends, if the request's origin may make changes in their name.
///
/// # Errors
///
/// If a credential cannot be judged for the moment.
pub async fn sessions_of_cookies(request: &Request) -> Result<Vec<Arc<Session>>, Problem> {
    let gate = Gate::of(request)?;
    let live = every_live(gate, Credentials::of_cookies(request, &gate.site)).await;
    Ok(sessions_of(live.map_err(AuthError::untold)?))
}

proves!(Owner, optional: false, ACCESS_TOKEN);
proves!(SignedIn, optional: false, SESSION_COOKIE, SESSION_TOKEN, ACCESS_TOKEN);
proves!(SessionHolder, optional: false, SESSION_COOKIE, SESSION_TOKEN);
proves!(MaybeSignedIn, optional: true, SESSION_COOKIE, SESSION_TOKEN);
