//! The API explorer: Swagger UI at `/docs`, from assets that are part of the binary.
//!
//! poem-openapi embeds Swagger UI as one page with inline scripts. It is taken apart here, once, so that scripts are
//! files of their own: they can be cached, and the page needs no `unsafe-inline` script.

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use poem::endpoint::BoxEndpoint;
use poem::http::{Method, StatusCode, header};
use poem::{Body, Endpoint, IntoResponse, Request, Response, Result, Route};
use poem_openapi::OpenApiService;

use super::openapi;
use crate::http::etag;

const PAGE: &str = include_str!("explorer.html");
const START: &str = include_str!("explorer.js");

/// Swagger UI styles some of its elements inline; its scripts come from this server only.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                      connect-src 'self'; font-src 'self' data:; base-uri 'none'; form-action 'self'; \
                      frame-ancestors 'none'";

/// Browsers keep assets and ask whether they changed.
const CACHE: &str = "no-cache";

/// Script and style of Swagger UI, as poem-openapi embeds them.
static SWAGGER_UI: LazyLock<(String, String)> = LazyLock::new(|| {
    let page = OpenApiService::new((), "", "").swagger_ui_html();
    (
        between(&page, "<script charset=\"UTF-8\">", "</script>"),
        between(&page, "<style charset=\"UTF-8\">", "</style>"),
    )
});

fn between(text: &str, begin: &str, end: &str) -> String {
    let inner = text.split_once(begin).and_then(|(_, rest)| rest.split_once(end));
    inner.map(|(inner, _)| inner.to_owned()).unwrap_or_default()
}

/// The explorer's page and assets.
pub fn routes() -> Route {
    let (script, style) = &*SWAGGER_UI;
    Route::new()
        .at("/", Asset::new("text/html; charset=utf-8", PAGE.into()))
        .at("/explorer.js", Asset::new("text/javascript; charset=utf-8", START.into()))
        .at("/swagger-ui.js", Asset::new("text/javascript; charset=utf-8", script.clone().into()))
        .at("/swagger-ui.css", Asset::new("text/css; charset=utf-8", style.clone().into()))
}

/// The OpenAPI document.
pub fn document() -> impl Endpoint {
    Asset::new("application/json", openapi::text().into())
}

/// The API with its front door: `/` leads to the explorer.
///
/// The router gives `/` to whatever is nested there, so it cannot be a route beside the API.
///
/// # Errors
///
/// Those of the API.
pub async fn front_door(api: Arc<BoxEndpoint<'static>>, request: Request) -> Result<Response> {
    if request.uri().path() != "/" {
        return api.call(request).await;
    }
    Ok(if matches!(*request.method(), Method::GET | Method::HEAD) {
        Response::builder().status(StatusCode::FOUND).header(header::LOCATION, "/docs").finish()
    } else {
        StatusCode::METHOD_NOT_ALLOWED.into_response()
    })
}

/// Bytes that do not change while the server runs, with an entity tag.
struct Asset {
    content_type: &'static str,
    bytes: Bytes,
    etag: String,
}

impl Asset {
    fn new(content_type: &'static str, bytes: Bytes) -> Self {
        let etag = etag::of(&bytes);
        Self { content_type, bytes, etag }
    }
}

impl Endpoint for Asset {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return Ok(StatusCode::METHOD_NOT_ALLOWED.into_response());
        }
        let known = request
            .header(header::IF_NONE_MATCH)
            .is_some_and(|tags| etag::matches(tags, &self.etag));
        let response = Response::builder()
            .content_type(self.content_type)
            .header(header::ETAG, &self.etag)
            .header(header::CACHE_CONTROL, CACHE)
            .header(header::CONTENT_SECURITY_POLICY, POLICY);
        Ok(if known {
            response.status(StatusCode::NOT_MODIFIED).finish()
        } else {
            response.body(Body::from_bytes(self.bytes.clone()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn swagger_ui_is_found_in_the_page_it_comes_in() {
        let (script, style) = &*SWAGGER_UI;
        assert!(script.contains("SwaggerUIBundle"));
        assert!(style.contains(".swagger-ui"));
    }
}
