//! Restoring: a deleted task as it was, any task as it was in a version.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::{all, ask, at, delete, get, id, patch, post, restore, tasks};
use crate::support::app::{TestApp, tag, v};
use crate::support::user::TestUser;

/// A task with everything, and a minute later.
async fn with_milk() -> (TestApp, TestUser, Value) {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    let body = json!({
        "title": "Milk", "description": "Two litres", "completed": true, "priority": "high",
        "due": "2026-12-24", "tags": ["home"],
    });
    let milk = ada.create(&body).await.expect(201);
    app.clock().advance(Duration::from_mins(1));
    (app, ada, milk)
}

/// The task with the number of a later version of its list, changed a minute after the start.
fn since(task: &Value, version: i64) -> Value {
    let mut task = task.clone();
    task["version"] = json!(v(version));
    task["updatedAt"] = json!(at(60));
    task
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_task_is_restored_as_it_was() {
    let (mut app, ada, milk) = with_milk().await;
    ada.create_task("Bread").await;
    delete(&ada, &milk).await;
    assert_eq!(all(&ada).await["total"], 1);
    app.restart().await;
    let reply = restore(&ada, &milk, None).await;
    assert_eq!(reply.header("etag"), tag(4));
    assert_eq!(reply.expect(200), since(&milk, 4));
    assert_eq!(tasks(&all(&ada).await)[0], since(&milk, 4));
    assert_eq!(get(&ada, &format!("/{}", id(&milk))).await, since(&milk, 4));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_becomes_again_what_it_was_in_a_version_but_stays_where_it_stands() {
    let (_app, ada, milk) = with_milk().await;
    let bread = ada.create_task("Bread").await;
    let changes = json!({
        "title": "Oat milk", "description": null, "completed": false, "priority": "none",
        "due": null, "tags": [],
    });
    let oats = patch(&ada, &milk, changes).await;
    let moved = post(&ada, &format!("/{}/move", id(&milk)), json!({"after": id(&bread)})).await;
    let mut expected = since(&milk, 5);
    expected["position"] = moved["position"].clone();
    // In version 2 it was what it had been since version 1.
    let restored = restore(&ada, &milk, Some(2)).await;
    assert_eq!((restored.header("etag"), restored.json()), (tag(5), expected.clone()));
    assert_eq!(restore(&ada, &milk, Some(1)).await.expect(200), expected, "it is so already");
    let mut expected = since(&oats, 6);
    expected["position"] = moved["position"].clone();
    assert_eq!(restore(&ada, &milk, Some(3)).await.expect(200), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_task_becomes_again_what_it_was_in_a_version() {
    let (_app, ada, milk) = with_milk().await;
    patch(&ada, &milk, json!({"title": "Oat milk"})).await;
    delete(&ada, &milk).await;
    assert_eq!(restore(&ada, &milk, Some(1)).await.expect(200), since(&milk, 4));
    let history = get(&ada, &format!("/{}/history?limit=1", id(&milk))).await;
    let last = &history["changes"][0];
    assert_eq!((&last["type"], &last["after"]["title"]), (&json!("restored"), &json!("Milk")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_whose_place_is_taken_is_restored_right_behind() {
    let (_app, ada, milk) = with_milk().await;
    let bread = ada.create_task("Bread").await;
    delete(&ada, &milk).await;
    let place = json!({"tasks": [{"title": "Soap", "position": milk["position"]}]});
    post(&ada, "/import", place).await;
    let restored = restore(&ada, &milk, None).await.expect(200);
    let order = get(&ada, "?sort=position").await;
    let titles: Vec<_> = tasks(&order).iter().map(|task| task["title"].clone()).collect();
    assert_eq!(titles, ["Soap", "Milk", "Bread"]);
    assert_ne!(restored["position"], milk["position"]);
    assert_eq!(tasks(&order)[2], bread);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_is_not_restored_to_a_version_in_which_it_was_not_there() {
    let (app, ada, milk) = with_milk().await;
    delete(&ada, &milk).await;
    let bread = ada.create_task("Bread").await;
    for (task, version) in [(&milk, 2), (&milk, 3), (&bread, 1), (&bread, 2)] {
        let reply = restore(&ada, task, Some(version)).await;
        reply.expect_problem(404, "TASK_NOT_FOUND", "There is no such task");
    }
    let eve = app.sign_up("eve@example.com").await;
    for version in [None, Some(1)] {
        eve.create_task("eve's").await;
        let reply = restore(&eve, &milk, version).await;
        reply.expect_problem(404, "TASK_NOT_FOUND", "There is no such task");
    }
    let unknown = json!({"id": "00000000-0000-0000-0000-000000000000"});
    let nonsense = json!({"id": "nonsense"});
    for task in [&unknown, &nonsense] {
        let reply = restore(&ada, task, None).await;
        reply.expect_problem(404, "TASK_NOT_FOUND", "There is no such task");
    }
    assert_eq!(all(&ada).await["version"], v(3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_the_list_does_not_have_is_refused() {
    let (_app, ada, milk) = with_milk().await;
    let path = format!("/{}/restore", id(&milk));
    let send = async |version: Value| {
        ask(&ada, Method::POST, &path, Some(json!({"version": version}))).await
    };
    for version in [v(2), v(1_000_000_000_000_i64), "1.AAAAAAAA", "0@1.AAAAAAAA"] {
        let reply = send(json!(version)).await;
        reply.expect_invalid(&[("version", "VERSION_UNKNOWN", "is not a version of this list")]);
    }
    for version in [json!("1"), json!("-1.Zk3x_9Qa"), json!("2@1.Zk3x_9Qa"), json!("")] {
        let message = "must be a version as answers have it, such as 31.Zk3x_9Qa";
        send(version).await.expect_invalid(&[("version", "VERSION_INVALID", message)]);
    }
    let message = "invalid type: integer `1`, expected a string";
    send(json!(1)).await.expect_invalid(&[("version", "VERSION_WRONG_TYPE", message)]);
    assert_eq!(all(&ada).await["version"], v(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn restoring_what_is_not_deleted_changes_nothing() {
    let (app, ada, milk) = with_milk().await;
    let events = app.dump("events").await;
    for _ in 0..2 {
        let reply = restore(&ada, &milk, None).await;
        assert_eq!((reply.header("etag"), reply.expect(200)), (tag(1), milk.clone()));
    }
    assert_eq!(app.dump("events").await, events);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_restores_what_it_has_deleted_itself_as_it_was_by_then() {
    let (_app, ada, milk) = with_milk().await;
    let milk_id = id(&milk);
    let commands = json!([
        {"op": "change", "id": milk_id, "changes": {"title": "Oat milk"}},
        {"op": "delete", "id": milk_id},
        {"op": "restore", "id": milk_id},
        {"op": "change", "id": milk_id, "changes": {"priority": "low"}},
    ]);
    let done = post(&ada, "/batch", json!({"commands": commands})).await;
    let mut expected = since(&milk, 5);
    (expected["title"], expected["priority"]) = (json!("Oat milk"), json!("low"));
    let (result, last) = (json!({"id": milk_id}), json!({"id": milk_id, "task": expected}));
    assert_eq!(done, json!({"results": [result, result, result, last], "version": v(5)}));
    let history = get(&ada, &format!("/{milk_id}/history")).await;
    let kinds: Vec<_> =
        history["changes"].as_array().unwrap().iter().map(|one| &one["type"]).collect();
    assert_eq!(kinds, ["changed", "restored", "deleted", "changed", "created"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_has_changed_since_it_was_read_is_not_restored() {
    let (_app, ada, milk) = with_milk().await;
    let oats = patch(&ada, &milk, json!({"title": "Oat milk"})).await;
    let path = ada.tasks(&format!("/{}/restore", id(&milk)));
    let to_first = |tag: &str| {
        let request = ada.request(Method::POST, &path).header("if-match", tag);
        request.json(&json!({"version": v(1)})).send()
    };
    let reply = to_first(tag(1)).await;
    let message = "This has changed since you read it; nothing was changed";
    reply.expect_problem(412, "VERSION_MISMATCH", message);
    assert_eq!((reply.header("etag"), &reply.json()["current"]), (tag(2), &oats));
    assert_eq!(to_first(tag(2)).await.expect(200), since(&milk, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_task_has_no_version_that_could_be_expected() {
    let (_app, ada, milk) = with_milk().await;
    delete(&ada, &milk).await;
    let path = ada.tasks(&format!("/{}/restore", id(&milk)));
    let request = ada.request(Method::POST, &path).header("if-match", tag(1)).json(&json!({}));
    let message = "This has changed since you read it; nothing was changed";
    request.send().await.expect_problem(412, "VERSION_MISMATCH", message);
    assert_eq!(restore(&ada, &milk, None).await.expect(200), since(&milk, 3));
}
