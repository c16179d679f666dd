//! Undo and redo: the last change is taken back, and done again.

use std::collections::HashSet;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::random::Random;
use super::{all, at, changes, delete, fields, id, patch, post, present, redo, seen, text, undo};
use crate::support::app::{Reply, TestApp, tag, two_servers, v};

fn expect_nothing(reply: &Reply, code: &str, message: &str) {
    reply.expect_problem(409, code, message);
}

fn nothing_to_undo(reply: &Reply) {
    expect_nothing(reply, "NOTHING_TO_UNDO", "There is nothing to undo");
}

fn nothing_to_redo(reply: &Reply) {
    expect_nothing(reply, "NOTHING_TO_REDO", "There is nothing to redo");
}

#[tokio::test(flavor = "multi_thread")]
async fn repeated_undo_walks_back_to_the_empty_list_and_redo_to_where_it_began() {
    let mut app = TestApp::spawn_with(|config| config.entities.snapshot_every = 10).await;
    let ada = app.sign_up("ada@example.com").await;
    for seed in [1, 2, 3] {
        let mut random = Random::new(seed);
        let mut steps = vec![seen(&all(&ada).await)];
        for _ in 0..40 {
            app.clock().advance(Duration::from_secs(1));
            changes::change(&ada, &mut random).await;
            steps.push(seen(&all(&ada).await));
        }
        for step in (0..40).rev() {
            app.clock().advance(Duration::from_secs(1));
            let undone = undo(&ada).await.expect(200);
            let page = all(&ada).await;
            assert_eq!(seen(&page), steps[step], "seed {seed}, back to step {step}");
            let said = (&undone["version"], &undone["canUndo"], &undone["canRedo"]);
            let can_undo = json!(step > 0);
            assert_eq!(said, (&page["version"], &can_undo, &json!(true)));
        }
        nothing_to_undo(&undo(&ada).await);
        app.restart().await;
        nothing_to_undo(&undo(&ada).await);
        for (step, expected) in (1..).zip(&steps[1..]) {
            let redone = redo(&ada).await.expect(200);
            assert_eq!(&seen(&all(&ada).await), expected, "seed {seed}, on to step {step}");
            let said = (&redone["canUndo"], &redone["canRedo"]);
            assert_eq!(said, (&json!(true), &json!(step < 40)));
        }
        nothing_to_redo(&redo(&ada).await);
        // The next round begins with the empty list and nothing to do again.
        for _ in 0..40 {
            undo(&ada).await.expect(200);
        }
        ada.create_task("the last").await;
        undo(&ada).await.expect(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn undo_and_redo_in_any_order_show_every_step_as_it_was() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    let mut random = Random::new(7);
    // The model of an editor: a line of states, and a place in it.
    let (mut line, mut place) = (vec![seen(&all(&ada).await)], 0);
    for _ in 0..150 {
        match random.below(3) {
            0 => {
                changes::change(&ada, &mut random).await;
                line.truncate(place + 1);
                line.push(seen(&all(&ada).await));
                place += 1;
            }
            1 if place == 0 => nothing_to_undo(&undo(&ada).await),
            1 => {
                undo(&ada).await.expect(200);
                place -= 1;
            }
            _ if place + 1 == line.len() => nothing_to_redo(&redo(&ada).await),
            _ => {
                redo(&ada).await.expect(200);
                place += 1;
            }
        }
        assert_eq!(seen(&all(&ada).await), line[place]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_change_is_taken_back_by_a_compensating_event_that_says_so() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    let milk = ada.create_task("Milk").await;
    app.clock().advance(Duration::from_secs(1));
    patch(&ada, &milk, json!({"title": "Oat milk"})).await;
    let events = app.dump("events").await;
    app.clock().advance(Duration::from_secs(1));
    let change = |version: i64, kind: &str, deed: &str, before: Value, after: Value| {
        present(json!({
            "version": v(version), "taskId": id(&milk), "type": kind, "deed": deed, "at": at(2),
            "userId": ada.id, "sessionId": ada.session_id, "clientAddress": "127.0.0.1",
            "before": before, "after": after,
        }))
    };
    let taken_back = |version: i64, change: Value, can_undo: bool, can_redo: bool| {
        json!({
            "changes": [change], "total": 1, "canUndo": can_undo, "canRedo": can_redo,
            "version": v(version),
        })
    };
    let (old, new) = (json!({"title": "Milk"}), json!({"title": "Oat milk"}));
    let reply = undo(&ada).await;
    assert_eq!(reply.header("etag"), tag(3));
    let undone = change(3, "changed", "undo", new.clone(), old.clone());
    assert_eq!(reply.expect(200), taken_back(3, undone, true, true));
    let undone = change(4, "deleted", "undo", fields(&milk), Value::Null);
    assert_eq!(undo(&ada).await.expect(200), taken_back(4, undone, false, true));
    let redone = change(5, "restored", "redo", Value::Null, fields(&milk));
    assert_eq!(redo(&ada).await.expect(200), taken_back(5, redone, true, true));
    let redone = change(6, "changed", "redo", old, new);
    assert_eq!(redo(&ada).await.expect(200), taken_back(6, redone, true, false));
    // Nothing of what was is touched.
    let now = app.dump("events").await;
    assert!(events.lines().all(|line| now.contains(line)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_taken_back_and_done_again_as_a_whole() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    let milk = ada.create_task("Milk").await;
    let before = seen(&all(&ada).await);
    let mut commands: Vec<_> = (0..498)
        .map(|number| json!({"op": "create", "task": {"title": format!("task {number}")}}))
        .collect();
    commands.push(json!({"op": "change", "id": id(&milk), "changes": {"completed": true}}));
    commands.push(json!({"op": "delete", "id": id(&milk)}));
    post(&ada, "/batch", json!({"commands": commands})).await;
    let after = seen(&all(&ada).await);
    assert_eq!(undo(&ada).await.expect(200)["total"], 500);
    assert_eq!(seen(&all(&ada).await), before);
    assert_eq!(redo(&ada).await.expect(200)["total"], 500);
    assert_eq!(seen(&all(&ada).await), after);
    let undone = undo(&ada).await.expect(200);
    assert_eq!((seen(&all(&ada).await), &undone["version"]), (before, &json!(v(1_501 + 500))));
    assert_eq!(undone["changes"].as_array().unwrap().len(), 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_nothing_to_take_back_in_a_new_list_and_nothing_to_do_again_after_a_new_change() {
    let app = TestApp::spawn().await;
    let (ada, eve) = (app.sign_up("ada@example.com").await, app.sign_up("eve@example.com").await);
    nothing_to_undo(&undo(&ada).await);
    nothing_to_redo(&redo(&ada).await);
    let milk = ada.create_task("Milk").await;
    nothing_to_undo(&undo(&eve).await);
    nothing_to_redo(&redo(&ada).await);
    patch(&ada, &milk, json!({"title": "Oat milk"})).await;
    undo(&ada).await.expect(200);
    // A request that changes nothing is no change: redo stays possible.
    patch(&ada, &milk, json!({"title": "Milk"})).await;
    redo(&ada).await.expect(200);
    undo(&ada).await.expect(200);
    delete(&ada, &milk).await;
    nothing_to_redo(&redo(&ada).await);
    undo(&ada).await.expect(200);
    assert_eq!(ada.titles().await, ["Milk"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_clients_that_undo_at_the_same_time_take_back_two_different_changes() {
    let (first, second) = two_servers().await;
    let ada = first.sign_up("ada@example.com").await;
    let there = ada.at(&second.url());
    for _ in 0..12 {
        ada.create_task("task").await;
    }
    let mut steps = vec![seen(&all(&ada).await)];
    for left in (0..6).map(|round| 10 - 2 * round) {
        // Two on one node, or on two.
        let other = if left % 4 == 0 { &ada } else { &there };
        let (one, other) = tokio::join!(undo(&ada), undo(other));
        let taken = [one.expect(200), other.expect(200)];
        let tasks: HashSet<_> =
            taken.iter().map(|undone| text(&undone["changes"][0]["taskId"])).collect();
        assert_eq!((tasks.len(), taken[0]["total"].as_u64()), (2, Some(1)));
        let page = all(&there).await;
        assert_eq!(page["total"], left);
        assert_eq!(seen(&page), steps[0][..left]);
        steps.push(seen(&page));
    }
    nothing_to_undo(&undo(&there).await);
    for expected in steps.iter().rev().skip(1) {
        let (one, other) = tokio::join!(redo(&there), redo(&ada));
        one.expect(200);
        other.expect(200);
        assert_eq!(&seen(&all(&ada).await), expected);
    }
    nothing_to_redo(&redo(&ada).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_taken_back_if_the_list_has_changed_since_it_was_read() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    ada.create_task("Milk").await;
    ada.create_task("Bread").await;
    let undo =
        |tag: &str| ada.request(Method::POST, &ada.tasks("/undo")).header("if-match", tag).send();
    let reply = undo(tag(1)).await;
    let message = "This has changed since you read it; nothing was changed";
    reply.expect_problem(412, "VERSION_MISMATCH", message);
    let current = all(&ada).await;
    assert_eq!((reply.header("etag"), &reply.json()["current"]), (tag(2), &current));
    undo(tag(2)).await.expect(200);
    assert_eq!(ada.titles().await, ["Milk"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_taken_back_beside_others_who_change_the_list_all_the_time() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    let writers = (0..6).map(|writer| {
        let ada = &ada;
        async move {
            for number in 0..20 {
                ada.create_task(&format!("{writer} {number}")).await;
            }
        }
    });
    let undoing = async {
        let mut undone = 0;
        while undone < 20 {
            let reply = undo(&ada).await;
            if reply.status == 200 {
                undone += 1;
            } else {
                // It was faster than the writers.
                reply.expect_problem(409, "NOTHING_TO_UNDO", "There is nothing to undo");
            }
        }
    };
    ada.create_task("first").await;
    tokio::join!(futures_util::future::join_all(writers), undoing);
    assert_eq!(all(&ada).await["total"], 1 + 6 * 20 - 20);
}
