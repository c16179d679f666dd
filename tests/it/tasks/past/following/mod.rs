//! Following a list: everything that happens to it, once and in order, from any node.

mod ends;
mod follower;

use std::collections::BTreeMap;

use futures_util::StreamExt;
use futures_util::future::join_all;
use keyfold::eventlog::Point;
use reqwest::Method;
use serde_json::{Map, Value, json};
use tokio::sync::watch;

use self::follower::{Follower, apply, request};
use super::random::Random;
use super::{all, ask, delete, fields, get, id, patch, post, tasks, undo};
use crate::support::app::{Reply, TestApp, two_servers, v};
use crate::support::user::TestUser;

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_is_told_every_change_as_the_history_tells_it() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    let milk = ada.create_task("Milk").await;
    let mut from_now_on = Follower::of(&app, &ada, None).await;
    let headers = from_now_on.response.headers().clone();
    let all_of = |name: &str| headers.get_all(name).iter().cloned().collect::<Vec<_>>();
    assert_eq!(all_of("content-type"), ["text/event-stream"]);
    assert_eq!(all_of("cache-control"), ["no-store"]);
    assert_eq!(all_of("x-accel-buffering"), ["no"]);
    let mut from_the_beginning = Follower::of(&app, &ada, Some(0)).await;

    patch(&ada, &milk, json!({"completed": true})).await;
    delete(&ada, &milk).await;
    undo(&ada).await.expect(200);
    let mut told = Vec::new();
    for version in 1..=4 {
        let (id, change) = from_the_beginning.next().await.unwrap();
        assert_eq!((id, &change["version"]), (version, &json!(v(version))));
        told.insert(0, change);
    }
    let history = get(&ada, &format!("/{}/history", id(&milk))).await;
    assert_eq!(history["changes"], json!(told));
    assert_eq!(from_now_on.versions(3).await, [2, 3, 4]);
}

/// Retries a request that loses conflicts to another node.
async fn persist(send: impl AsyncFn() -> Reply) -> Value {
    loop {
        let reply = send().await;
        if reply.status != 503 {
            assert!(reply.status.is_success(), "{}", reply.text);
            return if reply.text.is_empty() { Value::Null } else { reply.json() };
        }
    }
}

/// Changes a list by turns through its views, and says how many changes that were.
async fn write(views: &[TestUser], writer: usize) -> i64 {
    let mut random = Random::new(100 + writer as u64);
    let (mut own, mut changes) = (Vec::new(), 0);
    for number in 0..40 {
        let user = random.pick(views);
        let title = json!({"title": format!("writer {writer} number {number}")});
        match random.below(4) {
            0 if !own.is_empty() => {
                let task: Value = own.swap_remove(random.below(own.len()));
                let path = format!("/{}", id(&task));
                persist(async || ask(user, Method::DELETE, &path, None).await).await;
                changes += 1;
            }
            1 if !own.is_empty() => {
                let path = format!("/{}", id(random.pick(&own)));
                persist(async || ask(user, Method::PATCH, &path, Some(title.clone())).await).await;
                changes += 1;
            }
            2 => {
                let create = json!({"op": "create", "task": title});
                let body = json!({"commands": [create, create, create]});
                let done = async || ask(user, Method::POST, "/batch", Some(body.clone())).await;
                let results = persist(done).await["results"].clone();
                own.extend(results.as_array().unwrap().iter().map(|one| one["task"].clone()));
                changes += 3;
            }
            _ => {
                own.push(persist(async || user.create(&title).await).await);
                changes += 1;
            }
        }
    }
    changes
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_that_reconnects_under_writes_from_any_node_misses_nothing_and_hears_nothing_twice()
 {
    let servers: [TestApp; 2] = two_servers().await.into();
    let ada = servers[0].sign_up("ada@example.com").await;
    let views = servers.each_ref().map(|server| ada.at(&server.url()));
    // Number of changes, once all writers are done.
    let count = watch::Sender::new(None);
    let writing = async {
        let changes = join_all((0..4).map(|writer| write(&views, writer))).await;
        count.send_replace(Some(changes.iter().sum::<i64>()));
    };
    let follow = async |seed: u64| {
        let mut random = Random::new(seed);
        let (mut versions, mut seen, mut last) = (Vec::new(), Map::new(), 0);
        let mut count = count.subscribe();
        while *count.borrow() != Some(last) {
            let server = random.pick(&servers);
            let mut follower = Follower::of(server, &ada, Some(last)).await;
            for _ in 0..random.below(12) {
                let (version, change) = tokio::select! {
                    told = follower.next() => told.expect("the stream goes on"),
                    _ = count.wait_for(|count| *count == Some(last)) => break,
                };
                assert_eq!(change["version"], v(version));
                apply(&mut seen, &change);
                versions.push(version);
                last = version;
            }
        }
        (versions, seen)
    };
    let ((), one, other) = tokio::join!(writing, follow(1), follow(2));
    let page = all(&ada).await;
    let count = count.borrow().unwrap();
    assert_eq!(page["version"], v(count));
    let expected: Map<_, _> =
        tasks(&page).iter().map(|task| (id(task).to_owned(), fields(task))).collect();
    for (versions, seen) in [one, other] {
        assert_eq!(versions, (1..=count).collect::<Vec<_>>());
        assert_eq!(seen, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_followed_with_an_access_token_a_session_token_or_the_cookie_of_a_browser() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    ada.create_task("Milk").await;
    let request = || request(&app, &ada, "?since=0");
    let cookie = format!("better-auth.session_token={}", ada.session_token);
    for request in [
        request().bearer_auth(&ada.token),
        request().bearer_auth(&ada.session_token),
        request().header("cookie", cookie),
    ] {
        assert_eq!(Follower::begin(request).await.versions(1).await, [1]);
    }
    let reply = app.get(&ada.tasks("/events")).send().await;
    let message = "Sign in first: this needs an access token or a session";
    reply.expect_problem(401, "UNAUTHORIZED", message);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_id_of_the_last_event_comes_before_the_version_of_the_address() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    for title in ["Milk", "Bread", "Soap"] {
        ada.create_task(title).await;
    }
    let request = request(&app, &ada, "?since=0").bearer_auth(&ada.token);
    let mut follower = Follower::begin(request.header("last-event-id", v(2))).await;
    assert_eq!(follower.versions(1).await, [3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_the_list_does_not_have_cannot_be_followed_from() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    ada.create_task("Milk").await;
    let follow = |query: &str| ada.request(Method::GET, &ada.tasks(&format!("/events{query}")));
    let unknown = "is not a version of this list";
    let no_id = "must be the id of an event, or a version of the list";
    let others = [v(2), v(i64::MAX), "1.AAAAAAAA", "0@1.AAAAAAAA"];
    for (version, flaw, message) in others
        .map(|version| (version, "UNKNOWN", unknown))
        .into_iter()
        .chain(["x", "-1", "1", "1.0", "2@1.Zk3x_9Qa"].map(|text| (text, "INVALID", no_id)))
    {
        let code = format!("SINCE_{flaw}");
        let reply = follow(&format!("?since={version}")).send().await;
        reply.expect_invalid(&[("since", &code, message)]);
        let code = format!("LAST_EVENT_ID_{flaw}");
        let reply = follow("").header("last-event-id", version).send().await;
        reply.expect_invalid(&[("Last-Event-ID", &code, message)]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_that_reads_nothing_holds_no_more_than_a_page_of_events() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    let mut commands: Vec<Value> = Vec::new();
    commands.resize(500, json!({"op": "create", "task": {"title": "task"}}));
    let owner = ada.id.parse().unwrap();
    let follow = async || {
        let tasks = &app.running().features().tasks;
        Box::pin(tasks.follow(owner, Some(Point::default().into())).await.unwrap())
    };
    // One who has begun to read, and one who has not.
    let (mut reader, mut idler) = (follow().await, follow().await);
    post(&ada, "/batch", json!({"commands": commands})).await;
    assert_eq!(reader.next().await.map(|entry| entry.version.number), Some(1));
    for _ in 0..4 {
        post(&ada, "/batch", json!({"commands": commands})).await;
    }
    // Without the log, a follower can only send the entries that it holds.
    let link = app.connection().connect().await.unwrap();
    link.client.batch_execute("alter table events rename to hidden").await.unwrap();
    let held: Vec<_> = reader.map(|entry| entry.version.number).collect().await;
    assert_eq!(held, (2..=64).collect::<Vec<_>>());
    assert!(idler.next().await.is_none());
    link.client.batch_execute("alter table hidden rename to events").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_reader_gets_everything_in_the_end() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    // More than the buffers between server and client take.
    let task = json!({"title": "task", "description": "x".repeat(2_000)});
    let commands = vec![json!({"op": "create", "task": task}); 500];
    let mut follower = Follower::of(&app, &ada, None).await;
    for _ in 0..14 {
        post(&ada, "/batch", json!({"commands": commands})).await;
    }
    assert_eq!(follower.versions(7_000).await, (1..=7_000).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_two_follow_a_list_at_the_same_time_and_another_one_when_one_leaves() {
    let app = TestApp::spawn().await;
    let (ada, eve) = (app.sign_up("ada@example.com").await, app.sign_up("eve@example.com").await);
    let mut followers = Vec::new();
    for _ in 0..32 {
        followers.push(Follower::of(&app, &ada, None).await);
    }
    let refused = ada.request(Method::GET, &ada.tasks("/events")).send().await;
    let message = "Too many streams are open already: close one, or try again later";
    refused.expect_problem(503, "TOO_MANY_STREAMS", message);
    // A client that has received no event may send an empty `Last-Event-ID`.
    let nothing = request(&app, &eve, "").header("last-event-id", "");
    Follower::begin(nothing.bearer_auth(&eve.token)).await;
    // An `EventSource` would give up for good.
    let events = ada.request(Method::GET, &ada.tasks("/events"));
    let told = events.header("accept", "text/event-stream").send().await;
    assert_eq!((told.status.as_u16(), told.text.as_str()), (200, "retry: 3000\n\n"));
    assert_eq!(told.header("content-type"), "text/event-stream");
    assert_eq!(refused.header("retry-after"), "10");
    let mut eves = Follower::of(&app, &eve, None).await;
    followers.pop();
    let another = crate::support::process::until("a place is free", async || {
        let response = request(&app, &ada, "").bearer_auth(&ada.token).send().await.unwrap();
        response.status() == 200
    });
    another.await;
    // The followers that are left still receive changes.
    ada.create_task("Milk").await;
    eve.create_task("Bread").await;
    let told = join_all(followers.iter_mut().map(Follower::next)).await;
    assert!(told.iter().flatten().all(|(version, _)| *version == 1) && told.len() == 31);
    assert_eq!(eves.versions(1).await, [1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_is_told_of_nobody_elses_list() {
    let app = TestApp::spawn().await;
    let (ada, eve) = (app.sign_up("ada@example.com").await, app.sign_up("eve@example.com").await);
    let mut followers =
        [Follower::of(&app, &ada, None).await, Follower::of(&app, &eve, None).await];
    let users = [&ada, &eve];
    let mut expected: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    for number in [0, 1, 1, 0, 1, 0, 0] {
        let task = users[number].create_task(&format!("task {number}")).await;
        expected.entry(number).or_default().push(id(&task).to_owned());
    }
    for (number, follower) in followers.iter_mut().enumerate() {
        for task in &expected[&number] {
            assert_eq!(follower.next().await.unwrap().1["taskId"], json!(task));
        }
    }
}
