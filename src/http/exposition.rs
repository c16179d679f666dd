//! The metrics as Prometheus reads them, without authentication and without the one error body. At an address of its own, a
//! scrape changes nothing that is measured.

use poem::http::{HeaderValue, Method, StatusCode, header};
use poem::{Body, Endpoint, Request, Response, endpoint};

use crate::telemetry::{Exposition, TEXT_FORMAT, exposition};

/// Path of the metrics, where Prometheus expects them.
pub const PATH: &str = "/metrics";

/// Makes an endpoint that serves the metrics and nothing else.
pub fn endpoint() -> impl Endpoint<Output = Response> + 'static {
    endpoint::make_sync(|request: Request| answer(&request))
}

/// Answers with the metrics.
pub fn answer(request: &Request) -> Response {
    if request.uri().path() != PATH {
        return status(StatusCode::NOT_FOUND);
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let allowed = HeaderValue::from_static("GET, HEAD");
        return with(status(StatusCode::METHOD_NOT_ALLOWED), header::ALLOW, allowed);
    }
    match exposition().map(Exposition::text) {
        Some(Ok(text)) => {
            let format = HeaderValue::from_static(TEXT_FORMAT);
            let body = Body::from(text);
            with(Response::builder().body(body), header::CONTENT_TYPE, format)
        }
        Some(Err(error)) => {
            tracing::error!(%error, "failed to encode the metrics");
            status(StatusCode::INTERNAL_SERVER_ERROR)
        }
        // Nothing is measured in this process.
        None => status(StatusCode::NOT_FOUND),
    }
}

fn status(status: StatusCode) -> Response {
    Response::builder().status(status).finish()
}

fn with(mut response: Response, name: header::HeaderName, value: HeaderValue) -> Response {
    response.headers_mut().insert(name, value);
    response
}
