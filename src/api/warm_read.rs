//! Fast lane: the two reads that are most of a server's work, without the typed layer of the API.
//!
//! These are a user's list without any parameter, and the current session. The typed layer would look for a dozen
//! parameters that the request does not have, and box a future per layer, which takes longer than the answer itself.
//! Authentication and answers are the same, by the same functions; a request with anything more to it (another method, a
//! query, an escaped path) takes the typed layer.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use poem::http::Method;
use poem::{IntoResponse, Request, Response, Result};

use super::auth::session::current_session;
use super::auth::session_cache::SessionCache;
use super::tasks::read::list::page;
use super::tasks::request::OwnerRequest;
use crate::authn::caller::{Owner, SignedIn};
use crate::tasks::listing::Query;

/// A read that the fast lane answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WarmRead {
    /// `GET /api/{user_id}/tasks` without a query.
    Tasks,
    /// `GET /api/auth/session` without a query.
    Session,
}

impl WarmRead {
    /// Read that a request asks for, if the fast lane answers it.
    pub fn of(request: &Request) -> Option<Self> {
        let uri = request.uri();
        if *request.method() != Method::GET || uri.query().is_some() {
            return None;
        }
        match uri.path() {
            "/api/auth/session" => Some(Self::Session),
            path => user_of(path).map(|_| Self::Tasks),
        }
    }

    /// Answers without the typed layer.
    pub fn answer(self, cache: &SessionCache, request: Request) -> BoxFuture<'_, Result<Response>> {
        match self {
            Self::Tasks => list(request).boxed(),
            Self::Session => session(cache, request).boxed(),
        }
    }
}

/// User whose list a path names, in its text form.
fn user_of(path: &str) -> Option<&str> {
    let user = path.strip_prefix("/api/")?.strip_suffix("/tasks")?;
    let is_plain = !user.is_empty() && !user.contains(['/', '%']);
    is_plain.then_some(user)
}

async fn list(request: Request) -> Result<Response> {
    let user = user_of(request.uri().path()).unwrap_or_default();
    let owner = Owner::named(&request, user).await?;
    let request = OwnerRequest::new(owner, &request)?;
    Ok(page(&request, Query::default(), None).await?.into_response())
}

async fn session(cache: &SessionCache, request: Request) -> Result<Response> {
    let caller = SignedIn::of(&request).await?;
    Ok(current_session(cache, caller, &request).await?.into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(method: Method, uri: &str) -> Option<WarmRead> {
        WarmRead::of(&Request::builder().method(method).uri_str(uri).finish())
    }

    #[test]
    fn only_a_plain_get_takes_the_fast_lane() {
        assert_eq!(read(Method::GET, "/api/auth/session"), Some(WarmRead::Session));
        assert_eq!(read(Method::GET, "/api/7/tasks"), Some(WarmRead::Tasks));
        for (method, uri) in [
            (Method::HEAD, "/api/7/tasks"),
            (Method::POST, "/api/7/tasks"),
            (Method::GET, "/api/7/tasks?limit=1"),
            (Method::GET, "/api/7/tasks?"),
            (Method::GET, "/api/%37/tasks"),
            (Method::GET, "/api/7/8/tasks"),
            (Method::GET, "/api//tasks"),
            (Method::GET, "/api/tasks"),
            (Method::GET, "/api/7/tasks/"),
            (Method::GET, "/api/auth/session?"),
            (Method::POST, "/api/auth/session"),
        ] {
            assert_eq!(read(method.clone(), uri), None, "{method} {uri}");
        }
    }
}
