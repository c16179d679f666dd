//! Who calls: the first argument of every endpoint that needs to know.
//!
//! Possession of one of these types proves the check. They are extracted before anything else of the request is parsed,
//! so nobody learns anything, not even that their input is invalid, from a resource that is not theirs.
//!
//! A node that does not follow the log answers nobody here: it cannot know who signed out elsewhere.

use std::sync::Arc;

use poem::http::{Method, header};
use poem::{Request, RequestBody};
use poem_openapi::registry::{MetaSecurityScheme, Registry};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use super::problem::Problem;
use super::{State, cookie, trace};
use crate::eventlog::Context;
use crate::id::{SessionId, UserId};
use crate::keys::Keys;
use crate::keys::access_token::{Claims, TokenError};
use crate::sessions::SessionError;
use crate::sessions::table::Session;
use crate::sessions::token::SessionToken;

/// A JWT from sign up, sign in or `GET /api/auth/token`.
const ACCESS_TOKEN: &str = "accessToken";
/// The opaque token of a session.
const SESSION_TOKEN: &str = "sessionToken";
/// The same in a cookie.
const SESSION_COOKIE: &str = "sessionCookie";

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
pub struct SignedIn(pub Arc<Session>);

/// Somebody with a live session, proven by its cookie or its token: what may be exchanged for new access tokens.
#[derive(Debug, Clone)]
pub struct SessionHolder(pub Arc<Session>);

/// Somebody who may have a session; a credential that is dead or none at all is fine.
#[derive(Debug, Clone)]
pub struct MaybeSignedIn(pub Option<Arc<Session>>);

/// What a request presents.
enum Credential {
    AccessToken(Box<Claims>),
    SessionToken(SessionToken),
}

impl Owner {
    async fn of(request: &Request) -> Result<Self, Problem> {
        let state = following(request)?;
        let token = bearer(request).ok_or_else(Problem::unauthenticated)?;
        let claims = state.keys.verify(token)?;
        if request.raw_path_param("param0") != Some(claims.sub.to_string().as_str()) {
            return Err(Problem::forbidden("NOT_YOURS", "This belongs to another user"));
        }
        let session = live_session(state, &claims).await?;
        Ok(Self { user_id: claims.sub, session_id: session.id })
    }

    /// The context of what they do.
    pub fn context(&self, request: &Request) -> Context {
        Context {
            user_id: Some(self.user_id),
            session_id: Some(self.session_id),
            ..context(request)
        }
    }
}

impl SignedIn {
    async fn of(request: &Request) -> Result<Self, Problem> {
        let state = following(request)?;
        first_live(state, Presented::by(request, state)?.verified()).await.map(Self)
    }
}

impl SessionHolder {
    async fn of(request: &Request) -> Result<Self, Problem> {
        let state = following(request)?;
        let tokens = Presented::by(request, state)?.verified().into_iter().map(|credential| match credential {
            Ok(Credential::AccessToken(_)) => Err(Problem::invalid_token(
                "SESSION_REQUIRED",
                "an access token cannot be exchanged for another one, send the session token or its cookie",
            )),
            credential => credential,
        });
        first_live(state, tokens.collect()).await.map(Self)
    }
}

impl MaybeSignedIn {
    /// An access token that has expired still names the session to end. Only a credential that nobody can judge for the
    /// moment is a failure.
    async fn of(request: &Request) -> Result<Self, Problem> {
        let state = following(request)?;
        match first_live(state, Presented::by(request, state)?.verified_whenever()).await {
            Ok(session) => Ok(Self(Some(session))),
            Err(problem) if problem.is_unauthorized() => Ok(Self(None)),
            Err(problem) => Err(problem),
        }
    }
}

/// Where a request comes from and in which trace, without saying who sent it.
pub fn context(request: &Request) -> Context {
    let client_address =
        request.remote_addr().as_socket_addr().map(|address| address.ip().to_string());
    Context { client_address, trace_id: Some(trace::current_id()), ..Context::default() }
}

/// What the client says of itself, cut to a sane length.
pub fn user_agent(request: &Request) -> Option<String> {
    request.header(header::USER_AGENT).map(|agent| agent.chars().take(256).collect())
}

/// What every endpoint reaches.
///
/// # Errors
///
/// When the application was put together without it, which its tests exclude.
pub fn state(request: &Request) -> Result<&State, Problem> {
    request
        .data::<Arc<State>>()
        .map(|state| &**state)
        .ok_or_else(|| Problem::internal(&"the application has no state"))
}

/// The same, if this node may answer: one that does not follow the log may not.
///
/// # Errors
///
/// While the node does not know what others changed.
pub fn following(request: &Request) -> Result<&State, Problem> {
    let state = state(request)?;
    if state.follower.is_following() { Ok(state) } else { Err(Problem::unavailable()) }
}

/// The bearer token (RFC 6750, section 2.1); the scheme's case does not matter.
fn bearer(request: &Request) -> Option<&str> {
    let value = request.header(header::AUTHORIZATION)?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// What a request presents. A browser may send a cookie beside a bearer token that is no good any more.
struct Presented<'a> {
    keys: &'a Keys,
    bearer: Option<&'a str>,
    cookie: Option<SessionToken>,
}

impl<'a> Presented<'a> {
    /// A cookie counts for a change only if the request comes from a page of this site or a trusted one, because
    /// browsers send cookies with everybody's requests.
    fn by(request: &'a Request, state: &'a State) -> Result<Self, Problem> {
        let cookie = cookie::read(request, &state.site);
        let changes = !matches!(*request.method(), Method::GET | Method::HEAD);
        if cookie.is_some() && changes && !same_site(request, state) {
            let message = "Requests with a cookie are not accepted from this origin";
            return Err(Problem::forbidden("UNTRUSTED_ORIGIN", message));
        }
        Ok(Self { keys: &state.keys, bearer: bearer(request), cookie })
    }

    /// The bearer token first, then the cookie.
    fn verified(self) -> Vec<Result<Credential, Problem>> {
        self.verified_by(Keys::verify)
    }

    /// The same, with access tokens that have expired.
    fn verified_whenever(self) -> Vec<Result<Credential, Problem>> {
        self.verified_by(Keys::verify_whenever)
    }

    fn verified_by(
        self,
        verify: fn(&Keys, &str) -> Result<Claims, TokenError>,
    ) -> Vec<Result<Credential, Problem>> {
        let bearer = self.bearer.map(|token| match SessionToken::parse(token) {
            Some(token) => Ok(Credential::SessionToken(token)),
            None => Ok(Credential::AccessToken(Box::new(verify(self.keys, token)?))),
        });
        let cookie = self.cookie.map(|token| Ok(Credential::SessionToken(token)));
        bearer.into_iter().chain(cookie).collect()
    }
}

/// The first live session among the credentials. Without any, the reason the first one was refused for.
async fn first_live(
    state: &State,
    credentials: Vec<Result<Credential, Problem>>,
) -> Result<Arc<Session>, Problem> {
    let mut refusal = None;
    for credential in credentials {
        let found = match credential {
            Ok(credential) => session(state, credential).await,
            Err(problem) => Err(problem),
        };
        match found {
            Ok(session) => return Ok(session),
            Err(problem) if problem.is_unauthorized() => refusal = refusal.or(Some(problem)),
            Err(problem) => return Err(problem),
        }
    }
    Err(refusal.unwrap_or_else(Problem::unauthenticated))
}

/// Whether the page that sent the request may act for the user. Requests without `Origin` come from no browser page.
fn same_site(request: &Request, state: &State) -> bool {
    let Some(origin) = request.header(header::ORIGIN) else { return true };
    let host = request.header(header::HOST).unwrap_or_default();
    let site = &state.site;
    let of_this_host = origin.split_once("://").is_some_and(|(scheme, authority)| {
        authority == host && (scheme == "https" || !site.secure)
    });
    of_this_host
        || origin == site.origin
        || site.trusted_origins.iter().any(|trusted| trusted == origin)
}

async fn session(state: &State, credential: Credential) -> Result<Arc<Session>, Problem> {
    match credential {
        Credential::SessionToken(token) => {
            fresh(state, state.sessions.by_token(&token).await?).await
        }
        Credential::AccessToken(claims) => live_session(state, &claims).await,
    }
}

/// The session an access token was issued for.
async fn live_session(state: &State, claims: &Claims) -> Result<Arc<Session>, Problem> {
    let session = state.sessions.by_id(claims.sid).await?;
    if session.user_id == claims.sub {
        fresh(state, session).await
    } else {
        Err(SessionError::Ended.into())
    }
}

/// The session, unless another node knows that it has ended.
async fn fresh(state: &State, session: Arc<Session>) -> Result<Arc<Session>, Problem> {
    match state.freshness.check(session.user_id, session.id).await {
        Ok(true) => Ok(session),
        Ok(false) => Err(SessionError::Ended.into()),
        Err(error) => Err(SessionError::Store(error).into()),
    }
}

fn register(registry: &mut Registry, scheme: &'static str) {
    let bearer = |format, description| MetaSecurityScheme {
        ty: "http",
        description: Some(description),
        name: None,
        key_in: None,
        scheme: Some("bearer"),
        bearer_format: Some(format),
        flows: None,
        openid_connect_url: None,
    };
    let meta = match scheme {
        ACCESS_TOKEN => {
            bearer("JWT", "The access token from sign up, sign in or `GET /api/auth/token`: a JWT.")
        }
        SESSION_TOKEN => {
            bearer("opaque", "The session token from sign up or sign in (`session.token`).")
        }
        _ => MetaSecurityScheme {
            ty: "apiKey",
            name: Some(cookie::NAME),
            key_in: Some("cookie"),
            scheme: None,
            bearer_format: None,
            ..bearer(
                "",
                "The session token in the cookie that sign up and sign in set. Its name begins with \
                          `__Secure-` where the server's public URL is https.",
            )
        },
    };
    registry.create_security_scheme(scheme, meta);
}

/// Makes a type an extractor that proves something about the caller.
macro_rules! proves {
    ($type:ident, optional: $optional:literal, $($scheme:expr),+) => {
        impl<'a> ApiExtractor<'a> for $type {
            const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];

            type ParamType = ();
            type ParamRawType = ();

            fn register(registry: &mut Registry) {
                $(register(registry, $scheme);)+
            }

            fn security_schemes() -> Vec<&'static str> {
                vec![$($scheme),+]
            }

            fn has_security_fallback() -> bool {
                $optional
            }

            async fn from_request(
                request: &'a Request,
                _body: &mut RequestBody,
                _options: ExtractParamOptions<()>,
            ) -> poem::Result<Self> {
                Ok(Self::of(request).await?)
            }
        }
    };
}

proves!(Owner, optional: false, ACCESS_TOKEN);
proves!(SignedIn, optional: false, SESSION_COOKIE, SESSION_TOKEN, ACCESS_TOKEN);
proves!(SessionHolder, optional: false, SESSION_COOKIE, SESSION_TOKEN);
proves!(MaybeSignedIn, optional: true, SESSION_COOKIE, SESSION_TOKEN, ACCESS_TOKEN);
