//! Content negotiation: compressed answers, and one of two formats of a file.

use std::io::Read;

use flate2::read::GzDecoder;
use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use crate::support::app::{TestApp, v};
use crate::support::user::TestUser;

/// An answer as it travels: its headers and its bytes.
async fn travelled(app: &TestApp, path: &str, headers: &[(&str, &str)]) -> (HeaderMap, Vec<u8>) {
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
    let request = client.build().unwrap().get(format!("{}{path}", app.url()));
    let request =
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let answer = request.send().await.unwrap();
    (answer.headers().clone(), answer.bytes().await.unwrap().to_vec())
}

fn text(bytes: &[u8]) -> String {
    let mut text = String::new();
    GzDecoder::new(bytes).read_to_string(&mut text).unwrap();
    text
}

/// A user with thirty tasks.
async fn ada(app: &TestApp) -> TestUser {
    let ada = app.sign_up("ada@example.com").await;
    let task = json!({"op": "create", "task": {"title": "Milk", "description": "x".repeat(100)}});
    let batch = json!({"commands": vec![task; 30]});
    ada.request(Method::POST, &ada.tasks("/batch")).json(&batch).send().await.expect(200);
    ada
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_and_data_are_compressed_for_whoever_takes_that() {
    let app = TestApp::spawn().await;
    let ada = ada(&app).await;
    let cookie = format!("better-auth.session_token={}", ada.session_token);
    let bearer = format!("Bearer {}", ada.token);
    for (path, who) in [
        (format!("/tasks/{}", ada.id), ("cookie", cookie.as_str())),
        (ada.tasks(""), ("authorization", &bearer)),
        (ada.tasks("?limit=29"), ("authorization", &bearer)),
        (ada.tasks("/history"), ("authorization", &bearer)),
    ] {
        let (headers, plain) = travelled(&app, &path, &[who]).await;
        assert_eq!(headers.get("content-encoding"), None, "{path}");
        let accept = ("accept-encoding", "gzip, br");
        let (headers, gzipped) = travelled(&app, &path, &[who, accept]).await;
        assert_eq!(headers["content-encoding"], "gzip", "{path}");
        assert!(headers.get_all("vary").iter().any(|name| name == "Accept-Encoding"), "{path}");
        assert_eq!(headers["content-length"], gzipped.len().to_string().as_str());
        assert!(gzipped.len() * 2 < plain.len(), "{path}: {} of {}", gzipped.len(), plain.len());
        assert_eq!(text(&gzipped), String::from_utf8(plain).unwrap(), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_entity_tag_of_what_was_compressed_is_good_for_conditions() {
    let app = TestApp::spawn().await;
    let ada = ada(&app).await;
    let bearer = format!("Bearer {}", ada.token);
    let (who, accept) = (("authorization", bearer.as_str()), ("accept-encoding", "gzip"));
    let (headers, bytes) = travelled(&app, &ada.tasks(""), &[who, accept]).await;
    let etag = headers["etag"].to_str().unwrap().to_owned();
    let list: Value = serde_json::from_str(&text(&bytes)).unwrap();
    assert_eq!(etag, format!("\"{}-gzip\"", list["version"].as_str().unwrap()));
    let known = ada.request(Method::GET, &ada.tasks("")).header("if-none-match", &etag);
    assert_eq!(known.send().await.status, 304);
    let send = |deed| ada.request(Method::POST, &ada.tasks(deed)).header("if-match", &etag).send();
    assert_eq!(send("/undo").await.expect(200)["version"], v(60));
    send("/redo").await.expect(412);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_about_accounts_and_sessions_is_compressed() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    for _ in 0..9 {
        TestUser::sign_in(&app.url(), &ada.email).await;
    }
    let cookie = format!("better-auth.session_token={}", ada.session_token);
    for path in ["/api/auth/sessions", "/account", "/login"] {
        let headers = [("cookie", cookie.as_str()), ("accept-encoding", "gzip")];
        let (headers, _) = travelled(&app, path, &headers).await;
        assert_eq!(headers.get("content-encoding"), None, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_exported_in_the_format_that_is_accepted() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    for (query, accept, content_type) in [
        ("", "*/*", "application/json"),
        ("", "text/csv", "text/csv"),
        ("", "text/csv;q=0.5, application/json", "application/json"),
        ("", "application/json;q=0.5, text/*", "text/csv"),
        ("?format=json", "text/csv", "application/json"),
        ("?format=csv", "application/json", "text/csv"),
    ] {
        let path = ada.tasks(&format!("/export{query}"));
        let reply = ada.request(Method::GET, &path).header("accept", accept).send().await;
        assert_eq!(reply.header("content-type"), content_type, "{query} {accept}");
    }
}

#[tokio::test]
async fn a_password_manager_is_led_to_where_a_password_is_changed() {
    let app = TestApp::spawn().await;
    let reply = app.get("/.well-known/change-password").send().await;
    assert_eq!((reply.status.as_u16(), reply.header("location")), (303, "/account"));
}
