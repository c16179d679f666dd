//! The credentials of a request: a bearer token and the tokens of session cookies, as they were sent.

use poem::Request;
use poem::http::{Method, header};

use super::cookie;
use crate::http::header_of;
use crate::http::response::problem::Problem;
use crate::http::response::problem::codes;
use crate::http::response::problem::field_problem::Flaw;
use crate::http::site::{Sender, Site};
use crate::sessions::token::SessionToken;

/// A credential as it was sent, not checked yet.
#[derive(Debug)]
pub(crate) enum Credential<'a> {
    /// Access token: a bearer token that has not the form of a session token.
    AccessToken(&'a str),
    /// Session token, from a cookie or as a bearer token.
    SessionToken(SessionToken),
}

/// All credentials of a request, in the order in which they are tried: the bearer token first, which a program chose to send.
/// All cookies are kept, because a browser may send a stale one before a good one.
pub(crate) struct Credentials<'a> {
    /// Bearer token, of either kind, which its form tells.
    bearer: Option<&'a str>,
    /// Session tokens of the cookies; none if a foreign page sends them with a change.
    cookies: Vec<SessionToken>,
}

impl<'a> Credentials<'a> {
    /// Reads the credentials that count for this request. A cookie counts for a change only if the request comes from a page of
    /// this site or a trusted one, because browsers send cookies with requests of every page.
    ///
    /// # Errors
    ///
    /// Fails with `400` for two `Authorization` headers, `403` for a change with nothing but a cookie from a foreign page.
    pub(crate) fn of(request: &'a Request, site: &Site) -> Result<Self, Problem> {
        let bearer = bearer(request)?;
        let mut cookies = cookie::read(request, site);
        let changes = !matches!(*request.method(), Method::GET | Method::HEAD);
        let distrusted = !cookies.is_empty() && changes && !is_trusted(request, site);
        if distrusted && bearer.is_none() {
            let message = "Requests with a cookie are not accepted from this origin";
            return Err(Problem::forbidden(codes::UNTRUSTED_ORIGIN, message));
        }
        if distrusted {
            cookies.clear();
        }
        Ok(Self { bearer, cookies })
    }

    /// Reads the cookies alone, by the rule for a change.
    pub(crate) fn of_cookies(request: &'a Request, site: &Site) -> Self {
        let is_trusted = is_trusted(request, site);
        let cookies = if is_trusted { cookie::read(request, site) } else { Vec::new() };
        Self { bearer: None, cookies }
    }

    /// Returns each credential, in the order in which they are tried.
    pub(crate) fn each(self) -> impl Iterator<Item = Credential<'a>> + Send + use<'a> {
        let bearer = self.bearer.map(|token| match SessionToken::parse(token) {
            Some(token) => Credential::SessionToken(token),
            None => Credential::AccessToken(token),
        });
        bearer.into_iter().chain(self.cookies.into_iter().map(Credential::SessionToken))
    }
}

/// Reads the bearer token (RFC 6750, section 2.1); the scheme's case does not matter.
///
/// # Errors
///
/// If there are two headers, of which either could be meant (RFC 9110, section 5.3).
pub(super) fn bearer(request: &Request) -> Result<Option<&str>, Problem> {
    if request.headers().get_all(header::AUTHORIZATION).iter().nth(1).is_some() {
        let message = "is given more than once";
        return Err(Problem::field("Authorization", Flaw::Duplicate, message));
    }
    let value = header_of(request, &header::AUTHORIZATION);
    let parts = value.and_then(|value| value.split_once(' '));
    let is_bearer = |(scheme, _): &(&str, &str)| scheme.eq_ignore_ascii_case("bearer");
    Ok(parts.filter(is_bearer).map(|(_, token)| token.trim()))
}

/// Returns true if a cookie counts for a change: no page of another site has the browser send it.
fn is_trusted(request: &Request, site: &Site) -> bool {
    site.sender(request) != Sender::Other
}
