//! Addresses and names of users.

use reqwest::Method;
use serde_json::{Value, json};

use super::{accepted, corpus, refused};
use crate::support::app::{Reply, TestApp};
use crate::support::user::PASSWORD;
use crate::web::forms::Browser;

async fn sign_up(app: &TestApp, email: &str, name: &str) -> Reply {
    let body = json!({"email": email, "password": PASSWORD, "name": name});
    app.post("/api/auth/signup").json(&body).send().await
}

async fn sign_in(app: &TestApp, email: &str) -> Reply {
    let body = json!({"email": email, "password": PASSWORD});
    app.post("/api/auth/signin").json(&body).send().await
}

fn form<'a>(email: &'a str, name: &'a str) -> [(&'static str, &'a str); 3] {
    [("email", email), ("password", PASSWORD), ("name", name)]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_spelling_of_a_mailbox_is_the_same_account() {
    let app = TestApp::spawn().await;
    let mut known: Vec<String> = Vec::new();
    for (given, held) in accepted("addresses") {
        let reply = sign_up(&app, &given, "Ada").await;
        if known.contains(&held) {
            assert_eq!(reply.expect(409)["details"][0]["code"], "EMAIL_TAKEN", "{given:?}");
        } else {
            assert_eq!(reply.expect(201)["user"]["email"], held, "{given:?}");
            known.push(held.clone());
        }
        assert_eq!(sign_in(&app, &given).await.expect(200)["user"]["email"], held, "{given:?}");
        assert_eq!(sign_in(&app, &held).await.expect(200)["user"]["email"], held, "{given:?}");
        let entered = Browser::new(&app).post("/login", &form(&given, "")[..2]).await;
        assert_eq!(entered.status, 303, "{given:?}");
        let again = Browser::new(&app).post("/signup", &form(&given, "Ada")).await;
        assert_eq!(again.status, 409, "{given:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_address_is_refused_at_every_entrance() {
    let app = TestApp::spawn().await;
    for text in refused("addresses") {
        let refused = "must be an email address such as ada@example.com";
        let reply = sign_up(&app, &text, "Ada").await;
        reply.expect_invalid(&[("email", "EMAIL_INVALID", refused)]);
        let reply = sign_in(&app, &text).await;
        reply.expect_invalid(&[("email", "EMAIL_INVALID", refused)]);
        let page = Browser::new(&app).post("/signup", &form(&text, "Ada")).await;
        assert_eq!(page.status, 400, "{text:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_held_or_refused_alike_at_every_entrance() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    let mut browser = Browser::of(&app, "form@example.com").await;
    for (number, line) in corpus("names").into_iter().enumerate() {
        let (given, held) = (&line.given, line.held.as_deref());
        let name = |reply: &Reply| {
            if reply.status == 400 {
                assert_eq!(reply.json()["details"][0]["field"], "name", "{given:?}");
                return None;
            }
            let body = reply.json();
            body.pointer("/user/name").or(body.get("name"))?.as_str().map(str::to_owned)
        };
        let signed_up = sign_up(&app, &format!("ada{number}@example.com"), given).await;
        assert_eq!(name(&signed_up).as_deref(), held, "signed up as {given:?}");
        let path = "/api/auth/profile";
        let changed = ada.request(Method::PATCH, path).json(&json!({"name": given})).send().await;
        assert_eq!(name(&changed).as_deref(), held, "renamed to {given:?}");
        let (mut other, email) = (Browser::new(&app), format!("form{number}@example.com"));
        let entered = other.post("/signup", &form(&email, given)).await;
        let expected = if held.is_some() { 303 } else { 400 };
        assert_eq!(entered.status, expected, "a form with {given:?}");
        let saved = browser.post("/account/profile", &[("name", given)]).await;
        assert_eq!(saved.status, expected, "a profile with {given:?}");
        if let Some(held) = held {
            let user: Value = sign_in(&app, "form@example.com").await.expect(200);
            assert_eq!(user["user"]["name"], held);
        }
    }
}
