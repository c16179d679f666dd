//! Lifetime of sessions: extension, ends, and their events in the log.

use std::time::Duration;

use futures_util::future::join_all;
use keyfold::config::SessionConfig;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::app::{START, TestApp, TestRequest, two_servers};
use crate::support::locked::Locked;
use crate::support::process::until;
use crate::support::user::{PASSWORD, TestUser};

const DAY: Duration = Duration::from_hours(24);

/// A moment after the start, as it is written.
fn at(after: Duration) -> String {
    START.after(after).to_string()
}

fn cookie(user: &TestUser) -> String {
    format!("better-auth.session_token={}", user.session_token)
}

fn kept(user: &TestUser, lasts: Duration) -> String {
    format!("{}; Max-Age={}; Path=/; HttpOnly; SameSite=Lax", cookie(user), lasts.as_secs())
}

/// Type and data of each event of all sessions, in the order of the log.
pub async fn history(app: &TestApp) -> Value {
    let events =
        "select coalesce(json_agg(json_build_array(type, data) order by position), '[]')::text
                  from events where stream like 'session-%'";
    serde_json::from_str(&app.query_text(events).await).unwrap()
}

/// Events of all sessions except their starts.
async fn later_history(app: &TestApp) -> Vec<Value> {
    let history = history(app).await;
    let is_later = |event: &&Value| event[0] != "SessionStarted";
    history.as_array().unwrap().iter().filter(is_later).cloned().collect()
}

fn extended(user: &TestUser, seen: Duration, expires: Duration) -> Value {
    let id = &user.session_id;
    json!(["SessionExtended", {"sessionId": id, "seenAt": at(seen), "expiresAt": at(expires)}])
}

pub fn ended(user: &TestUser, reason: &str) -> Value {
    json!(["SessionEnded", {"sessionId": user.session_id, "reason": reason}])
}

async fn until_ended(app: &TestApp, user: &TestUser, reason: &str) {
    let expected = ended(user, reason);
    until("the expiry is recorded", async || later_history(app).await.last() == Some(&expected))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_extended_once_a_day_however_often_it_is_used() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    app.clock().advance(Duration::from_millis(24 * 60 * 60 * 1000 - 1));
    app.get("/api/auth/session").header("cookie", &cookie(&ada)).send().await.expect(200);
    assert_eq!(later_history(&app).await, Vec::<Value>::new());

    app.clock().advance(Duration::from_millis(1));
    let requests = (0..20).map(|_| app.get("/api/auth/session").header("cookie", &cookie(&ada)));
    for reply in join_all(requests.map(TestRequest::send)).await {
        let session = &reply.expect(200)["session"];
        assert_eq!(
            (&session["updatedAt"], &session["expiresAt"]),
            (&json!(at(DAY)), &json!(at(8 * DAY)))
        );
    }
    assert_eq!(later_history(&app).await, [extended(&ada, DAY, 8 * DAY)]);
    let row = format!(
        "select ((updated_at, expires_at, ends_at) = (timestamptz '{}', timestamptz '{}', timestamptz '{}'))::text
         from sessions",
        at(DAY),
        at(8 * DAY),
        at(90 * DAY)
    );
    assert_eq!(app.query_text(&row).await, "true");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_extend_a_session_once() {
    let (first, second) = two_servers().await;
    let ada = first.sign_up("ada@example.com").await;
    first.clock().advance(DAY);
    let requests = (0..20).map(|number| {
        let server = [&first, &second][number % 2];
        server.get("/api/auth/session").bearer(&ada.session_token).send()
    });
    for reply in join_all(requests).await {
        assert_eq!(reply.expect(200)["session"]["expiresAt"], at(8 * DAY));
    }
    assert_eq!(later_history(&first).await, [extended(&ada, DAY, 8 * DAY)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_extended_by_one_server_is_not_taken_for_over_by_the_other() {
    let (first, second) = two_servers().await;
    let ada = first.sign_up("ada@example.com").await;
    for day in 1..20 {
        let server = if day % 6 == 0 { &second } else { &first };
        first.clock().advance(DAY);
        server.get("/api/auth/session").bearer(&ada.session_token).send().await.expect(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_shows_an_extended_session_keeps_its_cookie_for_longer() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    let ask = async |path: &str| app.get(path).header("cookie", &cookie(&ada)).send().await;
    app.clock().advance(DAY / 2);
    for path in ["/api/auth/session", "/api/auth/sessions", "/api/auth/token"] {
        assert_eq!(ask(path).await.header("set-cookie"), "", "{path}, before any extension");
    }
    for path in ["/api/auth/session", "/api/auth/sessions", "/api/auth/token"] {
        app.clock().advance(DAY);
        let reply = ask(path).await;
        reply.expect(200);
        assert_eq!(reply.header("set-cookie"), kept(&ada, 7 * DAY), "{path}");
    }
    app.clock().advance(DAY / 2);
    for path in ["/api/auth/session", "/api/auth/sessions"] {
        assert_eq!(ask(path).await.header("set-cookie"), "", "{path}");
    }
    // The cookie catches up when an access token is fetched, even if another request extended the session.
    assert_eq!(ask("/api/auth/token").await.header("set-cookie"), kept(&ada, 6 * DAY + DAY / 2));
    app.clock().advance(DAY);
    let reply = app.get("/api/auth/session").bearer(&ada.session_token).send().await;
    reply.expect(200);
    assert_eq!(reply.header("set-cookie"), "", "no cookie was sent");
}

/// Short sessions, which access tokens outlive.
async fn short_sessions() -> TestApp {
    let (idle, absolute) = (Duration::from_mins(14), Duration::from_hours(2));
    TestApp::spawn_with(|config| config.sessions = SessionConfig { idle, absolute }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_access_token_extends_its_session_and_signing_out_does_not() {
    let app = short_sessions().await;
    let minutes = Duration::from_mins;
    let ada = app.sign_up("ada@example.com").await;
    app.clock().advance(minutes(2));
    ada.list("").await.expect(200);
    app.clock().advance(minutes(2));
    ada.sign_out().await.expect(200);
    let expected = [extended(&ada, minutes(2), minutes(16)), ended(&ada, "signedOut")];
    assert_eq!(later_history(&app).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_extension_that_cannot_be_written_hinders_no_request() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    app.clock().advance(DAY);
    let lock = Locked::new(&app.connection()).await;
    let reply = app.get("/api/auth/session").bearer(&ada.session_token).send().await;
    assert_eq!(reply.expect(200)["session"]["expiresAt"], at(7 * DAY));
    lock.release().await;
    until("the extension is written", async || {
        later_history(&app).await == [extended(&ada, DAY, 8 * DAY)]
    })
    .await;
    let reply = app.get("/api/auth/session").bearer(&ada.session_token).send().await;
    assert_eq!(reply.expect(200)["session"]["expiresAt"], at(8 * DAY));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_an_idle_session_is_recorded_though_nobody_comes_back() {
    let mut app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    app.clock().advance(7 * DAY);
    until_ended(&app, &ada, "idle").await;
    assert_eq!(app.dump("sessions").await, "");

    // The server need not run at the time of expiry.
    let grace = app.sign_up("grace@example.com").await;
    app.stop().await;
    app.clock().advance(7 * DAY);
    app.restart().await;
    until_ended(&app, &grace, "idle").await;
    assert_eq!(later_history(&app).await, [ended(&ada, "idle"), ended(&grace, "idle")]);
    let context =
        "select (context - 'traceparent')::text from events where type = 'SessionEnded' limit 1";
    assert_eq!(app.query_text(context).await, r#"{"causation": "session expiry"}"#);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_is_used_all_the_time_ends_at_its_absolute_limit() {
    let app = short_sessions().await;
    let ada = app.sign_up("ada@example.com").await;
    let ask = async || app.get("/api/auth/session").bearer(&ada.session_token).send().await;
    for _ in 1..12 {
        app.clock().advance(Duration::from_mins(10));
        ask().await.expect(200);
    }
    assert_eq!(ask().await.expect(200)["session"]["expiresAt"], at(Duration::from_hours(2)));
    app.clock().advance(Duration::from_mins(10));
    ask().await.expect_problem(401, "SESSION_ENDED", "The session has ended");
    until_ended(&app, &ada, "absolute").await;
    assert_eq!(later_history(&app).await.len(), 11 + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_sessions_expire_at_once_each_by_one_event_of_two_servers() {
    let (first, second) = two_servers().await;
    let ada = first.sign_up("ada@example.com").await;
    let others = (0..30).map(|number| {
        let url = [first.url(), second.url()][number % 2].clone();
        async move { TestUser::sign_up(&url, &format!("user{number}@example.com")).await }
    });
    let mut users = join_all(others).await;
    users.push(TestUser::sign_in(&second.url(), &ada.email).await);
    users.push(ada);
    first.clock().advance(7 * DAY);
    until_ended_all(&first).await;
    let by_id = |event: &Value| event[1]["sessionId"].as_str().unwrap().to_owned();
    let mut expected: Vec<_> = users.iter().map(|user| ended(user, "idle")).collect();
    let mut history = later_history(&first).await;
    expected.sort_by_key(by_id);
    history.sort_by_key(by_id);
    assert_eq!(history, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_sessions_that_was_needed_for_expiry_alone_leaves_memory_at_once() {
    let mut app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    for number in 0..20 {
        app.sign_up(&format!("user{number}@example.com")).await;
    }
    app.stop().await;
    app.clock().advance(7 * DAY);
    app.restart().await;
    until_ended_all(&app).await;
    until("no list is in memory", async || {
        let shown = format!("{:?}", app.running().features().sessions);
        shown.contains("category: \"session\", alive: 0")
    })
    .await;
    assert_eq!(later_history(&app).await.len(), 21);
    let refused = app.get("/api/auth/session").bearer(&ada.session_token).send().await;
    refused.expect_problem(401, "SESSION_ENDED", "The session has ended");
}

async fn until_ended_all(app: &TestApp) {
    until("all have ended", async || app.dump("sessions").await.is_empty()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_that_could_not_be_looked_for_are_ended_later() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    let other = app.connection().connect().await.unwrap().client;
    other.batch_execute("begin; lock table sessions in access exclusive mode").await.unwrap();
    let holder: i32 = other.query_one("select pg_backend_pid()", &[]).await.unwrap().get(0);
    app.clock().advance(7 * DAY);
    // The connection of the search is ended while it waits. `pg_stat_activity` does not change within a transaction.
    let watcher = app.connection().connect().await.unwrap().client;
    let kill = "select pg_terminate_backend(pid) from pg_stat_activity where $1 = any (pg_blocking_pids(pid))";
    until("the search is broken off", async || {
        !watcher.query(kill, &[&holder]).await.unwrap().is_empty()
    })
    .await;
    other.batch_execute("commit").await.unwrap();
    until("the session is ended", async || {
        app.clock().advance(Duration::from_mins(1));
        later_history(&app).await == [ended(&ada, "idle")]
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_cannot_be_ended_holds_up_no_other() {
    let app = TestApp::spawn().await;
    // Rows without history, due before anything else and more than a page.
    let strays = "insert into sessions (id, user_id, expires_at, ends_at, token_hash, created_at, updated_at)
                  select gen_random_uuid(), gen_random_uuid(), '2026-01-01', '2026-01-01',
                         sha256(n::text::bytea), '2026-01-01', '2026-01-01'
                  from generate_series(1, 250) n";
    let link = app.connection().connect().await.unwrap();
    link.client.batch_execute(strays).await.unwrap();
    let ada = app.sign_up("ada@example.com").await;
    app.clock().advance(7 * DAY);
    until_ended(&app, &ada, "idle").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_live_sessions_of_a_user_are_listed_newest_first() {
    let app = TestApp::spawn().await;
    app.sign_up("grace@example.com").await;
    let ada = app.sign_up("ada@example.com").await;
    app.clock().advance(3 * DAY);
    let body = json!({"email": ada.email, "password": PASSWORD});
    let sign_in = app.post("/api/auth/signin").header("user-agent", "Phone").json(&body);
    let phone = TestUser::signed_in(&app.url(), &sign_in.send().await.expect(200));
    let listed = |user: &TestUser, agent: Value, began, seen, current| {
        json!({
            "id": user.session_id, "current": current, "userAgent": agent, "ipAddress": "127.0.0.1",
            "createdAt": at(began), "lastSeenAt": at(seen), "expiresAt": at(seen + 7 * DAY),
            "endsAt": at(began + 90 * DAY),
        })
    };
    let zero = Duration::ZERO;
    let list = async |token: &str| app.get("/api/auth/sessions").bearer(token).send().await;
    let expected = json!({"sessions": [
        listed(&phone, json!("Phone"), 3 * DAY, 3 * DAY, true),
        listed(&ada, Value::Null, zero, zero, false),
    ]});
    assert_eq!(list(&phone.session_token).await.expect(200), expected);
    let expected = json!({"sessions": [
        listed(&phone, json!("Phone"), 3 * DAY, 3 * DAY, false),
        listed(&ada, Value::Null, zero, 3 * DAY, true),
    ]});
    assert_eq!(list(&ada.session_token).await.expect(200), expected);
    // A session that is over is not listed, even before its end is recorded.
    app.clock().advance(6 * DAY);
    list(&phone.session_token).await.expect(200);
    app.clock().advance(DAY);
    let expected = json!({"sessions": [listed(&phone, json!("Phone"), 3 * DAY, 10 * DAY, true)]});
    assert_eq!(list(&phone.session_token).await.expect(200), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_address_behind_trusted_proxies_is_the_one_they_say() {
    let app = TestApp::spawn_with(|config| config.http.trusted_proxies = 2).await;
    let body = json!({"email": "ada@example.com", "password": PASSWORD, "name": "Ada"});
    let forwarded = "192.0.2.66, 192.0.2.1, 198.51.100.2";
    let sign_up = app.post("/api/auth/signup").header("x-forwarded-for", forwarded).json(&body);
    let ada = TestUser::signed_in(&app.url(), &sign_up.send().await.expect(201));
    let list = app.get("/api/auth/sessions").bearer(&ada.session_token).send().await.expect(200);
    assert_eq!(list["sessions"][0]["ipAddress"], "192.0.2.1");
    assert_eq!(history(&app).await[0][1]["clientAddress"], "192.0.2.1");
    assert_eq!(app.query_text("select host(client_address) from sessions").await, "192.0.2.1");
    let contexts = "select string_agg(distinct context->>'clientAddress', ' ') from events
                    where context ? 'clientAddress'";
    assert_eq!(app.query_text(contexts).await, "192.0.2.1");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_is_read_again_after_a_restart() {
    let mut app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    app.clock().advance(DAY);
    let list = async |app: &TestApp| {
        let request = app.request(Method::GET, "/api/auth/sessions").bearer(&ada.session_token);
        request.send().await.expect(200)
    };
    let before = list(&app).await;
    app.restart().await;
    assert_eq!(list(&app).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_begins_lasts_longer_or_ends_on_one_server_is_listed_so_by_the_other() {
    let (first, second) = two_servers().await;
    let ada = first.sign_up("ada@example.com").await;
    let list = async |server: &TestApp| {
        let request = server.get("/api/auth/sessions").bearer(&ada.session_token);
        let list = request.send().await.expect(200);
        let sessions = list["sessions"].as_array().unwrap().iter();
        // Two that began in the same moment come in any order.
        let mut seen: Vec<_> = sessions.map(|session| session["lastSeenAt"].to_string()).collect();
        seen.sort_unstable();
        seen
    };
    for day in 1..6 {
        let other = TestUser::sign_in(&first.url(), &ada.email).await;
        first.clock().advance(DAY);
        let [before, now] = [day - 1, day].map(|day| json!(at(day * DAY)).to_string());
        assert_eq!(list(&second).await, [before, now.clone()]);
        let session = first.get("/api/auth/session").bearer(&other.session_token);
        session.send().await.expect(200);
        assert_eq!(list(&second).await, [now.clone(), now.clone()]);
        let path = format!("/api/auth/sessions/{}", other.session_id);
        // Only a session that began within the last day may end another one.
        let end = |by: &str| first.request(Method::DELETE, &path).bearer(by).send();
        let message = "Sign in again: this needs a session that began within the last 24 hours";
        end(&ada.session_token).await.expect_problem(403, "SESSION_NOT_FRESH", message);
        end(&other.session_token).await.expect(204);
        assert_eq!(list(&second).await, [now]);
    }
}
