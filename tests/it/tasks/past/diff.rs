//! Differences between two versions or times of a list, in either direction.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::random::Random;
use super::{all, ask, at, changes, fields, get, id, present, tasks, text};
use crate::support::app::{TestApp, v};

/// Differences of each task, computed from two pages. Ids sort like their tasks' creation.
fn compared(from: &Value, to: &Value) -> Vec<Value> {
    let by_id = |page: &Value| -> BTreeMap<String, Value> {
        tasks(page).iter().map(|task| (id(task).to_owned(), fields(task))).collect()
    };
    let (from, to) = (by_id(from), by_id(to));
    let mut ids: Vec<_> = from.keys().chain(to.keys()).collect();
    ids.sort();
    ids.dedup();
    let whole = |task: Option<&Value>| task.cloned().unwrap_or(Value::Null);
    let difference = |id: &String| {
        let (mut before, mut after) = (whole(from.get(id)), whole(to.get(id)));
        if before == after {
            return None;
        }
        if let (Some(one), Some(other)) = (before.as_object_mut(), after.as_object_mut()) {
            // `completed` and `completedAt` appear in a difference together.
            let is_same = |name: &str| match name {
                "completed" => one["completedAt"] == other["completedAt"],
                name => one[name] == other[name],
            };
            let same: Vec<_> = one.keys().filter(|name| is_same(name)).cloned().collect();
            for name in same {
                one.remove(&name);
                other.remove(&name);
            }
        }
        Some(present(json!({"taskId": id, "before": before, "after": after})))
    };
    ids.into_iter().filter_map(difference).collect()
}

/// The task of a difference.
fn id_of(difference: &Value) -> &str {
    text(&difference["taskId"])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_diff_tells_what_is_different_between_any_two_moments_in_either_direction_page_by_page() {
    let app = TestApp::spawn_with(|config| config.entities.snapshot_every = 7).await;
    let ada = app.sign_up("ada@example.com").await;
    let mut random = Random::new(23);
    let mut pages = vec![all(&ada).await];
    for _ in 0..40 {
        app.clock().advance(Duration::from_secs(1));
        changes::change(&ada, &mut random).await;
        pages.push(all(&ada).await);
    }
    for round in 0..60 {
        let (from, to) = (random.below(pages.len()), random.below(pages.len()));
        let moment = |place: usize, by_time: bool| {
            if by_time { at(place as u64) } else { text(&pages[place]["version"]).to_owned() }
        };
        let (begin, end) = (moment(from, random.flip()), moment(to, random.flip()));
        let expected = compared(&pages[from], &pages[to]);
        let limit = if round % 2 == 0 { 1_000 } else { 2 };
        let (mut told, mut cursor) = (Vec::new(), String::new());
        loop {
            let query = format!("/diff?from={begin}&to={end}&limit={limit}{cursor}");
            let page = get(&ada, &query).await;
            let part = page["differences"].as_array().unwrap();
            told.extend(part.iter().cloned());
            let versions = [from, to].map(|place| &pages[place]["version"]);
            let next = match part.last() {
                Some(last) if told.len() < expected.len() => {
                    json!(format!("{}~{}~{}", text(versions[0]), text(versions[1]), id_of(last)))
                }
                Some(_) | None => Value::Null,
            };
            let shell = json!({
                "from": versions[0], "to": versions[1], "differences": part, "nextCursor": next,
            });
            assert_eq!(page, shell, "{query}");
            assert!(part.len() <= limit);
            let Some(next) = next.as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(told, expected, "from {begin} to {end}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_diff_without_an_end_ends_now() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    let milk = ada.create_task("Milk").await;
    let bread = ada.create_task("Bread").await;
    let added = |task: &Value| json!({"taskId": id(task), "after": fields(task)});
    let diff = |from: i64, differences: Vec<Value>| json!({"from": v(from), "to": v(2), "differences": differences, "nextCursor": null});
    let both = vec![added(&milk), added(&bread)];
    assert_eq!(get(&ada, "/diff?from=0").await, diff(0, both));
    assert_eq!(get(&ada, &format!("/diff?from={}", v(1))).await, diff(1, vec![added(&bread)]));
    assert_eq!(get(&ada, &format!("/diff?from={}", v(2))).await, diff(2, vec![]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_of_a_diff_are_of_the_same_versions_whatever_happens_meanwhile() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    for title in ["Milk", "Bread", "Soap"] {
        ada.create_task(title).await;
    }
    let whole = get(&ada, "/diff?from=0").await;
    let first = get(&ada, "/diff?from=0&limit=2").await;
    ada.create_task("Salt").await;
    let rest = get(&ada, &format!("/diff?from=0&cursor={}", text(&first["nextCursor"]))).await;
    assert_eq!((&rest["from"], &rest["to"]), (&json!("0"), &json!(v(3))));
    let told = [&first, &rest].map(|page| page["differences"].as_array().unwrap().clone());
    assert_eq!(json!(told.concat()), whole["differences"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_diff_of_moments_that_are_none_is_refused() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    ada.create_task("Milk").await;
    let no_moment = "must be a version of the list, or a date and time with its offset (RFC 3339)";
    let unknown = "is not a version of this list";
    let no_page = "must be the nextCursor of a page";
    for (query, field, code, message) in [
        ("", "from", "FROM_MISSING", "is missing"),
        ("?from=x", "from", "FROM_INVALID", no_moment),
        ("?from=0&to=yesterday", "to", "TO_INVALID", no_moment),
        ("?from=1", "from", "FROM_INVALID", no_moment),
        ("?from=2.Zk3x_9Qa", "from", "FROM_UNKNOWN", unknown),
        ("?from=1.AAAAAAAA", "from", "FROM_UNKNOWN", unknown),
        ("?from=0&to=2.Zk3x_9Qa", "to", "TO_UNKNOWN", unknown),
        ("?from=0&cursor=x", "cursor", "CURSOR_INVALID", no_page),
        (
            "?from=0&cursor=00000000-0000-0000-0000-000000000000",
            "cursor",
            "CURSOR_INVALID",
            no_page,
        ),
        (
            "?from=0&cursor=0~1.AAAAAAAA~00000000-0000-0000-0000-000000000000",
            "cursor",
            "CURSOR_UNKNOWN",
            unknown,
        ),
        ("?from=0&limit=0", "limit", "LIMIT_TOO_SMALL", "must be at least 1"),
        ("?from=0&limit=1001", "limit", "LIMIT_TOO_LARGE", "must be at most 1000"),
    ] {
        let reply = ask(&ada, Method::GET, &format!("/diff{query}"), None).await;
        reply.expect_invalid(&[(field, code, message)]);
    }
}
