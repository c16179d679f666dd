//! Headers for browsers that every answer has, and headers that no answer has.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::json;
use url::Url;

use crate::support::app::{Reply, TestApp};
use crate::support::user::{PASSWORD, TestUser};

/// One answer of every status that the server has.
async fn answers_of_every_kind(app: &TestApp) -> Vec<Reply> {
    let (ada, bob) = (app.sign_up("ada@example.com").await, app.sign_up("bob@example.com").await);
    let created = ada.create(&json!({"title": "Milk"})).await;
    let task = ada.tasks(&format!("/{}", created.json()["id"].as_str().unwrap()));
    let etag = app.get("/docs").send().await.header("etag").to_owned();
    let signup = |body: String| {
        app.post("/api/auth/signup").header("content-type", "application/json").body(body).send()
    };
    let mut answers = vec![
        created,
        ada.list("").await,
        ada.request(Method::DELETE, &task).send().await,
        app.get("/docs").header("if-none-match", &etag).send().await,
        app.get("/docs/swagger-ui.js").send().await,
        app.get("/openapi.json").send().await,
        app.get("/.well-known/jwks.json").send().await,
        signup("{".to_owned()).await,
        app.get("/api/auth/session").send().await,
        app.get(&ada.tasks("")).bearer("a.b.c").send().await,
        bob.request(Method::GET, &ada.tasks("")).send().await,
        ada.request(Method::GET, &task).send().await,
        app.get("/docs/nothing").send().await,
        app.get("/%00/%ff").send().await,
        app.request(Method::PATCH, "/docs").send().await,
        app.request(Method::from_bytes(b"BREW").unwrap(), "/api/auth/signin").send().await,
        app.request(Method::OPTIONS, "/api/auth/signin").send().await,
        signup(
            json!({"email": "ada@example.com", "password": PASSWORD, "name": "Ada"}).to_string(),
        )
        .await,
        signup("x".repeat(1 << 20)).await,
        app.post("/api/auth/signup").body("<html>").send().await,
    ];
    answers.extend(answers_of_a_broken_database(app, &ada).await);
    answers
}

/// Answers while tables of the database are missing.
async fn answers_of_a_broken_database(app: &TestApp, ada: &TestUser) -> Vec<Reply> {
    let link = app.connection().connect().await.unwrap();
    let broken = "alter table events rename to lost_events; alter table credentials rename to lost_credentials";
    link.client.batch_execute(broken).await.unwrap();
    let body = json!({"email": ada.email, "password": PASSWORD});
    vec![
        app.get("/health/ready").send().await,
        app.post("/api/auth/signin").json(&body).send().await,
    ]
}

#[tokio::test]
async fn every_answer_carries_the_security_headers() {
    let app = TestApp::spawn().await;
    let answers = answers_of_every_kind(&app).await;
    let statuses: BTreeSet<_> = answers.iter().map(|reply| reply.status.as_u16()).collect();
    let all = [200, 201, 204, 304, 400, 401, 403, 404, 405, 409, 413, 415, 500, 503];
    assert_eq!(statuses, BTreeSet::from(all));
    for reply in &answers {
        assert_eq!(reply.header("x-content-type-options"), "nosniff", "{reply:?}");
        assert_eq!(reply.header("x-frame-options"), "DENY");
        assert_eq!(reply.header("referrer-policy"), "no-referrer");
        assert_eq!(reply.header("cross-origin-opener-policy"), "same-origin");
        let policy = reply.header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
            "{policy}"
        );
        assert!(!reply.header("cache-control").is_empty());
        assert_eq!(reply.header("strict-transport-security"), "");
    }
}

#[tokio::test]
async fn a_site_that_is_https_insists_on_it() {
    let url = Url::parse("https://id.example.com").unwrap();
    let app = TestApp::spawn_with(|config| config.http.public_url = Some(url)).await;
    for path in ["/health/live", "/nothing", "/docs"] {
        let reply = app.get(path).send().await;
        assert_eq!(
            reply.header("strict-transport-security"),
            "max-age=63072000; includeSubDomains",
            "{path}"
        );
    }
}

#[tokio::test]
async fn no_answer_is_a_page_or_shows_what_the_server_is_made_of() {
    let app = TestApp::spawn().await;
    let answers = answers_of_every_kind(&app).await;
    for reply in answers.iter().filter(|reply| !reply.text.is_empty()) {
        let is_data = ["application/json", "text/javascript; charset=utf-8"]
            .contains(&reply.header("content-type"));
        assert!(is_data, "{reply:?}");
        assert_eq!((reply.header("server"), reply.header("x-powered-by")), ("", ""));
        if reply.status.is_client_error() || reply.status.is_server_error() {
            assert!(reply.json()["code"].is_string(), "{reply:?}");
            for inside in [
                "<html",
                "panicked",
                "backtrace",
                ".rs",
                "poem",
                "postgres",
                "relation",
                "lost_",
                "credentials",
            ] {
                assert!(!reply.text.contains(inside), "{inside} in {}", reply.text);
            }
        }
    }
}
