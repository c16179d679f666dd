//! The fast lane of warm reads answers exactly as the typed layer does, which a query sends every request through.

use std::collections::BTreeMap;

use reqwest::Method;

use crate::support::app::{TestApp, TestRequest, tag};
use crate::support::user::TestUser;

const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";

/// Bearer token and `If-None-Match` of a request.
type Credentials<'a> = (Option<&'a str>, Option<&'a str>);

/// Status, headers and body of an answer.
async fn answer(app: &TestApp, path: &str, (bearer, tag): Credentials<'_>) -> String {
    let mut request = TestRequest::new(Method::GET, &app.url(), path);
    request = request.header("traceparent", TRACEPARENT);
    if let Some(token) = bearer {
        request = request.bearer(token);
    }
    if let Some(tag) = tag {
        request = request.header("if-none-match", tag);
    }
    let reply = request.send().await;
    let of_this_moment = ["date", "traceresponse"];
    let headers: BTreeMap<_, _> = reply
        .headers
        .iter()
        .filter(|(name, _)| !of_this_moment.contains(&name.as_str()))
        .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
        .collect();
    format!("{} {headers:?} {}", reply.status, reply.text)
}

/// The answer on both ways, which has to be the same.
async fn same_answer(app: &TestApp, path: &str, credentials: Credentials<'_>) -> String {
    let fast = answer(app, path, credentials).await;
    let typed = answer(app, &format!("{path}?"), credentials).await;
    assert_eq!(fast, typed, "{path} {credentials:?}");
    fast
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_without_a_query_is_answered_as_one_with_an_empty_query_is() {
    let app = TestApp::spawn().await;
    let ada = TestUser::sign_up(&app.url(), "ada@example.com").await;
    let eve = TestUser::sign_up(&app.url(), "eve@example.com").await;
    ada.create_task("Milk").await;
    let gone = TestUser::sign_in(&app.url(), "ada@example.com").await;
    gone.sign_out().await.expect(200);
    let tasks = ada.tasks("");
    for path in [tasks.as_str(), "/api/auth/session", "/api/auth/tasks", "/api/nobody/tasks"] {
        for bearer in [
            None,
            Some(""),
            Some("none"),
            Some(ada.token.as_str()),
            Some(ada.session_token.as_str()),
            Some(eve.token.as_str()),
            Some(gone.token.as_str()),
            Some(gone.session_token.as_str()),
        ] {
            for tag in [None, Some(tag(1)), Some("\"7.AAAAAAAA\", *")] {
                same_answer(&app, path, (bearer, tag)).await;
            }
        }
    }
    let list = same_answer(&app, &tasks, (Some(&ada.token), None)).await;
    assert!(list.starts_with("200 ") && list.contains("Milk"), "{list}");
    let kept = same_answer(&app, &tasks, (Some(&ada.token), Some(tag(1)))).await;
    assert!(kept.starts_with("304 "), "{kept}");
}
