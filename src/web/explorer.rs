//! The API explorer: Swagger UI at `/docs`, from assets that are part of the binary.
//!
//! poem-openapi embeds Swagger UI as one page with inline scripts. It is taken apart here, once, so that scripts are
//! files of their own: they can be cached, and the page needs no `unsafe-inline` script.

use std::sync::OnceLock;

use bytes::Bytes;
use poem::endpoint::make_sync;
use poem::http::{Method, StatusCode, header};
use poem::{Body, Endpoint, IntoResponse, Request, Response, Result, Route};
use poem_openapi::OpenApiService;

use super::openapi;
use crate::http::{etag, header_of};

const PAGE: &str = include_str!("explorer.html");
const START: &str = include_str!("explorer.js");

/// Swagger UI styles some of its elements inline; its scripts come from this server only.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                      connect-src 'self'; font-src 'self' data:; base-uri 'none'; form-action 'self'; \
                      frame-ancestors 'none'";

/// Browsers keep assets and ask whether they changed.
const CACHE: &str = "no-cache";

/// The script of Swagger UI, as poem-openapi embeds it.
fn swagger_ui_script() -> Bytes {
    between("<script charset=\"UTF-8\">", "</script>")
}

/// Its style.
fn swagger_ui_style() -> Bytes {
    between("<style charset=\"UTF-8\">", "</style>")
}

/// A part of Swagger UI's page.
fn between(begin: &str, end: &str) -> Bytes {
    let page = OpenApiService::new((), "", "").swagger_ui_html();
    let inner = page.split_once(begin).and_then(|(_, rest)| rest.split_once(end));
    inner.map(|(inner, _)| inner.to_owned().into()).unwrap_or_default()
}

/// The explorer's page and assets, the OpenAPI document, and `/`, which leads to the explorer.
pub fn routes() -> Route {
    const HTML: &str = "text/html; charset=utf-8";
    const SCRIPT: &str = "text/javascript; charset=utf-8";
    Route::new()
        .at("/", make_sync(|request| to_the_explorer(&request)))
        .at("/docs", Asset::new(HTML, || PAGE.into()))
        .at("/docs/", Asset::new(HTML, || PAGE.into()))
        .at("/docs/explorer.js", Asset::new(SCRIPT, || START.into()))
        .at("/docs/swagger-ui.js", Asset::new(SCRIPT, swagger_ui_script))
        .at("/docs/swagger-ui.css", Asset::new("text/css; charset=utf-8", swagger_ui_style))
        .at("/openapi.json", Asset::new("application/json", || openapi::text().into()))
}

/// Whether a path belongs to these pages.
pub fn is_page(path: &str) -> bool {
    matches!(path, "/" | "/openapi.json" | "/docs") || path.starts_with("/docs/")
}

fn to_the_explorer(request: &Request) -> Response {
    if is_read(request) {
        Response::builder().status(StatusCode::FOUND).header(header::LOCATION, "/docs").finish()
    } else {
        StatusCode::METHOD_NOT_ALLOWED.into_response()
    }
}

fn is_read(request: &Request) -> bool {
    matches!(*request.method(), Method::GET | Method::HEAD)
}

/// Bytes that do not change while the server runs, with an entity tag. Made when they are first asked for: a server
/// whose explorer nobody opens does not hold it in memory.
struct Asset {
    content_type: &'static str,
    make: fn() -> Bytes,
    content: OnceLock<Content>,
}

struct Content {
    bytes: Bytes,
    etag: String,
}

impl Asset {
    fn new(content_type: &'static str, make: fn() -> Bytes) -> Self {
        Self { content_type, make, content: OnceLock::new() }
    }

    fn content(&self) -> &Content {
        self.content.get_or_init(|| {
            let bytes = (self.make)();
            Content { etag: etag::of(&bytes), bytes }
        })
    }
}

impl Endpoint for Asset {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        if !is_read(&request) {
            return Ok(StatusCode::METHOD_NOT_ALLOWED.into_response());
        }
        let Content { bytes, etag } = self.content();
        let known = header_of(&request, &header::IF_NONE_MATCH)
            .is_some_and(|tags| etag::matches(tags, etag));
        let response = Response::builder()
            .content_type(self.content_type)
            .header(header::ETAG, etag)
            .header(header::CACHE_CONTROL, CACHE)
            .header(header::CONTENT_SECURITY_POLICY, POLICY);
        Ok(if known {
            response.status(StatusCode::NOT_MODIFIED).finish()
        } else {
            response.body(Body::from_bytes(bytes.clone()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn swagger_ui_is_found_in_the_page_it_comes_in() {
        let text = |bytes: Bytes| String::from_utf8(bytes.to_vec()).unwrap();
        assert!(text(swagger_ui_script()).contains("SwaggerUIBundle"));
        assert!(text(swagger_ui_style()).contains(".swagger-ui"));
    }
}
