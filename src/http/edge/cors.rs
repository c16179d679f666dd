//! Cross-origin requests: the configured origins may call with credentials. What is for everybody may be read by every page,
//! and nothing else by any other.

use poem::http::{HeaderValue, Method, StatusCode, header};
use poem::{Request, Response};

use crate::http::site::Site;

/// The origins whose pages may call the API.
#[derive(Debug, Clone)]
pub struct Cors {
    origins: Vec<String>,
}

/// The origins whose pages may read the answer to a request.
#[derive(Debug)]
pub struct Readers {
    /// One origin, or all of them (`*`).
    origin: HeaderValue,
    with_credentials: bool,
    preflight: bool,
}

const METHODS: &str = "GET, POST, PUT, PATCH, DELETE, OPTIONS";
const REQUEST_HEADERS: &str = "authorization, baggage, content-type, idempotency-key, if-match, if-none-match, last-event-id, \
                               traceparent, tracestate";
const RESPONSE_HEADERS: &str =
    "content-disposition, etag, location, retry-after, traceresponse, www-authenticate";
/// Seconds a browser may remember the answer to a preflight.
const MAX_AGE: &str = "600";

/// Public documents: for whoever verifies tokens in a browser, or draws the document there.
const PUBLIC: [&str; 4] = [
    "/.well-known/jwks.json",
    "/openapi.json",
    "/api/auth/revocations",
    "/api/auth/revocations/stream",
];

impl Cors {
    /// The rules for a site.
    pub fn new(site: &Site) -> Self {
        Self { origins: site.trusted_origins.clone() }
    }

    /// The origins whose pages may read the answer, if any may.
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

    /// Says in an answer who may read it.
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
    /// Whether a browser asks if it may, before it sends what a page wants (a preflight).
    pub fn ask_first(&self) -> bool {
        self.preflight
    }

    /// It may.
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
