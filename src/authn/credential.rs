//! What a request presents to prove its session, and the session it proves.

use std::sync::Arc;

use poem::Request;
use poem::http::{Method, header};

use super::cookie;
use crate::accounts::account;
use crate::base::clock::Timestamp;
use crate::eventlog::ReadError;
use crate::http::response::field_problem::Flaw;
use crate::http::response::problem::Problem;
use crate::http::{Sender, State, header_of};
use crate::keys::Keys;
use crate::keys::When;
use crate::keys::tokens::access_token::TokenError;
use crate::keys::tokens::verified::Verified;
use crate::sessions::SessionError;
use crate::sessions::table::Session;
use crate::sessions::token::SessionToken;
use crate::telemetry::audit_events;
use crate::telemetry::audit_events::About;

/// Something that stands for a session.
pub(crate) enum Credential<'a> {
    /// An access token, verified.
    AccessToken(VerifiedToken<'a>),
    /// A session token, whatever it is worth.
    SessionToken(SessionToken),
}

/// An access token that the keys of this node vouch for.
pub(crate) struct VerifiedToken<'a> {
    token: &'a str,
    /// What it says.
    pub(crate) says: Verified,
}

impl<'a> VerifiedToken<'a> {
    /// Verifies a token.
    pub(crate) fn new(token: &'a str, keys: &Keys, when: When) -> Result<Self, Refused> {
        match keys.verify(token, when) {
            Ok(says) => Ok(Self { token, says }),
            Err(error) => {
                // One that has expired is authentic all the same.
                let is_authentic = error == TokenError::Expired;
                let says = if is_authentic { keys.vouch(token).ok() } else { None };
                let about = says.map(|says| About::session(says.user_id, says.session_id));
                Err(Refused { problem: error.into(), about: about.unwrap_or_default() })
            }
        }
    }

    /// What telemetry may tell of it.
    pub(crate) fn about(&self) -> About<'static> {
        About::session(self.says.user_id, self.says.session_id)
    }

    /// Whether the keys still vouch for it, once it is known whether another node has revoked its key.
    fn confirm(&self, state: &State) -> Result<(), TokenError> {
        if state.freshness.is_needed() {
            state.keys.vouch(self.token)?;
        }
        Ok(())
    }
}

/// Why a request is refused, and what telemetry may tell of the token that it presents.
#[derive(Debug)]
pub(crate) struct Refused {
    problem: Problem,
    about: About<'static>,
}

impl Refused {
    /// The same of a token that is about somebody.
    pub(crate) fn about(about: About<'static>) -> impl Fn(Problem) -> Self {
        move |problem| Self { problem, about }
    }

    /// What to answer, after telling that a token is not accepted: unless there is none, or nobody can say for the moment.
    pub(crate) fn told(self) -> Problem {
        let Self { problem, about } = self;
        if problem.is_unauthorized() && problem != Problem::unauthenticated() {
            audit_events::token_refused(about, problem.reason());
        }
        problem
    }

    /// What to answer where a token that is not accepted is as good as none.
    pub(crate) fn untold(self) -> Problem {
        self.problem
    }
}

impl<E: Into<Problem>> From<E> for Refused {
    fn from(error: E) -> Self {
        Self { problem: error.into(), about: About::default() }
    }
}

/// The bearer token (RFC 6750, section 2.1); the scheme's case does not matter. Of two headers nobody could say which is meant
/// (RFC 9110, section 5.3).
fn bearer(request: &Request) -> Result<Option<&str>, Problem> {
    if request.headers().get_all(header::AUTHORIZATION).iter().nth(1).is_some() {
        let message = "is given more than once";
        return Err(Problem::field("Authorization", Flaw::Duplicate, message));
    }
    let value = header_of(request, &header::AUTHORIZATION);
    let parts = value.and_then(|value| value.split_once(' '));
    let is_bearer = |(scheme, _): &(&str, &str)| scheme.eq_ignore_ascii_case("bearer");
    Ok(parts.filter(is_bearer).map(|(_, token)| token.trim()))
}

/// The same, once this node knows every key that another node may have signed it with.
pub(crate) async fn judgeable_bearer<'a>(
    request: &'a Request,
    state: &State,
) -> Result<Option<&'a str>, Problem> {
    let bearer = bearer(request)?;
    if bearer.is_some_and(|token| !state.keys.knows_key_of(token)) {
        state.freshness.of_keys().await.map_err(ReadError::Store)?;
    }
    Ok(bearer)
}

/// A credential, or why it is none.
pub(crate) type Judged<'a> = Result<Credential<'a>, Refused>;

/// The credentials of a request. A browser may send cookies beside a bearer token that is no good any more, and a stale cookie
/// before a good one.
pub(crate) struct Presented<'a> {
    keys: &'a Keys,
    bearer: Option<&'a str>,
    cookies: Vec<SessionToken>,
}

impl<'a> Presented<'a> {
    /// A cookie counts for a change only if the request comes from a page of this site or a trusted one, because
    /// browsers send cookies with everybody's requests.
    pub(crate) async fn by(request: &'a Request, state: &'a State) -> Result<Self, Problem> {
        let bearer = judgeable_bearer(request, state).await?;
        let mut cookies = cookie::read(request, &state.site);
        let changes = !matches!(*request.method(), Method::GET | Method::HEAD);
        let distrusted = !cookies.is_empty() && changes && !is_trusted(request, state);
        if distrusted && bearer.is_none() {
            let message = "Requests with a cookie are not accepted from this origin";
            return Err(Problem::forbidden("UNTRUSTED_ORIGIN", message));
        }
        if distrusted {
            cookies.clear();
        }
        Ok(Self { keys: &state.keys, bearer, cookies })
    }

    /// The bearer token first, then the cookies.
    pub(crate) fn verified(self) -> impl Iterator<Item = Judged<'a>> + use<'a> {
        self.verified_at(When::Now)
    }

    /// The same, with access tokens that have expired.
    pub(crate) fn verified_whenever(self) -> impl Iterator<Item = Judged<'a>> + use<'a> {
        self.verified_at(When::Ever)
    }

    fn verified_at(self, when: When) -> impl Iterator<Item = Judged<'a>> + use<'a> {
        let Self { keys, bearer, cookies } = self;
        let bearer = bearer.map(move |token| match SessionToken::parse(token) {
            Some(token) => Ok(Credential::SessionToken(token)),
            None => Ok(Credential::AccessToken(VerifiedToken::new(token, keys, when)?)),
        });
        let cookies = cookies.into_iter().map(|token| Ok(Credential::SessionToken(token)));
        bearer.into_iter().chain(cookies)
    }
}

/// A live session, and until when its proof counts.
pub(crate) struct Proven {
    pub(crate) session: Arc<Session>,
    /// Expiry of the access token that proves it; nothing of a session token, which lasts as long as the session.
    pub(crate) until: Option<Timestamp>,
}

/// The first live session among the credentials. Without any, the reason the first one was refused for.
pub(crate) async fn first_live<'a>(
    state: &State,
    credentials: impl Iterator<Item = Judged<'a>> + Send,
) -> Result<Proven, Refused> {
    let mut refusal = None;
    for credential in credentials {
        let found = match credential {
            Ok(credential) => session(state, credential).await,
            Err(refused) => Err(refused),
        };
        match found {
            Ok(proven) => return Ok(proven),
            Err(refused) if refused.problem.is_unauthorized() => {
                refusal = refusal.or(Some(refused));
            }
            Err(refused) => return Err(refused),
        }
    }
    Err(refusal.unwrap_or_else(|| Problem::unauthenticated().into()))
}

/// Every live session that one of the credentials proves.
pub(crate) async fn every_live<'a>(
    state: &State,
    credentials: impl Iterator<Item = Judged<'a>> + Send,
) -> Result<Vec<Proven>, Refused> {
    let mut live = Vec::new();
    for credential in credentials {
        match first_live(state, std::iter::once(credential)).await {
            Ok(proven) => live.push(proven),
            Err(refused) if refused.problem.is_unauthorized() => {}
            Err(refused) => return Err(refused),
        }
    }
    Ok(live)
}

/// The live sessions of the cookies alone, which count as they do for any change.
pub(crate) async fn sessions_of_cookies(
    request: &Request,
    state: &State,
) -> Result<Vec<Proven>, Refused> {
    if !is_trusted(request, state) {
        return Ok(Vec::new());
    }
    let cookies = cookie::read(request, &state.site).into_iter();
    every_live(state, cookies.map(|token| Ok(Credential::SessionToken(token)))).await
}

/// Whether a cookie counts for a change: unless another site's page has the browser send it.
fn is_trusted(request: &Request, state: &State) -> bool {
    state.site.sender(request) != Sender::Other
}

async fn session(state: &State, credential: Credential<'_>) -> Result<Proven, Refused> {
    match credential {
        Credential::SessionToken(token) => {
            let session = state.sessions.by_token(&token).await?;
            let about = Refused::about(About::session(session.user_id, session.id));
            let session = accepted(state, session).await.map_err(about)?;
            Ok(Proven { session, until: None })
        }
        Credential::AccessToken(token) => {
            let until = Timestamp::from_unix_millis(token.says.expires_at.saturating_mul(1_000));
            Ok(Proven { session: live_session(state, &token).await?, until: Some(until) })
        }
    }
}

async fn accepted(state: &State, session: Arc<Session>) -> Result<Arc<Session>, Problem> {
    let session = fresh(state, session).await?;
    let account = state.accounts.of(session.user_id).await?;
    acceptable(session, &account.state)
}

/// The session an access token was issued for. Of a session that has ended it is told if that is because its user is gone.
pub(crate) async fn live_session(
    state: &State,
    token: &VerifiedToken<'_>,
) -> Result<Arc<Session>, Refused> {
    judged_session(state, token).await.map_err(Refused::about(token.about()))
}

async fn judged_session(state: &State, token: &VerifiedToken<'_>) -> Result<Arc<Session>, Problem> {
    let found = match session_of(state, token).await {
        Err(problem) if !problem.is_unauthorized() => return Err(problem),
        found => found,
    };
    let account = state.accounts.of(token.says.user_id).await?;
    match found {
        Ok(session) => acceptable(session, &account.state),
        Err(_) if account.state.is_deleted() => Err(Problem::user_deleted()),
        Err(problem) => Err(problem),
    }
}

/// The session, if its user's account stands behind it as this node has published it: no session outlives its user or the
/// password that began it, not even one whose end is not committed yet or never will be, or that a node began a moment too
/// late. That the database is asked about an account not in memory happens once, as for a list of tasks.
fn acceptable(session: Arc<Session>, account: &account::State) -> Result<Arc<Session>, Problem> {
    let credential_id = account.profile().map(|profile| profile.credential_id);
    if account.is_deleted() {
        Err(Problem::user_deleted())
    } else if session.credential_id.is_some() && session.credential_id != credential_id {
        Err(SessionError::Ended.into())
    } else {
        Ok(session)
    }
}

async fn session_of(state: &State, token: &VerifiedToken<'_>) -> Result<Arc<Session>, Problem> {
    let session = state.sessions.by_id(token.says.session_id).await?;
    if session.user_id != token.says.user_id {
        return Err(SessionError::Ended.into());
    }
    let session = fresh(state, session).await?;
    token.confirm(state)?;
    Ok(session)
}

/// The session, unless another node knows that it has ended.
async fn fresh(state: &State, session: Arc<Session>) -> Result<Arc<Session>, Problem> {
    match state.freshness.check(session.user_id, session.id).await {
        Ok(true) => Ok(session),
        Ok(false) => Err(SessionError::Ended.into()),
        Err(error) => Err(SessionError::Store(error).into()),
    }
}
