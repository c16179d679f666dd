//! Pages as they are sent: what browsers may do with one, and what stands around its content.

use askama::Template;
use poem::http::{HeaderName, HeaderValue, StatusCode, header};
use poem::web::Redirect;
use poem::{IntoResponse, Request, Response};

use super::assets;
use crate::authn::cookie;
use crate::base::id::UserId;
use crate::http::response::problem::Problem;
use crate::http::site::Site;

/// Nothing but this server's own files, nothing inline, and no text that becomes markup (Trusted Types).
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'; \
                      require-trusted-types-for 'script'; trusted-types 'none'";

/// Browsers then say in `Origin` where a form comes from (with `no-referrer` they say `null`), and nothing to others.
const REFERRER_POLICY: &str = "same-origin";

/// What stands around the content of a page.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    /// Who looks at it, if they are signed in.
    pub(super) visitor: Option<UserId>,
    /// Its module.
    pub(super) module: &'static str,
}

impl Frame {
    /// The frame of a page with this module for whoever looks at it.
    pub(super) fn new(visitor: Option<UserId>, module: &'static str) -> Self {
        Self { visitor, module }
    }

    /// The path of an asset.
    #[expect(clippy::unused_self, reason = "templates call what they have")]
    pub(super) fn asset(&self, name: &str) -> &'static str {
        assets::path(name)
    }

    /// The path of the page's module.
    pub(super) fn script(&self) -> &'static str {
        assets::path(self.module)
    }

    /// The paths of what its module needs.
    pub(super) fn preloads(&self) -> Vec<&'static str> {
        assets::needs(self.module).collect()
    }
}

/// A page as it is.
pub(super) fn shown(template: &impl Template) -> Result<Response, Problem> {
    respond(StatusCode::OK, template)
}

/// A page with this status.
pub(super) fn respond(status: StatusCode, template: &impl Template) -> Result<Response, Problem> {
    let text = template.render().map_err(|error| Problem::internal(&error))?;
    Ok(Response::builder()
        .status(status)
        .content_type(crate::http::response::problem::PAGE)
        .header(header::CONTENT_SECURITY_POLICY, POLICY)
        .header(header::REFERRER_POLICY, REFERRER_POLICY)
        .body(text))
}

/// The same with a cookie, if there is one to set.
pub(super) fn with_cookie(mut response: Response, cookie: Option<String>) -> Response {
    if let Some(value) = cookie.and_then(|cookie| HeaderValue::try_from(cookie).ok()) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
    response
}

const CLEAR_SITE_DATA: HeaderName = HeaderName::from_static("clear-site-data");

/// Leads a browser that has signed out to where one signs in, and makes it forget what it keeps of this site.
pub(super) fn signed_out(site: &Site) -> Response {
    let mut response = with_cookie(lead_to("/login"), Some(cookie::clear(site)));
    let forgotten = HeaderValue::from_static(cookie::CLEAR_SITE_DATA);
    response.headers_mut().insert(CLEAR_SITE_DATA, forgotten);
    response
}

/// Sends a browser to a path of this site, which it gets (RFC 9110, section 15.4.4).
pub(super) fn lead_to(path: &str) -> Response {
    Redirect::see_other(path).into_response()
}

/// A page that says what went wrong; when it is worth trying again stands in its header.
pub(super) fn of_problem(problem: &Problem, page: &impl Template) -> Result<Response, Problem> {
    let mut response = respond(problem.status(), page)?;
    let seconds = problem.header(&header::RETRY_AFTER).map(HeaderValue::try_from);
    if let Some(Ok(seconds)) = seconds {
        response.headers_mut().insert(header::RETRY_AFTER, seconds);
    }
    Ok(response)
}

/// Whether whoever asks would rather have a page than data: a browser would.
pub fn is_wanted(request: &Request) -> bool {
    crate::http::header_of(request, &header::ACCEPT)
        .is_some_and(|accepted| accepted.contains("text/html"))
}
