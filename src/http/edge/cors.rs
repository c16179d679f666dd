//! Cross-origin requests: the configured origins may call with credentials. Public documents may be read by every page; other
//! answers by no other page.

use poem::http::{HeaderValue, Method, StatusCode, header};
use poem::{Request, Response};

use crate::http::site::Site;

/// Rule of the origins whose pages may call the API.
#[derive(Debug, Clone)]
pub struct Cors {
    /// Trusted origins, which may call with credentials.
    origins: Vec<String>,
}

/// The origins whose pages may read the answer to a request.
#[derive(Debug)]
pub struct Readers {
    /// The one origin, or all of them (`*`), for `Access-Control-Allow-Origin`.
    origin: HeaderValue,
    /// True for a trusted origin, whose requests may carry cookies; never together with `*`.
    with_credentials: bool,
    /// True if the request only asks for permission, so that no endpoint sees it.
    preflight: bool,
}

const METHODS: &str = "GET, POST, PUT, PATCH, DELETE, OPTIONS";
const REQUEST_HEADERS: &str = "authorization, baggage, content-type, idempotency-key, if-match, if-none-match, last-event-id, \
                               traceparent, tracestate";
const RESPONSE_HEADERS: &str =
    "content-disposition, etag, location, retry-after, traceresponse, www-authenticate";
/// Seconds for which a browser may cache the answer to a preflight.
const MAX_AGE: &str = "600";

/// Public documents, for programs in a browser that verify tokens or show the API's document.
const PUBLIC: [&str; 4] = [
    "/.well-known/jwks.json",
    "/openapi.json",
    "/api/auth/revocations",
    "/api/auth/revocations/stream",
];

impl Cors {
    /// Makes the rule of a site.
    pub fn new(site: &Site) -> Self {
        Self { origins: site.trusted_origins.clone() }
    }

    /// Origins whose pages may read the answer, if any may.
    pub fn readers_of(&self, request: &Request) -> Option<Readers> {
        let origin = request.headers().get(header::ORIGIN);
        let is_trusted = |origin: &&HeaderValue| {
            self.origins.iter().any(|trusted| trusted.as_bytes() == origin.as_bytes())
        };
        let preflight = origin.is_some() && is_preflight(request);
        if let Some(origin) = origin.filter(is_trusted) {
            return Some(Readers { origin: origin.clone(), with_credentials: true, preflight });
        }
        let origin = HeaderValue::from_static("*");
        let readers = Readers { origin, with_credentials: false, preflight };
        PUBLIC.contains(&request.uri().path()).then_some(readers)
    }

    /// Puts the headers on an answer that let pages of these origins read it.
    pub fn finish(&self, response: &mut Response, readers: Option<Readers>) {
        let headers = response.headers_mut();
        if !self.origins.is_empty() {
            headers.append(header::VARY, HeaderValue::from_static("Origin"));
        }
        let Some(Readers { origin, with_credentials, .. }) = readers else { return };
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        if with_credentials {
            let yes = HeaderValue::from_static("true");
            headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, yes);
        }
        let shown = HeaderValue::from_static(RESPONSE_HEADERS);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, shown);
    }
}

impl Readers {
    /// Returns true for a preflight: a browser asks for permission before it sends a page's request.
    pub fn ask_first(&self) -> bool {
        self.preflight
    }

    /// Answers a preflight with permission.
    pub fn allowance(&self) -> Response {
        Response::builder()
            .status(StatusCode::NO_CONTENT)
            .header(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS)
            .header(header::ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS)
            .header(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE)
            .finish()
    }
}

fn is_preflight(request: &Request) -> bool {
    *request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}
