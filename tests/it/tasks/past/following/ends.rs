//! Ends of a stream of changes: the end of its session on any node, the stop of its server, and a node that no longer hears
//! of ends.

use std::time::Duration;

use reqwest::Method;

use super::follower::{Follower, request};
use crate::support::app::{TestApp, TestRequest, two_servers};
use crate::support::process::until;
use crate::support::user::TestUser;

const DAY: Duration = Duration::from_hours(24);

fn end(app: &TestApp, by: &TestUser, path: &str) -> TestRequest {
    app.request(Method::DELETE, &format!("/api/auth/sessions{path}")).bearer(&by.session_token)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_at_once_when_its_session_is_ended_from_another_one_on_another_node() {
    let (first, second) = two_servers().await;
    let laptop = first.sign_up("ada@example.com").await;
    for by_cookie in [true, false] {
        for all in [true, false] {
            let phone = TestUser::sign_in(&first.url(), &laptop.email).await;
            let cookie = format!("better-auth.session_token={}", phone.session_token);
            let mut streams = Vec::new();
            for server in [&first, &second] {
                let request = request(server, &phone, "");
                let request = if by_cookie {
                    request.header("cookie", &cookie)
                } else {
                    request.bearer_auth(&phone.token)
                };
                streams.push(Follower::begin(request).await);
            }
            let mut own = Follower::of(&second, &laptop, None).await;
            laptop.create_task("Milk").await;
            for stream in &mut streams {
                stream.versions(1).await;
            }
            let path =
                if all { "?except=current".to_owned() } else { format!("/{}", phone.session_id) };
            end(&first, &laptop, &path).send().await.expect(204);
            for stream in &mut streams {
                assert_eq!(stream.next().await, None);
            }
            // The stream of the session that lives goes on.
            laptop.create_task("Bread").await;
            own.versions(2).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_when_its_session_signs_out_or_its_time_is_over() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    let mut stream = Follower::of(&app, &ada, None).await;
    ada.sign_out().await.expect(200);
    assert_eq!(stream.next().await, None);

    let ada = TestUser::sign_in(&app.url(), &ada.email).await;
    let mut stream = Follower::begin(request(&app, &ada, "").bearer_auth(&ada.session_token)).await;
    app.clock().advance(DAY * 6);
    // Following does not count as activity of a session. Another request does, and extends the session and its stream.
    let session = app.get("/api/auth/session").bearer(&ada.session_token);
    session.send().await.expect(200);
    app.clock().advance(DAY * 6);
    let token = app.get("/api/auth/token").bearer(&ada.session_token).send().await.expect(200);
    let newer = ada.with_token(token["token"].as_str().unwrap());
    newer.create_task("Milk").await;
    assert_eq!(stream.versions(1).await, [1]);
    app.clock().advance(DAY * 7);
    assert_eq!(stream.next().await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_with_the_access_token_that_opened_it_and_that_of_a_session_goes_on() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    let mut of_token = Follower::of(&app, &ada, None).await;
    let cookie = format!("better-auth.session_token={}", ada.session_token);
    let mut of_cookie = Follower::begin(request(&app, &ada, "").header("cookie", cookie)).await;
    ada.create_task("Milk").await;
    assert_eq!(of_token.versions(1).await, [1]);
    app.clock().advance(Duration::from_mins(15));
    assert_eq!(of_token.next().await, None);
    let token = app.get("/api/auth/token").bearer(&ada.session_token).send().await.expect(200);
    let newer = ada.with_token(token["token"].as_str().unwrap());
    newer.create_task("Bread").await;
    assert_eq!(of_cookie.versions(2).await, [1, 2]);
    assert_eq!(Follower::of(&app, &newer, Some(1)).await.versions(1).await, [2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopping_server_ends_its_streams_and_another_node_goes_on_where_they_ended() {
    let (mut first, second) = two_servers().await;
    let ada = first.sign_up("ada@example.com").await;
    let mut stream = Follower::of(&first, &ada, None).await;
    ada.create_task("Milk").await;
    assert_eq!(stream.versions(1).await, [1]);
    first.stop().await;
    assert_eq!(stream.next().await, None);
    let there = ada.at(&second.url());
    there.create_task("Bread").await;
    assert_eq!(Follower::of(&second, &there, Some(1)).await.versions(1).await, [2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_cannot_hear_of_ends_closes_its_streams_and_they_are_resumed_without_a_gap() {
    let (one, other) = two_servers().await;
    let ada = one.sign_up("ada@example.com").await;
    let mut stream = Follower::of(&other, &ada, None).await;
    ada.create_task("Milk").await;
    assert_eq!(stream.versions(1).await, [1]);
    let cut = "\
        select count(pg_terminate_backend(pid))::text from pg_locks where locktype = 'advisory' and objid = \
        (hashtextextended('keyfold-node:' || current_schema(), 0) & 4294967295)::bigint::oid";
    assert_eq!(one.query_text(cut).await, "2");
    assert_eq!(stream.next().await, None);
    until("a task can be created", async || {
        ada.create(&serde_json::json!({"title": "Bread"})).await.status == 201
    })
    .await;
    until("the node follows again", async || ada.at(&other.url()).list("").await.status == 200)
        .await;
    assert_eq!(Follower::of(&other, &ada, Some(1)).await.versions(1).await, [2]);
}
