//! Compressed answers (RFC 9110, section 8.4), for clients that accept gzip.
//!
//! Pages and data of some length are compressed as they are sent, with the least effort: 137 kB of a page become 9 kB in about
//! a millisecond. An answer longer than [`MOST`] is sent as it is: compressing it would hold up other requests, or need a
//! permit of its own.
//!
//! An answer that holds a secret beside a text that an attacker can choose is not compressed: its length would leak the secret
//! (BREACH). That is every answer about accounts and sessions.
//!
//! The compressed bytes differ, so their entity tag does too (section 8.8.3.3): the tag with `-gzip` at its end, which counts
//! as the tag wherever a client sends it back.

use std::io::Write as _;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http_body_util::combinators::BoxBody;
use hyper::body::Body as _;
use poem::http::{HeaderValue, StatusCode, header};
use poem::{Body, Request, Response};

use super::etag;
use crate::http::header_of;
use crate::http::request::accept;

/// Bytes below which an answer fits into a packet or two as it is.
const LEAST: usize = 1_400;
/// Bytes above which compressing takes too long.
const MOST: usize = 256 * 1024;

/// Media types of pages and data.
const TYPES: [&str; 3] = ["text/html", "application/json", "application/problem+json"];

/// Paths whose answers may hold secrets.
const SECRET: [&str; 6] = ["/api/auth/", "/signup", "/login", "/signout", "/account", "/metrics"];

/// True when `Accept-Encoding` names gzip with a weight above 0.
pub(crate) fn is_accepted(request: &Request) -> bool {
    let accepted = header_of(request, &header::ACCEPT_ENCODING).unwrap_or_default();
    accept::weight(accepted, &["gzip", "*"]) > 0.0
}

/// True when the answer to a request may be compressed.
pub(crate) fn is_wanted(request: &Request) -> bool {
    let path = request.uri().path();
    is_accepted(request) && !SECRET.iter().any(|secret| path.starts_with(secret))
}

/// Compresses bytes; none if that fails.
pub(crate) fn gzipped(bytes: &[u8], effort: Compression) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 4), effort);
    encoder.write_all(bytes).ok()?;
    encoder.finish().ok().map(Bytes::from)
}

/// Compresses an answer, if that is worth it.
pub(crate) async fn compressed(mut response: Response) -> Response {
    let is_whole = response.status() != StatusCode::NOT_MODIFIED
        && !response.headers().contains_key(header::CONTENT_ENCODING);
    if !is_whole || !is_of_type(&response) {
        return response;
    }
    let body: BoxBody<Bytes, std::io::Error> = response.take_body().into();
    let size = body.size_hint().exact().and_then(|size| usize::try_from(size).ok());
    if !size.is_some_and(|size| (LEAST..=MOST).contains(&size)) {
        response.set_body(body);
        return response;
    }
    // All bytes of an answer of known length are in memory already.
    let Ok(bytes) = Body::from(body).into_bytes().await else {
        return super::problem::Problem::unexpected().to_response();
    };
    response.headers_mut().append(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    match gzipped(&bytes, Compression::fast()).filter(|gzipped| gzipped.len() < bytes.len()) {
        Some(gzipped) => {
            let headers = response.headers_mut();
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            headers.remove(header::CONTENT_LENGTH);
            if let Some(tag) = headers.get(header::ETAG).and_then(etag::of_gzipped) {
                headers.insert(header::ETAG, tag);
            }
            response.set_body(gzipped);
        }
        None => response.set_body(bytes),
    }
    response
}

fn is_of_type(response: &Response) -> bool {
    let content_type = response.headers().get(header::CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok()).unwrap_or_default();
    TYPES.iter().any(|known| content_type.starts_with(known))
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::GzDecoder;

    use super::*;

    fn answer(content_type: &str, body: &str) -> Response {
        Response::builder()
            .content_type(content_type)
            .header(header::ETAG, "\"7.Zk3x_9Qa\"")
            .body(body.to_owned())
    }

    fn headers(response: &Response) -> [Option<&str>; 3] {
        [header::CONTENT_ENCODING, header::ETAG, header::VARY]
            .map(|name| response.headers().get(name).map(|value| value.to_str().unwrap()))
    }

    #[tokio::test]
    async fn a_page_of_some_length_is_compressed_and_has_a_tag_of_its_own() {
        let text = "<li>Milk</li>".repeat(1_000);
        let response = compressed(answer("text/html; charset=utf-8", &text)).await;
        let expected = [Some("gzip"), Some("\"7.Zk3x_9Qa-gzip\""), Some("Accept-Encoding")];
        assert_eq!(headers(&response), expected);
        let bytes = response.into_body().into_bytes().await.unwrap();
        assert!(bytes.len() < text.len() / 20, "{}", bytes.len());
        let mut read = String::new();
        GzDecoder::new(&*bytes).read_to_string(&mut read).unwrap();
        assert_eq!(read, text);
    }

    #[tokio::test]
    async fn what_is_short_too_long_or_of_another_type_is_sent_as_it_is() {
        let long = "x".repeat(MOST + 1);
        for (content_type, body) in [
            ("text/html", "short"),
            ("application/json", &long),
            ("text/csv", &long[..LEAST]),
            ("text/event-stream", &long[..LEAST]),
        ] {
            let response = compressed(answer(content_type, body)).await;
            assert_eq!(headers(&response), [None, Some("\"7.Zk3x_9Qa\""), None], "{content_type}");
            assert_eq!(response.into_body().into_string().await.unwrap(), body);
        }
    }

    #[test]
    fn nothing_that_may_hold_a_secret_is_compressed() {
        let wanted = |path: &'static str, accepted: &str| {
            is_wanted(
                &Request::builder().uri_str(path).header("accept-encoding", accepted).finish(),
            )
        };
        for path in ["/api/7/tasks", "/tasks/7", "/openapi.json", "/"] {
            assert!(wanted(path, "br, gzip"), "{path}");
            assert!(!wanted(path, "gzip;q=0, br") && !wanted(path, ""), "{path}");
        }
        for path in ["/api/auth/signin", "/api/auth/token", "/account", "/login", "/signup"] {
            assert!(!wanted(path, "gzip"), "{path}");
        }
    }
}
