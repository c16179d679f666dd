//! Bytes that do not change while the server runs: with an entity tag, and compressed for clients that accept that.

use std::sync::OnceLock;

use bytes::Bytes;
use flate2::Compression;
use poem::http::{Method, StatusCode, header};
use poem::{Body, Endpoint, IntoResponse, Request, Response, Result};

use crate::http::header_of;
use crate::http::response::{compressed, etag};

/// Media types of styles and scripts.
pub(super) const STYLE: &str = "text/css; charset=utf-8";
pub(super) const SCRIPT: &str = "text/javascript; charset=utf-8";

/// Bytes of a media type. They are made on the first request, so that assets that are never opened take no memory.
pub(super) struct Asset {
    /// Media type of the response.
    content_type: &'static str,
    /// `Cache-Control` of the response.
    cache: &'static str,
    /// Content security policy, for assets that are pages.
    policy: Option<&'static str>,
    /// Makes the bytes, once.
    make: Box<dyn Fn() -> Bytes + Send + Sync>,
    /// Bytes with their tag and compressed form, from the first request on.
    content: OnceLock<AssetBytes>,
}

/// Bytes as they are sent.
struct AssetBytes {
    /// Uncompressed form, for clients that do not accept gzip.
    bytes: Bytes,
    /// Compressed form; `None` if compression does not make it smaller.
    gzipped: Option<Bytes>,
    /// Strong entity tag of the uncompressed form.
    etag: String,
}

impl Asset {
    /// An asset whose bytes are made by `make`, and cached by clients as `cache` says.
    pub(super) fn new(
        content_type: &'static str,
        cache: &'static str,
        make: impl Fn() -> Bytes + Send + Sync + 'static,
    ) -> Self {
        Self { content_type, cache, policy: None, make: Box::new(make), content: OnceLock::new() }
    }

    /// Sets a content security policy of its own.
    pub(super) fn with_policy(self, policy: &'static str) -> Self {
        Self { policy: Some(policy), ..self }
    }

    /// Bytes that are sent to a browser.
    #[cfg(test)]
    pub(super) fn sent_bytes(&self) -> usize {
        let AssetBytes { bytes, gzipped, .. } = self.content();
        gzipped.as_ref().unwrap_or(bytes).len()
    }

    fn content(&self) -> &AssetBytes {
        self.content.get_or_init(|| {
            let bytes = (self.make)();
            let gzipped = compressed::gzipped(&bytes, Compression::best())
                .filter(|gzipped| gzipped.len() < bytes.len());
            AssetBytes { etag: etag::of(&bytes), gzipped, bytes }
        })
    }

    /// Answers a request, perhaps with `304` or compressed.
    pub(super) fn answer(&self, request: &Request) -> Response {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return StatusCode::METHOD_NOT_ALLOWED.into_response();
        }
        let AssetBytes { bytes, gzipped, etag } = self.content();
        let gzipped = gzipped.as_ref().filter(|_| compressed::is_accepted(request));
        let known = header_of(request, &header::IF_NONE_MATCH)
            .is_some_and(|tags| etag::matches(tags, etag));
        // The compressed bytes differ from the tagged ones in form only, which a weak tag expresses.
        let etag = if gzipped.is_some() { format!("W/{etag}") } else { etag.clone() };
        let mut response = Response::builder()
            .content_type(self.content_type)
            .header(header::ETAG, etag)
            .header(header::VARY, "Accept-Encoding")
            .header(header::CACHE_CONTROL, self.cache);
        if let Some(policy) = self.policy {
            response = response.header(header::CONTENT_SECURITY_POLICY, policy);
        }
        match gzipped {
            _ if known => response.status(StatusCode::NOT_MODIFIED).finish(),
            Some(gzipped) => response
                .header(header::CONTENT_ENCODING, "gzip")
                .body(Body::from_bytes(gzipped.clone())),
            None => response.body(Body::from_bytes(bytes.clone())),
        }
    }
}

impl Endpoint for Asset {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        Ok(self.answer(&request))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::GzDecoder;

    use super::*;

    const TEXT: &str = "the same text, the same text, the same text, the same text";

    fn asset() -> Asset {
        Asset::new("text/plain", "no-cache", || TEXT.into())
    }

    fn asked(name: header::HeaderName, value: &str) -> Response {
        asset().answer(&Request::builder().header(name, value).finish())
    }

    fn header_of_answer(response: &Response, name: &header::HeaderName) -> String {
        response.headers().get(name).map_or("", |value| value.to_str().unwrap()).to_owned()
    }

    #[tokio::test]
    async fn who_takes_gzip_gets_it_and_can_read_it() {
        for accepted in ["gzip", "br;q=1.0, GZIP;q=0.2", "gzip, deflate, br, zstd"] {
            let response = asked(header::ACCEPT_ENCODING, accepted);
            assert_eq!(
                header_of_answer(&response, &header::CONTENT_ENCODING),
                "gzip",
                "{accepted}"
            );
            assert!(header_of_answer(&response, &header::ETAG).starts_with("W/\""));
            let body = response.into_body().into_bytes().await.unwrap();
            let mut text = String::new();
            GzDecoder::new(&*body).read_to_string(&mut text).unwrap();
            assert_eq!(text, TEXT);
        }
    }

    #[tokio::test]
    async fn who_does_not_take_gzip_gets_the_bytes_as_they_are() {
        for accepted in ["", "br", "gzip;q=0", "gzipped", "identity;q=1, gzip; q=0.0"] {
            let response = asked(header::ACCEPT_ENCODING, accepted);
            assert_eq!(header_of_answer(&response, &header::CONTENT_ENCODING), "", "{accepted}");
            assert_eq!(header_of_answer(&response, &header::VARY), "Accept-Encoding");
            assert_eq!(response.into_body().into_string().await.unwrap(), TEXT);
        }
    }

    #[tokio::test]
    async fn what_a_browser_has_is_not_sent_again_compressed_or_not() {
        let tag = header_of_answer(&asked(header::ACCEPT_ENCODING, ""), &header::ETAG);
        for known in [tag.clone(), format!("W/{tag}")] {
            let response = asked(header::IF_NONE_MATCH, &known);
            assert_eq!(response.status(), StatusCode::NOT_MODIFIED);
            assert_eq!(response.into_body().into_string().await.unwrap(), "");
        }
    }

    #[test]
    fn an_asset_is_only_read() {
        let request = Request::builder().method(Method::POST).finish();
        assert_eq!(asset().answer(&request).status(), StatusCode::METHOD_NOT_ALLOWED);
    }
}
