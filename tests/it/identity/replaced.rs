//! Signing in or up with the cookie of a session: what the browser has in its place ends it.

use keyfold::config::Origin;
use serde_json::{Value, json};

use crate::identity::revocation::{assert_ended, assert_live};
use crate::identity::sessions::{ended, history};
use crate::support::app::{TestApp, TestRequest, two_servers};
use crate::support::user::{PASSWORD, TestUser};

const TRUSTED: &str = "https://app.example.com";

fn cookie(user: &TestUser) -> String {
    format!("better-auth.session_token={}", user.session_token)
}

fn sign_in(app: &TestApp, email: &str) -> TestRequest {
    app.post("/api/auth/signin").json(&json!({"email": email, "password": PASSWORD}))
}

fn sign_up(app: &TestApp, email: &str) -> TestRequest {
    let body = json!({"email": email, "password": PASSWORD, "name": "Grace Hopper"});
    app.post("/api/auth/signup").json(&body)
}

/// The user whom a request signs in.
async fn entered(app: &TestApp, request: TestRequest) -> TestUser {
    let reply = request.send().await;
    assert!(reply.status.is_success(), "{}", reply.text);
    TestUser::signed_in(&app.url(), &reply.json())
}

/// The ends in the log, in order.
async fn ends(app: &TestApp) -> Vec<Value> {
    let history = history(app).await;
    let events = history.as_array().unwrap().iter();
    events.filter(|event| event[0] == "SessionEnded").cloned().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_that_signs_in_or_up_anew_has_one_session_whoever_had_the_one_before() {
    let (first, second) = two_servers().await;
    let eve = first.sign_up("eve@example.com").await;
    let elsewhere = first.sign_up("ada@example.com").await;
    let mut gone = vec![TestUser::sign_in(&first.url(), "ada@example.com").await];
    for request in [
        sign_in(&first, "ada@example.com"),
        sign_in(&second, "eve@example.com"),
        sign_up(&first, "grace@example.com"),
        sign_in(&second, "ada@example.com"),
    ] {
        let before = gone.last().unwrap();
        let anew = entered(&first, request.header("cookie", &cookie(before))).await;
        for server in [&first, &second] {
            assert_ended(server, before).await;
            assert_live(server, &anew).await;
        }
        gone.push(anew);
    }
    assert_live(&first, gone.last().unwrap()).await;
    assert_live(&first, &elsewhere).await;
    assert_live(&first, &eve).await;
    let expected: Vec<_> = gone[..4].iter().map(|user| ended(user, "replaced")).collect();
    assert_eq!(ends(&first).await, expected);
    // The browser that had the session ended it.
    let contexts = "select string_agg(context->>'sessionId', ' ' order by position) from events
                    where type = 'SessionEnded'";
    let ids: Vec<_> = gone[..4].iter().map(|user| user.session_id.as_str()).collect();
    assert_eq!(first.query_text(contexts).await, ids.join(" "));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_ends_its_session_only_from_where_cookies_are_accepted() {
    let trusted = vec![Origin::parse(TRUSTED).unwrap()];
    let app = TestApp::spawn_with(|config| config.http.cors_origins = trusted).await;
    let ada = app.sign_up("ada@example.com").await;
    app.sign_up("eve@example.com").await;
    let from = async |origin: &str| {
        let request = sign_in(&app, "eve@example.com").header("cookie", &cookie(&ada));
        entered(&app, request.header("origin", origin)).await
    };
    for origin in ["https://evil.example", "null", "https://app.example.com.evil.example"] {
        let eve = from(origin).await;
        assert_live(&app, &ada).await;
        assert_live(&app, &eve).await;
    }
    assert_eq!(ends(&app).await, Vec::<Value>::new());
    let eve = from(TRUSTED).await;
    assert_ended(&app, &ada).await;
    assert_live(&app, &eve).await;
    assert_eq!(ends(&app).await, [ended(&ada, "replaced")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_but_the_cookie_of_a_live_session_is_replaced_and_only_by_a_sign_in_that_succeeds()
{
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    for token in [&ada.token, &ada.session_token] {
        entered(&app, sign_in(&app, &ada.email).bearer(token)).await;
    }
    let wrong = json!({"email": ada.email, "password": "not the password"});
    let refused = app.post("/api/auth/signin").json(&wrong).header("cookie", &cookie(&ada));
    refused.send().await.expect(401);
    sign_up(&app, &ada.email).header("cookie", &cookie(&ada)).send().await.expect(409);
    assert_live(&app, &ada).await;
    ada.sign_out().await.expect(200);
    for stale in [&*cookie(&ada), "better-auth.session_token=nonsense"] {
        entered(&app, sign_in(&app, &ada.email).header("cookie", stale)).await;
    }
    assert_eq!(ends(&app).await, [ended(&ada, "signedOut")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_signed_in_while_the_session_before_cannot_be_ended() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    let refuse = "create function refuse() returns trigger language plpgsql as
                      $$ begin raise exception 'not now' using errcode = '55P03'; end $$;
                  create trigger refuse before insert on events for each row
                      when (new.type = 'SessionEnded') execute function refuse()";
    let link = app.connection().connect().await.unwrap();
    link.client.batch_execute(refuse).await.unwrap();
    let refused = sign_in(&app, &ada.email).header("cookie", &cookie(&ada)).send().await;
    let message = "The server cannot answer for the moment, try again shortly";
    refused.expect_problem(503, "UNAVAILABLE", message);
    assert_live(&app, &ada).await;
    assert_eq!(app.query_text("select count(*)::text from sessions").await, "1");
    link.client.batch_execute("drop trigger refuse on events").await.unwrap();
    let anew = entered(&app, sign_in(&app, &ada.email).header("cookie", &cookie(&ada))).await;
    assert_live(&app, &anew).await;
    assert_ended(&app, &ada).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_signed_in_while_it_cannot_be_said_whether_a_session_is_replaced() {
    let mut app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    // The session is not in memory.
    app.restart().await;
    let other = app.connection().connect().await.unwrap().client;
    let hide = "alter table sessions rename to hidden";
    other.batch_execute(hide).await.unwrap();
    let refused = sign_in(&app, &ada.email).header("cookie", &cookie(&ada)).send().await;
    other.batch_execute("alter table hidden rename to sessions").await.unwrap();
    assert!(refused.status.is_server_error(), "{}", refused.text);
    assert_live(&app, &ada).await;
    assert_eq!(app.query_text("select count(*)::text from sessions").await, "1");
}
