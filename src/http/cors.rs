//! Cross-origin requests: the configured origins may call with credentials, nobody else may at all.

use poem::http::{HeaderValue, Method, StatusCode, header};
use poem::{Request, Response};

use super::Site;

/// The origins whose pages may call the API.
#[derive(Debug, Clone)]
pub struct Cors {
    origins: Vec<String>,
}

/// A trusted origin that a request comes from.
#[derive(Debug)]
pub struct TrustedOrigin {
    origin: HeaderValue,
    preflight: bool,
}

const METHODS: &str = "GET, POST, PUT, PATCH, DELETE, OPTIONS";
const REQUEST_HEADERS: &str = "authorization, content-type, idempotency-key, if-match, if-none-match, last-event-id, traceparent";
const RESPONSE_HEADERS: &str =
    "content-disposition, etag, location, retry-after, traceresponse, www-authenticate";
/// Seconds a browser may remember the answer to a preflight.
const MAX_AGE: &str = "600";

impl Cors {
    /// The rules for a site.
    pub fn new(site: &Site) -> Self {
        Self { origins: site.trusted_origins.clone() }
    }

    /// The trusted origin that the request comes from, if any.
    pub fn origin_of(&self, request: &Request) -> Option<TrustedOrigin> {
        let origin = request.headers().get(header::ORIGIN)?;
        let is_trusted = self.origins.iter().any(|trusted| trusted.as_bytes() == origin.as_bytes());
        is_trusted
            .then(|| TrustedOrigin { origin: origin.clone(), preflight: is_preflight(request) })
    }

    /// Says in an answer who may read it.
    pub fn finish(&self, response: &mut Response, origin: Option<TrustedOrigin>) {
        let headers = response.headers_mut();
        if !self.origins.is_empty() {
            headers.append(header::VARY, HeaderValue::from_static("Origin"));
        }
        if let Some(TrustedOrigin { origin, .. }) = origin {
            let (yes, shown) = ("true", RESPONSE_HEADERS);
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static(yes));
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(shown));
        }
    }
}

impl TrustedOrigin {
    /// Whether a browser asks if it may, before it sends what a page wants (a preflight).
    pub fn asks_first(&self) -> bool {
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
