//! Cross-origin requests: the configured origins may call with credentials, nobody else may at all.

use std::sync::Arc;

use poem::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use poem::{Endpoint, Middleware, Request, Response, Result};

use super::Site;

/// Lets pages of the trusted origins call the API.
#[derive(Debug, Clone)]
pub struct Cors {
    origins: Arc<[String]>,
}

/// The endpoint behind it.
#[derive(Debug)]
pub struct CorsEndpoint<E> {
    inner: E,
    origins: Arc<[String]>,
}

const METHODS: &str = "GET, POST, PUT, PATCH, DELETE, OPTIONS";
const REQUEST_HEADERS: &str = "authorization, content-type, if-none-match, traceparent";
const RESPONSE_HEADERS: &str = "etag, location, retry-after, www-authenticate";
/// Seconds a browser may remember the answer to a preflight.
const MAX_AGE: &str = "600";

impl Cors {
    /// The rules for a site.
    pub fn new(site: &Site) -> Self {
        Self { origins: site.trusted_origins.clone().into() }
    }
}

impl<E: Endpoint<Output = Response>> Middleware<E> for Cors {
    type Output = CorsEndpoint<E>;

    fn transform(&self, inner: E) -> CorsEndpoint<E> {
        CorsEndpoint { inner, origins: Arc::clone(&self.origins) }
    }
}

impl<E: Endpoint<Output = Response>> Endpoint for CorsEndpoint<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let trusted = request
            .headers()
            .get(header::ORIGIN)
            .filter(|origin| {
                self.origins.iter().any(|trusted| trusted.as_bytes() == origin.as_bytes())
            })
            .cloned();
        let mut response = match (&trusted, is_preflight(&request)) {
            (Some(_), true) => preflight(),
            (Some(_) | None, _) => self.inner.get_response(request).await,
        };
        if !self.origins.is_empty() {
            response.headers_mut().append(header::VARY, HeaderValue::from_static("Origin"));
        }
        if let Some(origin) = trusted {
            allow(response.headers_mut(), origin);
        }
        Ok(response)
    }
}

fn is_preflight(request: &Request) -> bool {
    *request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

fn preflight() -> Response {
    Response::builder()
        .status(StatusCode::NO_CONTENT)
        .header(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS)
        .header(header::ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS)
        .header(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE)
        .finish()
}

fn allow(headers: &mut HeaderMap, origin: HeaderValue) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    headers
        .insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(RESPONSE_HEADERS));
}
