//! Pages as they are sent: their security headers, and the frame around their content.

use askama::Template;
use poem::http::{HeaderName, HeaderValue, StatusCode, header};
use poem::web::Redirect;
use poem::{IntoResponse, Request, Response};

use super::assets;
use crate::authn::cookie;
use crate::base::id::UserId;
use crate::http::response::problem::Problem;
use crate::http::site::Site;

/// Allows only this server's own files, nothing inline, and no text that becomes markup (Trusted Types).
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'; \
                      require-trusted-types-for 'script'; trusted-types 'none'";

/// Lets browsers send the origin of a form (with `no-referrer` they send `null`), and tells other sites nothing.
const REFERRER_POLICY: &str = "same-origin";

/// Frame around the content of a page.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    /// The signed-in user, if any.
    pub(super) visitor: Option<UserId>,
    /// Script of the page.
    pub(super) module: &'static str,
}

impl Frame {
    /// Frame of a page with this module.
    pub(super) fn new(visitor: Option<UserId>, module: &'static str) -> Self {
        Self { visitor, module }
    }

    /// Path of an asset.
    #[expect(clippy::unused_self, reason = "templates call what they have")]
    pub(super) fn asset(&self, name: &str) -> &'static str {
        assets::path(name)
    }

    /// Path of the page's module.
    pub(super) fn script(&self) -> &'static str {
        assets::path(self.module)
    }

    /// Paths of the modules that the page's module imports.
    pub(super) fn preloads(&self) -> Vec<&'static str> {
        assets::needs(self.module).collect()
    }
}

/// Renders a page with status `200`.
pub(super) fn shown(template: &impl Template) -> Result<Response, Problem> {
    respond(StatusCode::OK, template)
}

/// Renders a page with this status.
pub(super) fn respond(status: StatusCode, template: &impl Template) -> Result<Response, Problem> {
    let text = template.render().map_err(|error| Problem::internal(&error))?;
    Ok(Response::builder()
        .status(status)
        .content_type(crate::http::response::problem::PAGE)
        .header(header::CONTENT_SECURITY_POLICY, POLICY)
        .header(header::REFERRER_POLICY, REFERRER_POLICY)
        .body(text))
}

/// Adds a cookie to a response, if there is one to set.
pub(super) fn with_cookie(mut response: Response, cookie: Option<String>) -> Response {
    if let Some(value) = cookie.and_then(|cookie| HeaderValue::try_from(cookie).ok()) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
    response
}

const CLEAR_SITE_DATA: HeaderName = HeaderName::from_static("clear-site-data");

/// Leads a browser that has signed out to the sign-in page, and makes it forget the data it keeps of this site.
pub(super) fn signed_out(site: &Site) -> Response {
    let mut response = with_cookie(lead_to("/login"), Some(cookie::clear(site)));
    let forgotten = HeaderValue::from_static(cookie::CLEAR_SITE_DATA);
    response.headers_mut().insert(CLEAR_SITE_DATA, forgotten);
    response
}

/// Redirects a browser to a path of this site, which it gets (RFC 9110, section 15.4.4).
pub(super) fn lead_to(path: &str) -> Response {
    Redirect::see_other(path).into_response()
}

/// Renders the page of a problem, with its `Retry-After`.
pub(super) fn of_problem(problem: &Problem, page: &impl Template) -> Result<Response, Problem> {
    let mut response = respond(problem.status(), page)?;
    let seconds = problem.header(&header::RETRY_AFTER).map(HeaderValue::try_from);
    if let Some(Ok(seconds)) = seconds {
        response.headers_mut().insert(header::RETRY_AFTER, seconds);
    }
    Ok(response)
}

/// True if the client prefers a page to data, as browsers do.
pub fn is_wanted(request: &Request) -> bool {
    crate::http::header_of(request, &header::ACCEPT)
        .is_some_and(|accepted| accepted.contains("text/html"))
}
