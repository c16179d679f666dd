//! The profile: a change is visible at once in every session and in fresh tokens.

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::{ANOTHER, PROOFS, change_password, change_profile, context, cookie, history, sign_in};
use crate::support::app::{Reply, SECRET, START, TestApp, two_servers};
use crate::support::process::{ExternalDatabase, PUBLIC_URL, dump};
use crate::support::user::{PASSWORD, TestUser};

const MINUTE: Duration = Duration::from_mins(1);
const DAY: Duration = Duration::from_hours(24);

/// The user as an answer shows them, who signed up at the start.
fn user(user: &TestUser, name: &str, updated: Duration) -> Value {
    json!({
        "id": user.id, "email": user.email, "emailVerified": false, "name": name,
        "createdAt": START.to_string(), "updatedAt": START.after(updated).to_string(),
    })
}

async fn rename(app: &TestApp, by: &TestUser, name: &str) -> Reply {
    change_profile(app).bearer(&by.session_token).json(&json!({ "name": name })).send().await
}

/// The user that `GET /api/auth/session` returns.
async fn seen(app: &TestApp, by: &TestUser) -> Value {
    let session = app.get("/api/auth/session").bearer(&by.session_token).send().await;
    session.expect(200)["user"].clone()
}

/// The name in an access token.
fn name_in(token: &str) -> Value {
    let claims = BASE64_URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    serde_json::from_slice::<Value>(&claims).unwrap()["name"].clone()
}

/// The name that a fresh access token carries, and one of a new session.
async fn told(app: &TestApp, by: &TestUser) -> [Value; 2] {
    let fresh = app.get("/api/auth/token").bearer(&by.session_token).send().await.expect(200);
    let signed_in = sign_in(app, &by.email, PASSWORD).await.expect(200);
    [fresh, signed_in].map(|body| name_in(body["token"].as_str().unwrap()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_name_is_seen_at_once_by_every_session_in_fresh_tokens_and_after_a_restart() {
    let mut app = TestApp::spawn().await;
    let grace = app.sign_up("grace@example.com").await;
    let ada = app.sign_up("ada@example.com").await;
    let again = TestUser::sign_in(&app.url(), &ada.email).await;
    // The read before the change must not be cached for ever.
    assert_eq!(seen(&app, &ada).await, user(&ada, "Ada Lovelace", Duration::ZERO));
    app.clock().advance(MINUTE);
    let patch = change_profile(&app).header("cookie", &cookie(&ada));
    let patch = patch.header("content-type", "application/merge-patch+json");
    let reply = patch.body(json!({"name": " Ada King "}).to_string()).send().await;
    let expected = user(&ada, "Ada King", MINUTE);
    assert_eq!((reply.expect(200), reply.header("set-cookie")), (expected.clone(), ""));
    for _ in 0..2 {
        assert_eq!(seen(&app, &ada).await, expected);
        assert_eq!(seen(&app, &again).await, expected);
        assert_eq!(told(&app, &again).await, ["Ada King", "Ada King"]);
        assert_eq!(seen(&app, &grace).await, user(&grace, "Ada Lovelace", Duration::ZERO));
        app.restart().await;
    }
    let changed = json!({"name": "Ada King", "changedAt": START.after(MINUTE).to_string()});
    assert_eq!(history(&app).await, [json!(["ProfileChanged", changed, context(&ada)])]);
    let rows = "select string_agg(email || ' ' || name || ' ' || (updated_at - created_at), ', ' order by email) from users";
    let rows = app.query_text(rows).await;
    let expected = "ada@example.com Ada King 00:01:00, grace@example.com Ada Lovelace 00:00:00";
    assert_eq!(rows, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_changed_on_one_server_is_seen_by_the_other_at_once() {
    let (first, second) = two_servers().await;
    let ada = first.sign_up("ada@example.com").await;
    assert_eq!(seen(&second, &ada).await["name"], "Ada Lovelace");
    for number in 0..10 {
        let (here, there) = if number % 2 == 0 { (&first, &second) } else { (&second, &first) };
        let name = format!("Ada {number}");
        rename(here, &ada, &name).await.expect(200);
        assert_eq!(told(there, &ada).await, [json!(name), json!(name)]);
        assert_eq!(seen(there, &ada).await["name"], *name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_proves_a_session_may_change_the_profile() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    for (prove, name) in PROOFS.into_iter().zip(["Ada", "Ada King"]) {
        let patch = prove(change_profile(&app), &ada).json(&json!({ "name": name }));
        let reply = patch.send().await;
        assert_eq!(reply.expect(200), user(&ada, name, Duration::ZERO));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_patch_that_changes_nothing_is_answered_and_is_no_event() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    app.clock().advance(MINUTE);
    for patch in [json!({}), json!({"name": "Ada Lovelace"}), json!({"name": "  Ada Lovelace\n"})] {
        let reply = change_profile(&app).bearer(&ada.session_token).json(&patch).send().await;
        assert_eq!(reply.expect(200), user(&ada, "Ada Lovelace", Duration::ZERO), "{patch}");
    }
    assert_eq!(history(&app).await, Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_profile_is_named_and_nothing_changes() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    let kind = "invalid type: integer `5`, expected a string";
    for (patch, problem) in [
        (json!({"name": null}), ("name", "NAME_MISSING", "cannot be removed")),
        (json!({"name": " \n "}), ("name", "NAME_EMPTY", "must not be empty")),
        (
            json!({"name": "é".repeat(201)}),
            ("name", "NAME_TOO_LONG", "must have at most 200 characters"),
        ),
        (json!({"name": "a\0b"}), ("name", "NAME_INVALID", "must not contain control characters")),
        (json!({"name": 5}), ("name", "NAME_WRONG_TYPE", kind)),
        (
            json!({"name": "Ada King", "email": "king@example.com"}),
            ("email", "MEMBER_UNKNOWN", "is not known, expected `name`"),
        ),
    ] {
        let reply = change_profile(&app).bearer(&ada.session_token).json(&patch).send().await;
        reply.expect_invalid(&[problem]);
    }
    rename(&app, &ada, &"é".repeat(200)).await.expect(200);
    assert_eq!(history(&app).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_extends_its_session_keeps_the_cookie_for_longer() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    app.clock().advance(DAY);
    let patch = change_profile(&app).header("cookie", &cookie(&ada));
    let reply = patch.json(&json!({"name": "Ada King"})).send().await;
    reply.expect(200);
    let kept = format!("{}; Max-Age=604800; Path=/; HttpOnly; SameSite=Lax", cookie(&ada));
    assert_eq!(reply.header("set-cookie"), kept);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_site_changes_nothing_by_its_visitors_cookie() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    for request in [
        change_profile(&app).json(&json!({"name": "Eve"})),
        change_password(&app, PASSWORD, ANOTHER),
    ] {
        let request = request.header("cookie", &cookie(&ada));
        let reply = request.header("origin", "https://evil.example").send().await;
        let message = "Requests with a cookie are not accepted from this origin";
        reply.expect_problem(403, "UNTRUSTED_ORIGIN", message);
    }
    assert_eq!(history(&app).await, Vec::<Value>::new());
    crate::identity::revocation::assert_live(&app, &ada).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_makes_changed_accounts_again() {
    let database = ExternalDatabase::new().await;
    let keyfold = database.keyfold(SECRET).set("KEYFOLD_PUBLIC_URL", PUBLIC_URL);
    let server = keyfold.serve().await;
    let grace = TestUser::sign_up(&server.url, "grace@example.com").await;
    let ada = TestUser::sign_up(&server.url, "ada@example.com").await;
    let patch = ada.request(reqwest::Method::PATCH, "/api/auth/profile");
    patch.json(&json!({"name": "Ada King"})).send().await.expect(200);
    let body = json!({"currentPassword": PASSWORD, "newPassword": ANOTHER});
    let change = server.post("/api/auth/password").bearer(&ada.session_token).json(&body);
    let changed = change.send().await.expect(200);
    assert_eq!(changed["user"]["name"], "Ada King");
    server.stop().await;
    let tables = ["users", "credentials", "sessions"];
    let before = dump(&database.connection, &tables).await;
    assert_eq!(before.iter().map(|rows| rows.lines().count()).collect::<Vec<_>>(), [2, 2, 2]);

    keyfold.print(&["replay"]).await;
    assert_eq!(dump(&database.connection, &tables).await, before);
    let server = keyfold.serve().await;
    for (user, password, name) in [(&ada, ANOTHER, "Ada King"), (&grace, PASSWORD, "Ada Lovelace")]
    {
        let body = json!({"email": user.email, "password": password});
        let signed_in = server.post("/api/auth/signin").json(&body).send().await.expect(200);
        assert_eq!(signed_in["user"]["name"], name);
    }
    server.stop().await;
}
