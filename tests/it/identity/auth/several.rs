//! Several cookies and several headers: each is tried, all are ended, and an ambiguous request is refused.

use reqwest::Method;
use serde_json::json;

use crate::support::app::{TestApp, TestRequest};
use crate::support::user::{PASSWORD, TestUser};

const NAME: &str = "better-auth.session_token";

/// A token of a session that has ended.
async fn stale(app: &TestApp, user: &TestUser) -> String {
    let other = TestUser::sign_in(&app.url(), &user.email).await;
    app.post("/api/auth/signout").bearer(&other.session_token).send().await.expect(200);
    other.session_token
}

fn with_cookies(request: TestRequest, tokens: &[&str]) -> TestRequest {
    let pairs = tokens.iter().map(|token| format!("{NAME}={token}"));
    request.header("cookie", &pairs.collect::<Vec<_>>().join("; "))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_cookie_before_a_live_one_does_not_shut_anybody_out() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    let stale = stale(&app, &ada).await;
    for tokens in [[stale.as_str(), &ada.session_token], [&ada.session_token, &stale]] {
        let session = with_cookies(app.get("/api/auth/session"), &tokens).send().await.expect(200);
        assert_eq!(session["session"]["id"], ada.session_id);
        with_cookies(app.get("/api/auth/token"), &tokens).send().await.expect(200);
        let page = with_cookies(app.get("/tasks"), &tokens).header("accept", "text/html");
        let page = page.send().await;
        let own = format!("/tasks/{}", ada.id);
        assert_eq!((page.status.as_u16(), page.header("location")), (303, own.as_str()));
    }
    let none = with_cookies(app.get("/api/auth/session"), &[&stale, "nonsense"]).send().await;
    none.expect(401);
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_ends_the_sessions_of_every_cookie_and_token_that_is_sent() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    let url = app.url();
    let sign_in = || TestUser::sign_in(&url, &ada.email);
    let (second, third, other) = (sign_in().await, sign_in().await, sign_in().await);
    let request = with_cookies(
        app.post("/api/auth/signout"),
        &[&ada.session_token, &second.session_token, &ada.session_token],
    );
    let out = request.bearer(&third.session_token).send().await;
    out.expect(200);
    assert_eq!(out.header("clear-site-data"), "\"cache\", \"storage\"");
    for (user, status) in [(&ada, 401), (&second, 401), (&third, 401), (&other, 200)] {
        app.get("/api/auth/session").bearer(&user.session_token).send().await.expect(status);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_in_replaces_the_sessions_of_every_cookie() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    let second = TestUser::sign_in(&app.url(), &ada.email).await;
    let body = json!({"email": ada.email, "password": PASSWORD});
    let request = with_cookies(
        app.post("/api/auth/signin").json(&body),
        &[&ada.session_token, &second.session_token],
    );
    request.send().await.expect(200);
    for user in [&ada, &second] {
        app.get("/api/auth/session").bearer(&user.session_token).send().await.expect(401);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_authorization_headers_are_refused_whichever_is_right() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    for (method, path) in [
        (Method::GET, ada.tasks("")),
        (Method::POST, ada.tasks("")),
        (Method::GET, "/api/auth/session".to_owned()),
        (Method::GET, "/api/auth/token".to_owned()),
        (Method::POST, "/api/auth/signout".to_owned()),
        (Method::DELETE, "/api/auth/sessions".to_owned()),
    ] {
        let request = || app.request(method.clone(), &path).bearer(&ada.token);
        for second in [format!("Bearer {}", ada.token), "Bearer nonsense".to_owned(), String::new()]
        {
            let reply = request().header("authorization", &second).send().await;
            let message = "is given more than once";
            reply.expect_invalid(&[("Authorization", "AUTHORIZATION_DUPLICATE", message)]);
        }
    }
    app.get("/api/auth/session").bearer(&ada.session_token).send().await.expect(200);
}
