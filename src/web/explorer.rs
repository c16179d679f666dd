//! The API explorer: Swagger UI at `/docs`, from assets that are part of the binary.
//!
//! poem-openapi embeds Swagger UI as one page with inline scripts. This module takes it apart, once, into files: they can
//! be cached, and the page needs no `unsafe-inline` script.

use bytes::Bytes;
use poem::Route;
use poem_openapi::OpenApiService;

use super::asset::{Asset, SCRIPT, STYLE};
use crate::api::openapi;
use crate::http::response::problem;

const PAGE: &str = include_str!("explorer.html");
const START: &str = include_str!("explorer.js");

/// Swagger UI styles some of its elements inline; its scripts come from this server only.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                      connect-src 'self'; font-src 'self' data:; base-uri 'none'; form-action 'self'; \
                      frame-ancestors 'none'";

/// Browsers keep assets and ask whether they changed.
const CACHE: &str = "no-cache";

/// Script of Swagger UI, as poem-openapi embeds it.
fn swagger_ui_script() -> Bytes {
    between("<script charset=\"UTF-8\">", "</script>")
}

/// Style of Swagger UI, as poem-openapi embeds it.
fn swagger_ui_style() -> Bytes {
    between("<style charset=\"UTF-8\">", "</style>")
}

/// Part of Swagger UI's page between two markers.
fn between(begin: &str, end: &str) -> Bytes {
    let page = OpenApiService::new((), "", "").swagger_ui_html();
    let inner = page.split_once(begin).and_then(|(_, rest)| rest.split_once(end));
    inner.map(|(inner, _)| inner.to_owned().into()).unwrap_or_default()
}

/// Routes of the explorer's page and assets, and of the OpenAPI document.
pub fn routes() -> Route {
    Route::new()
        .at("/docs", asset(problem::PAGE, || PAGE.into()))
        .at("/docs/", asset(problem::PAGE, || PAGE.into()))
        .at("/docs/explorer.js", asset(SCRIPT, || START.into()))
        .at("/docs/swagger-ui.js", asset(SCRIPT, swagger_ui_script))
        .at("/docs/swagger-ui.css", asset(STYLE, swagger_ui_style))
        .at("/openapi.json", asset("application/json", || openapi::text().into()))
}

fn asset(content_type: &'static str, make: fn() -> Bytes) -> Asset {
    Asset::new(content_type, CACHE, make).with_policy(POLICY)
}

/// True if a path belongs to the explorer.
pub fn is_page(path: &str) -> bool {
    matches!(path, "/openapi.json" | "/docs") || path.starts_with("/docs/")
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
