//! Pages of other origins: the configured ones may call with credentials, all others may read public resources.

use keyfold::config::Origin;
use reqwest::Method;
use serde_json::json;

use super::document::{document, operations};
use crate::support::app::{Reply, TestApp, TestRequest};

const ORIGIN: &str = "http://app.example:3000";

async fn spawn_with_origin() -> TestApp {
    TestApp::spawn_with(|config| config.http.cors_origins = vec![Origin::parse(ORIGIN).unwrap()])
        .await
}

/// Answers of every kind to a page of some origin.
async fn answers_to(app: &TestApp, origin: &str) -> Vec<Reply> {
    let from = |request: TestRequest| request.header("origin", origin).send();
    let preflight = app
        .request(Method::OPTIONS, "/api/somebody/tasks")
        .header("access-control-request-method", "PATCH")
        .header("access-control-request-headers", "authorization,content-type");
    vec![
        from(preflight).await,
        from(app.get("/health/live")).await,
        from(app.get("/docs")).await,
        from(app.get("/api/auth/session")).await,
        from(app.get("/nothing")).await,
        from(app.request(Method::PUT, "/api/auth/signin")).await,
        from(app.post("/api/auth/signin").body("{}")).await,
        from(app.post("/api/auth/signin").json(&json!({}))).await,
    ]
}

#[tokio::test]
async fn a_configured_origin_may_call_with_credentials_and_read_failures_too() {
    let app = spawn_with_origin().await;
    let answers = answers_to(&app, ORIGIN).await;
    let statuses: Vec<_> = answers.iter().map(|reply| reply.status.as_u16()).collect();
    assert_eq!(statuses, [204, 200, 200, 401, 404, 405, 415, 400]);
    for reply in &answers {
        let allowed: Vec<_> = reply.headers.get_all("access-control-allow-origin").iter().collect();
        assert_eq!(allowed, [ORIGIN], "{reply:?}");
        assert_eq!(reply.header("access-control-allow-credentials"), "true");
        assert!(varies_by_origin(reply), "{reply:?}");
        assert!(reply.header("access-control-expose-headers").contains("www-authenticate"));
    }
    let [preflight, ..] = answers.as_slice() else { unreachable!() };
    let methods: Vec<_> = preflight.header("access-control-allow-methods").split(", ").collect();
    for (id, (method, _, _)) in operations(&document()) {
        assert!(methods.contains(&method.as_str()), "{id}: {methods:?}");
    }
    let headers: Vec<_> = preflight.header("access-control-allow-headers").split(", ").collect();
    for header in [
        "authorization",
        "content-type",
        "if-match",
        "idempotency-key",
        "traceparent",
        "tracestate",
        "baggage",
    ] {
        assert!(headers.contains(&header), "{header}: {headers:?}");
    }
}

fn varies_by_origin(reply: &Reply) -> bool {
    reply.headers.get_all("vary").iter().any(|name| name == "Origin")
}

#[tokio::test]
async fn no_other_origin_is_allowed_anything() {
    let others = [
        "http://app.example",
        "https://app.example:3000",
        "http://APP.example:3000",
        "http://app.example:30000",
        "http://app.example:3000.evil.example",
        "http://evil.example",
        "null",
    ];
    let app = spawn_with_origin().await;
    for origin in others {
        for reply in answers_to(&app, origin).await {
            assert_shut(&reply);
            assert!(varies_by_origin(&reply), "{origin}");
        }
    }
    let closed = TestApp::spawn().await;
    answers_to(&closed, ORIGIN).await.iter().for_each(assert_shut);
}

#[tokio::test]
async fn what_is_for_everybody_may_be_read_by_every_page_without_credentials() {
    let (open, closed) = (spawn_with_origin().await, TestApp::spawn().await);
    for path in ["/.well-known/jwks.json", "/openapi.json", "/api/auth/revocations"] {
        for app in [&open, &closed] {
            for origin in ["http://evil.example", "null"] {
                let read = app.get(path).header("origin", origin).send().await;
                let asked = app
                    .request(Method::OPTIONS, path)
                    .header("origin", origin)
                    .header("access-control-request-method", "GET")
                    .header("access-control-request-headers", "traceparent")
                    .send()
                    .await;
                assert_eq!([read.status.as_u16(), asked.status.as_u16()], [200, 204], "{path}");
                for reply in [&read, &asked] {
                    let allowed =
                        ["access-control-allow-origin", "access-control-allow-credentials"]
                            .map(|name| reply.header(name));
                    assert_eq!(allowed, ["*", ""], "{path}");
                }
            }
        }
        let trusted = open.get(path).header("origin", ORIGIN).send().await;
        assert_eq!(trusted.header("access-control-allow-origin"), ORIGIN);
        assert_eq!(trusted.header("access-control-allow-credentials"), "true");
    }
}

#[track_caller]
fn assert_shut(reply: &Reply) {
    let names: Vec<_> = reply.headers.keys().map(reqwest::header::HeaderName::as_str).collect();
    assert!(!names.iter().any(|name| name.starts_with("access-control-")), "{reply:?}");
}
