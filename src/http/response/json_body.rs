//! JSON as the body of an answer.

use bytes::Bytes;
use poem::Response;
use poem::http::{HeaderValue, header};

/// Media type of bodies.
pub const CONTENT_TYPE: &str = "application/json";

/// Makes an answer with a JSON body.
pub(crate) fn respond(body: Bytes) -> Response {
    let mut response = Response::from(body);
    let content_type = HeaderValue::from_static(CONTENT_TYPE);
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}
