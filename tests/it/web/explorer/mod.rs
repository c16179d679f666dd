//! The explorer, the document it shows, and the headers of every answer.

mod cors;
mod document;
mod headers;
mod hosts;
mod negotiated;

use std::collections::BTreeMap;

use crate::support::app::TestApp;

#[tokio::test]
async fn the_explorer_refers_to_this_server_only() {
    let app = TestApp::spawn().await;
    let page = app.get("/docs").send().await.text;
    assert!(!page.contains("://"), "{page}");
    let start = app.get("/docs/explorer.js").send().await.text;
    assert!(start.contains("\"/openapi.json\"") && !start.contains("://"), "{start}");
    let style = app.get("/docs/swagger-ui.css").send().await.text;
    let elsewhere =
        style.split("url(").skip(1).find(|url| !url.trim_matches('"').starts_with("data:"));
    assert_eq!((elsewhere, style.contains("@import")), (None, false));
    for path in references(&page) {
        assert!(path.starts_with("/docs/") || path == "data:,", "{path}");
    }
}

/// References of the page to scripts, styles and other files.
fn references(page: &str) -> Vec<&str> {
    let after =
        |attribute| page.split(attribute).skip(1).filter_map(|rest: &str| rest.split('"').next());
    after(" src=\"").chain(after(" href=\"")).collect()
}

#[tokio::test]
async fn a_browser_that_has_the_explorer_is_not_sent_it_again() {
    let app = TestApp::spawn().await;
    let page = app.get("/docs").send().await.text;
    let assets = references(&page).into_iter().filter(|path| path.starts_with('/'));
    for path in assets.chain(["/docs", "/openapi.json"]) {
        let first = app.get(path).send().await;
        assert!(first.status == 200 && !first.text.is_empty(), "{path}");
        let etag = first.header("etag");
        let again = app.get(path).header("if-none-match", etag).send().await;
        assert_eq!(
            (again.status.as_u16(), again.text.as_str(), again.header("etag")),
            (304, "", etag),
            "{path}"
        );
        let other = app.get(path).header("if-none-match", "\"of another version\"").send().await;
        assert_eq!((other.status.as_u16(), &other.text), (200, &first.text), "{path}");
    }
}

#[tokio::test]
async fn the_explorers_policy_lets_only_this_servers_scripts_run() {
    let app = TestApp::spawn().await;
    let page = app.get("/docs").send().await;
    assert!(!page.text.contains("<script>") && !page.text.contains("javascript:"));
    let policy: BTreeMap<_, _> = page
        .header("content-security-policy")
        .split("; ")
        .filter_map(|rule| rule.split_once(' '))
        .collect();
    assert_eq!((policy["default-src"], policy["script-src"]), ("'none'", "'self'"));
    for (rule, sources) in policy {
        for source in sources.split(' ') {
            let is_inline_style = (rule, source) == ("style-src", "'unsafe-inline'");
            assert!(
                is_inline_style || ["'none'", "'self'", "data:"].contains(&source),
                "{rule} {source}"
            );
        }
    }
}
