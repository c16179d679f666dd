//! Who calls: the first argument of every endpoint that needs to know.
//!
//! Possession of one of these types proves the check. They are extracted before anything else of the request is parsed,
//! so nobody learns anything, not even that their input is invalid, from a resource that is not theirs.
//!
//! A node that does not follow the log answers nobody here: it cannot know who signed out elsewhere.
//!
//! Whoever proves a live session uses it, which extends it once in a while; signing out is no use.

use std::future;
use std::sync::Arc;
use std::time::Duration;

use poem::{Request, RequestBody};
use poem_openapi::registry::Registry;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use super::auth_error::AuthError;
use super::authenticate::{
    Accepts, Proof, about, every_live, first_live, session_of, session_required, verify,
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
use crate::keys::When;
use crate::sessions::table::Session;

/// The longest time since a sign-in that still lets somebody end other sessions than their own. Whoever finds a device signed in
/// shall not shut its owner out of all others.
const FRESH: Duration = Duration::from_hours(24);

/// The user whose resources the path names, proven by an access token of a live session.
#[derive(Debug, Clone)]
pub struct Owner {
    /// The user.
    pub user_id: UserId,
    /// The session of the token.
    pub session_id: SessionId,
}

/// Somebody with a live session, proven by its cookie, its token or one of its access tokens.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// The session.
    pub session: Arc<Session>,
    /// Whether it lasts longer than before the request.
    is_extended: bool,
    /// Expiry of the access token that proves it, if one does.
    until: Option<Timestamp>,
}

/// Somebody with a live session, proven by its cookie or its token: who may change the account and end sessions.
///
/// An access token does not prove that much, nor is it exchanged for new ones: it goes to services, which may do in its user's name what
/// it is for.
#[derive(Debug, Clone)]
pub struct SessionHolder(pub SignedIn);

/// Somebody who may have sessions: every live one that the request proves. A credential that is dead or none at all is fine.
#[derive(Debug, Clone)]
pub struct MaybeSignedIn(pub Vec<Arc<Session>>);

impl Owner {
    /// The user that the path's first parameter names, if the request proves that it is theirs.
    ///
    /// # Errors
    ///
    /// When it does not, or nobody can say for the moment.
    pub async fn of(request: &Request) -> Result<Self, Problem> {
        let user_id = request.raw_path_param("param0").unwrap_or_default();
        Self::named(request, user_id).await
    }

    /// The user that the path names, if the request proves that it is theirs.
    ///
    /// # Errors
    ///
    /// When it does not, or nobody can say for the moment.
    pub async fn named(request: &Request, user_id: &str) -> Result<Self, Problem> {
        let gate = Gate::open(request)?;
        let token = bearer(request)?.ok_or_else(Problem::unauthenticated)?;
        let claims = verify(gate, token, When::Now).await.map_err(AuthError::told)?;
        if user_id.parse() != Ok(claims.user_id) {
            return Err(not_yours());
        }
        let session = session_of(gate, token, &claims).await;
        let session = session.map_err(AuthError::about(about(&claims))).map_err(AuthError::told)?;
        let session = used(gate, session).await?;
        intake::proven(request, session.user_id);
        Ok(Self { user_id: session.user_id, session_id: session.id })
    }

    /// The context of what they do.
    pub fn context(&self) -> Context {
        Context { user_id: Some(self.user_id), session_id: Some(self.session_id), ..context() }
    }
}

impl SignedIn {
    /// Who sent the request.
    ///
    /// # Errors
    ///
    /// When nobody who is signed in did, or nobody can say for the moment.
    pub async fn of(request: &Request) -> Result<Self, Problem> {
        Self::find(request).await.map_err(AuthError::told)
    }

    /// The same for whom anybody is welcome: nothing if nobody is signed in.
    ///
    /// # Errors
    ///
    /// When nobody can say for the moment.
    pub async fn if_any(request: &Request) -> Result<Option<Self>, Problem> {
        if_any(Self::find(request).await)
    }

    async fn find(request: &Request) -> Result<Self, AuthError> {
        Self::proven(request, Accepts::Any).await
    }

    /// The person that one of the accepted credentials of a request proves.
    async fn proven(request: &Request, accepts: Accepts) -> Result<Self, AuthError> {
        let gate = Gate::open(request)?;
        let credentials = Credentials::of(request, &gate.site)?;
        let Proof { session: found, until } = first_live(gate, credentials, accepts).await?;
        let session = used(gate, Arc::clone(&found)).await?;
        let is_extended = session.updated_at > found.updated_at;
        intake::proven(request, session.user_id);
        Ok(Self { session, is_extended, until })
    }

    /// Refuses what needs a fresh proof of who they are, unless their session began a short while ago.
    ///
    /// # Errors
    ///
    /// When it did not.
    pub fn require_fresh(&self, clock: &Clock) -> Result<(), Problem> {
        if clock.now().since(self.session.created_at) < FRESH {
            return Ok(());
        }
        let message = "Sign in again: this needs a session that began within the last 24 hours";
        Err(Problem::forbidden(codes::SESSION_NOT_FRESH, message))
    }

    /// The context of what they do.
    pub fn context(&self) -> Context {
        acting(&self.session)
    }

    /// Waits until what they have proven counts no more: an access token expires, a session may go on.
    pub fn expired(&self, clock: &Clock) -> impl Future<Output = ()> + Send + use<> {
        let (until, clock) = (self.until, clock.clone());
        async move {
            match until {
                Some(until) => clock.sleep_until(until).await,
                None => future::pending().await,
            }
        }
    }

    /// The user as the owner of what a path names, if that is they.
    ///
    /// # Errors
    ///
    /// When it is somebody else.
    pub fn owner_of(&self, user_id: &str) -> Result<Owner, Problem> {
        let Session { user_id: own, id: session_id, .. } = *self.session;
        let is_theirs = user_id.parse() == Ok(own);
        is_theirs.then_some(Owner { user_id: own, session_id }).ok_or_else(not_yours)
    }

    /// The header that keeps their cookie for as long as the session lasts now, if the request has extended it.
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

/// `403`: the path names somebody else.
fn not_yours() -> Problem {
    Problem::forbidden(codes::NOT_YOURS, "This belongs to another user")
}

/// A session that is used, extended if that is due.
async fn used(gate: &Gate, session: Arc<Session>) -> Result<Arc<Session>, Problem> {
    if !gate.sessions.is_extension_due(&session) {
        return Ok(session);
    }
    let context = acting(&session);
    // Boxed: a warm read shall not carry what is done once a day.
    Ok(Box::pin(gate.sessions.extend(session, context)).await?)
}

impl MaybeSignedIn {
    /// The live sessions that a request proves by their own tokens.
    ///
    /// # Errors
    ///
    /// When nobody can judge a credential for the moment, or nothing but an access token, however old, names a live session: whoever
    /// sends it would believe that it has ended.
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

/// The sessions that are proven by their own tokens, each once.
fn sessions_of(live: Vec<Proof>) -> Vec<Arc<Session>> {
    let own = live.into_iter().filter(|proven| proven.until.is_none());
    let mut sessions: Vec<_> = own.map(|proven| proven.session).collect();
    sessions.sort_by_key(|session| session.id);
    sessions.dedup_by_key(|session| session.id);
    sessions
}

/// What is found, if there is anything.
fn if_any<T>(found: Result<T, AuthError>) -> Result<Option<T>, Problem> {
    match found.map_err(AuthError::untold) {
        Ok(found) => Ok(Some(found)),
        Err(problem) if problem.is_unauthorized() => Ok(None),
        Err(problem) => Err(problem),
    }
}

/// The live sessions whose cookies the browser has, if a change in their name would be accepted from where the request comes.
///
/// # Errors
///
/// When nobody can say for the moment.
pub async fn sessions_of_cookies(request: &Request) -> Result<Vec<Arc<Session>>, Problem> {
    let gate = Gate::of(request)?;
    let live = every_live(gate, Credentials::of_cookies(request, &gate.site)).await;
    Ok(sessions_of(live.map_err(AuthError::untold)?))
}

proves!(Owner, optional: false, ACCESS_TOKEN);
proves!(SignedIn, optional: false, SESSION_COOKIE, SESSION_TOKEN, ACCESS_TOKEN);
proves!(SessionHolder, optional: false, SESSION_COOKIE, SESSION_TOKEN);
proves!(MaybeSignedIn, optional: true, SESSION_COOKIE, SESSION_TOKEN);
