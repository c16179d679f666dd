//! Time travel: exactly what the list was, in a version or at a time.

use std::time::Duration;

use keyfold::config::Config;
use reqwest::Method;
use serde_json::{Value, json};

use super::random::Random;
use super::{all, ask, at, changes, text, undo};
use crate::support::app::{START, TestApp, two_servers, v};
use crate::support::user::TestUser;

/// Ways to look at a list.
const QUERIES: [&str; 5] = [
    "?limit=1000",
    "?sort=position&limit=3",
    "?completed=false&sort=updated&order=desc",
    "?priority=high&priority=low&tag=HOME&sort=priority",
    "?q=e&sort=due&order=desc&dueFrom=2026-01-01",
];

/// A list as it was shown after a change.
struct Seen {
    version: String,
    seconds: u64,
    pages: Vec<String>,
}

async fn look(user: &TestUser, seconds: u64) -> Seen {
    let mut pages = Vec::new();
    for query in QUERIES {
        pages.push(user.list(query).await.text);
    }
    let page: Value = serde_json::from_str(&pages[0]).unwrap();
    Seen { version: text(&page["version"]).to_owned(), seconds, pages }
}

/// A list that changed so many times, a second apart, by turns through the views of one user.
async fn lived(app: &TestApp, views: &[TestUser], count: u64) -> Vec<Seen> {
    let mut random = Random::new(11);
    let mut seen = vec![look(&views[0], 0).await];
    for second in 1..=count {
        app.clock().advance(Duration::from_secs(1));
        let user = random.pick(views);
        if random.below(6) == 0 && second > 1 {
            undo(user).await;
        } else {
            changes::change(user, &mut random).await;
        }
        seen.push(look(user, second).await);
    }
    seen
}

/// Asserts that every page is byte for byte as it was, by version and by time.
async fn assert_as_it_was(user: &TestUser, seen: &[Seen]) {
    for Seen { version, seconds, pages } in seen {
        for (query, expected) in QUERIES.iter().zip(pages) {
            for moment in [version.clone(), at(*seconds)] {
                let reply = user.list(&format!("{query}&asOf={moment}")).await;
                assert_eq!(
                    (reply.status.as_u16(), &reply.text),
                    (200, expected),
                    "{query} {moment}"
                );
                assert_eq!(reply.header("etag"), format!("\"{version}\""));
            }
        }
    }
}

fn often(config: &mut Config) {
    config.entities.snapshot_every = 7;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_shown_exactly_as_it_was_in_a_version_and_at_a_time_with_snapshots_and_without() {
    let mut app = TestApp::spawn_with(often).await;
    let ada = app.sign_up("ada@example.com").await;
    let seen = lived(&app, std::slice::from_ref(&ada), 60).await;
    assert_as_it_was(&ada, &seen).await;
    app.restart().await;
    let kept = "select count(*)::text from snapshots where kept and stream like 'tasks-%'";
    let kept: usize = app.query_text(kept).await.parse().unwrap();
    assert!(kept >= 3, "{kept} snapshots");
    assert_as_it_was(&ada, &seen).await;

    let link = app.connection().connect().await.unwrap();
    link.client.batch_execute("delete from snapshots").await.unwrap();
    app.restart().await;
    link.client.batch_execute("delete from snapshots").await.unwrap();
    assert_as_it_was(&ada, &seen).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_node_shows_a_list_as_it_was() {
    let (first, second) = two_servers().await;
    let ada = first.sign_up("ada@example.com").await;
    let views = [ada.at(&first.url()), ada.at(&second.url())];
    let seen = lived(&first, &views, 30).await;
    for view in &views {
        assert_as_it_was(view, &seen).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_shows_everything_that_had_happened_by_then() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    let empty = all(&ada).await;
    let mut pages = vec![empty.clone()];
    // Two changes at once, and another two five minutes later.
    for title in ["Milk", "Bread", "Soap", "Salt"] {
        ada.create_task(title).await;
        pages.push(all(&ada).await);
        if title == "Bread" {
            app.clock().advance(Duration::from_mins(5));
        }
    }
    let after = |millis: i64| {
        keyfold::base::clock::Timestamp::from_unix_millis(START.unix_millis() + millis).to_string()
    };
    for (time, expected) in [
        ("1970-01-01T00:00:00Z".to_owned(), 0),
        (after(-1), 0),
        (after(0), 2),
        ("2026-01-01T00:00:00Z".to_owned(), 2),
        ("2026-01-01T01:00:00.999999999%2B01:00".to_owned(), 2),
        (after(299_999), 2),
        (after(300_000), 4),
        ("2025-12-31T19:05:00-05:00".to_owned(), 4),
        ("9999-12-30T22:00:00Z".to_owned(), 4),
    ] {
        let page = ada.list(&format!("?limit=1000&asOf={time}")).await.expect(200);
        assert_eq!(page, pages[expected], "{time}");
    }
    for (number, expected) in pages.iter().enumerate() {
        for version in [v(number).to_owned(), format!("{number}@{}", v(4))] {
            let page = ada.list(&format!("?limit=1000&asOf={version}")).await.expect(200);
            assert_eq!(&page, expected, "{version}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_the_past_is_paged_through_while_the_list_goes_on() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    for number in 0..7 {
        ada.create(&json!({"title": format!("task {number}")})).await.expect(201);
    }
    let whole = all(&ada).await;
    let (mut told, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = ada.list(&format!("?asOf={}&limit=2{cursor}", v(7))).await.expect(200);
        told.extend(page["tasks"].as_array().unwrap().clone());
        assert_eq!((&page["total"], &page["version"]), (&json!(7), &json!(v(7))));
        undo(&ada).await.expect(200);
        let Some(next) = page["nextCursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(json!(told), whole["tasks"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moment_that_is_none_or_is_yet_to_come_is_refused() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    ada.create_task("Milk").await;
    for other in [v(2), v(i64::MAX), "1.AAAAAAAA", "0@1.AAAAAAAA", "1@2.Zk3x_9Qa"] {
        let reply = ada.list(&format!("?asOf={other}")).await;
        reply.expect_invalid(&[("asOf", "AS_OF_UNKNOWN", "is not a version of this list")]);
    }
    let empty = ada.list("?asOf=").await;
    empty.expect_invalid(&[("asOf", "AS_OF_EMPTY", "must not be empty")]);
    for moment in [
        "1",
        "-1",
        "1.5",
        "2@1.Zk3x_9Qa",
        "now",
        "2026-01-01",
        "2026-01-01T00:00:00",
        "9".repeat(30).as_str(),
    ] {
        let reply = ada.list(&format!("?asOf={moment}")).await;
        let message =
            "must be a version of the list, or a date and time with its offset (RFC 3339)";
        reply.expect_invalid(&[("asOf", "AS_OF_INVALID", message)]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_past_of_another_users_list_is_not_shown() {
    let app = TestApp::spawn().await;
    let (ada, eve) = (app.sign_up("ada@example.com").await, app.sign_up("eve@example.com").await);
    ada.create_task("Milk").await;
    for path in ["?asOf=0", "/diff?from=0", "/events"] {
        let reply = eve.request(Method::GET, &ada.tasks(path)).send().await;
        reply.expect_problem(403, "NOT_YOURS", "This belongs to another user");
    }
    let reply = ask(&eve, Method::GET, &format!("?asOf={}", v(1)), None).await;
    reply.expect_invalid(&[("asOf", "AS_OF_UNKNOWN", "is not a version of this list")]);
}
