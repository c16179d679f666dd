//! A node whose clock is wrong: it ends no session, issues no token and answers no request, and goes on when its clock is
//! right.

use std::fs;
use std::time::Duration;

use keyfold::base::clock::Clock;
use keyfold::config::Config;
use serde_json::json;

use crate::support::app::{SECRET, TestApp, TestRequest};
use crate::support::postgres;
use crate::support::process::{ExternalDatabase, PUBLIC_URL, until};
use crate::support::user::{PASSWORD, TestUser};
use reqwest::Method;

const DAY: Duration = Duration::from_hours(24);
const AWAY: &str = "The server cannot answer for the moment, try again shortly";

fn node(config: &mut Config) {
    config.database.cluster = true;
    config.http.public_url = Some(PUBLIC_URL.parse().unwrap());
}

/// Asserts that all requests that depend on the time are refused while it is unknown.
async fn assert_answers_nobody(url: &str, ada: &TestUser) {
    let ada = ada.at(url);
    let credentials = json!({"email": ada.email, "password": PASSWORD});
    let newcomer = json!({"email": "b@example.com", "password": PASSWORD, "name": "B"});
    let request = |method, path: &str| TestRequest::new(method, url, path);
    for (what, request) in [
        ("sign up", request(Method::POST, "/api/auth/signup").json(&newcomer)),
        ("sign in", request(Method::POST, "/api/auth/signin").json(&credentials)),
        ("a fresh token", request(Method::GET, "/api/auth/token").bearer(&ada.session_token)),
        ("the session", request(Method::GET, "/api/auth/session").bearer(&ada.token)),
        ("the list", request(Method::GET, &ada.tasks("")).bearer(&ada.token)),
        ("readiness", request(Method::GET, "/health/ready")),
    ] {
        let reply = request.send().await;
        assert_eq!(reply.header("retry-after"), "1", "{what}: {}", reply.text);
        reply.expect_problem(503, "UNAVAILABLE", AWAY);
    }
    request(Method::GET, "/health/live").send().await.expect(200);
}

/// Number of events that ended a session, or changed the key ring.
async fn ends(app: &TestApp) -> String {
    let ends = "select count(*)::text from events where type = 'SessionEnded' or type like 'Key%'";
    app.query_text(ends).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_whose_clock_is_days_from_the_databases_joins_and_ends_nobodys_session() {
    for shift in [Clock::advance, Clock::turn_back] {
        let connection = postgres::new_schema().await;
        let first = TestApp::on(connection.clone(), Clock::system(), node).await.unwrap();
        let ada = first.sign_up("ada@example.com").await;
        let before = ends(&first).await;
        let clock = Clock::wrong();
        // Longer than a session lasts, than a key signs, and than days of idempotency keys are kept.
        shift(&clock, 100 * DAY);
        let mut second = TestApp::on(connection, clock.clone(), node).await.unwrap();
        assert_answers_nobody(&second.url(), &ada).await;
        assert_eq!(ada.titles().await, [""; 0], "the other node answers");
        assert_eq!(ends(&first).await, before);
        let days = first.query_text("select count(*)::text from idempotency_keys").await;
        assert_eq!(days, "0");

        let back =
            if clock.now() > Clock::system().now() { Clock::turn_back } else { Clock::advance };
        back(&clock, 100 * DAY);
        until("it answers again", async || ada.at(&second.url()).list("").await.status == 200)
            .await;
        ada.at(&second.url()).create_task("Milk").await;
        TestUser::sign_in(&second.url(), &ada.email).await;
        assert_eq!(ends(&first).await, before);
        second.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_set_while_the_server_runs_is_noticed_on_the_very_next_request() {
    let clock = Clock::wrong();
    let app = TestApp::on(postgres::new_schema().await, clock.clone(), |_| ()).await.unwrap();
    let ada = app.sign_up("ada@example.com").await;
    let before = ends(&app).await;
    clock.advance(8 * DAY);
    // The clock has not been compared yet.
    assert_answers_nobody(&app.url(), &ada).await;
    assert_eq!(ends(&app).await, before);
    clock.turn_back(8 * DAY);
    until("it answers again", async || ada.list("").await.status == 200).await;
    assert_eq!(ends(&app).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_within_the_limit_is_good_enough() {
    let clock = Clock::wrong();
    clock.advance(Duration::from_secs(20));
    let app = TestApp::on(postgres::new_schema().await, clock.clone(), |_| ()).await.unwrap();
    app.sign_up("ada@example.com").await;
    app.get("/health/ready").send().await.expect(200);
}

/// Debian's path of the library that fakes the time.
pub fn faketime() -> String {
    let places = ["x86_64-linux-gnu", "aarch64-linux-gnu"];
    let libraries = places.map(|place| format!("/usr/lib/{place}/faketime/libfaketime.so.1"));
    libraries.into_iter().find(|path| fs::exists(path).unwrap()).expect("`make test` installs it")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_says_once_that_its_clock_is_wrong_and_once_that_it_is_right_again() {
    let database = ExternalDatabase::new().await;
    let time = postgres::new_directory("faketime").join("time");
    fs::write(&time, "+0\n").unwrap();
    let keyfold = database.keyfold(SECRET);
    let faked = (keyfold.clone().set("LD_PRELOAD", &faketime()))
        .set("FAKETIME_TIMESTAMP_FILE", time.to_str().unwrap())
        .set("FAKETIME_NO_CACHE", "1")
        .set("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    let mut server = faked.serve().await;
    let ada = TestUser::sign_up(&server.url, "ada@example.com").await;
    let skew = async |metrics: &str| {
        let text = TestRequest::new(Method::GET, metrics, "").send().await.text;
        let line =
            text.lines().find(|line| line.starts_with("keyfold_clock_skew_seconds")).unwrap();
        line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap()
    };
    assert!(skew(&server.metrics).await.abs() < 10.0);

    fs::write(&time, "+8d\n").unwrap();
    server.process.err.say("this machine's clock is 691200").await;
    assert_answers_nobody(&server.url, &ada).await;
    assert!((skew(&server.metrics).await - 691_200.0).abs() < 10.0);
    let found = faked.run(&["doctor"]).await;
    let expected = "error    clock        this machine is 691200";
    assert!(found.code == Some(1) && found.out.contains(expected), "{found:?}");
    let refused = faked.run(&["sessions", "end"]).await;
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.err.contains("set both by NTP, then run the command again"), "{refused:?}");

    fs::write(&time, "+0\n").unwrap();
    server.process.err.say("agrees with the database's again").await;
    ada.create_task("Milk").await;
    let said = server.process.err.so_far();
    assert_eq!(said.matches("this machine's clock is").count(), 1, "{said}");
    server.stop().await;
}
