//! The history of a task: user, time and session of each change, with the fields before and after.

mod large_pages;
mod list;
mod walks;

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::{ask, at, delete, fields, get, id, patch, post, present, redo, restore, text, undo};
use crate::support::app::{TestApp, number, v};
use crate::support::user::TestUser;

const SECOND: Duration = Duration::from_secs(1);

/// The history of a task, with parameters.
async fn history(user: &TestUser, task: &Value, query: &str) -> Value {
    get(user, &format!("/{}/history{query}", id(task))).await
}

/// One user with two devices, and the answers to some of their changes to one task, which are mostly a second apart.
struct Life {
    laptop: TestUser,
    phone: TestUser,
    milk: Value,
    moved: Value,
    done: Value,
}

async fn life(app: &TestApp) -> Life {
    let laptop = app.sign_up("ada@example.com").await;
    let phone = TestUser::sign_in(&app.url(), &laptop.email).await;
    let pass = || app.clock().advance(SECOND);
    let body = json!({
        "title": "Milk", "description": "Two litres", "priority": "high",
        "due": "2026-12-24", "tags": ["home", "shop"],
    });
    let milk = laptop.create(&body).await.expect(201);
    let bread = laptop.create_task("Bread").await;
    pass();
    patch(&phone, &milk, json!({"title": "Oat milk", "description": null})).await;
    pass();
    let moved = post(&laptop, &format!("/{}/move", id(&milk)), json!({"after": id(&bread)})).await;
    pass();
    let done = patch(&phone, &milk, json!({"completed": true})).await;
    pass();
    delete(&laptop, &milk).await;
    pass();
    restore(&phone, &milk, None).await.expect(200);
    pass();
    undo(&laptop).await.expect(200);
    pass();
    redo(&phone).await.expect(200);
    pass();
    undo(&phone).await.expect(200);
    undo(&laptop).await.expect(200);
    Life { laptop, phone, milk, moved, done }
}

/// A task with many changes, and the expected history: newest first.
async fn eventful(app: &TestApp) -> (TestUser, Value, Vec<Value>) {
    let Life { laptop, phone, milk, moved, done } = life(app).await;
    let change = |version: i64, kind: &str, deed: &str, seconds: u64, by: &TestUser| {
        json!({
            "version": v(version), "taskId": id(&milk), "type": kind, "deed": deed, "at": at(seconds),
            "userId": laptop.id, "sessionId": by.session_id, "clientAddress": "127.0.0.1",
        })
    };
    let with = |mut change: Value, before: Value, after: Value| {
        (change["before"], change["after"]) = (before, after);
        present(change)
    };
    let (none, whole) = (Value::Null, fields(&done));
    let names = (
        json!({"title": "Milk", "description": "Two litres"}),
        json!({"title": "Oat milk", "description": null}),
    );
    let places = (json!({"position": milk["position"]}), json!({"position": moved["position"]}));
    let states = (
        json!({"completed": false, "completedAt": null}),
        json!({"completed": true, "completedAt": at(3)}),
    );
    let created = fields(&milk);
    let changes = vec![
        with(change(11, "restored", "undo", 8, &laptop), none.clone(), whole.clone()),
        with(change(10, "deleted", "undo", 8, &phone), whole.clone(), none.clone()),
        with(change(9, "restored", "redo", 7, &phone), none.clone(), whole.clone()),
        with(change(8, "deleted", "undo", 6, &laptop), whole.clone(), none.clone()),
        with(change(7, "restored", "do", 5, &phone), none.clone(), whole.clone()),
        with(change(6, "deleted", "do", 4, &laptop), whole, none.clone()),
        with(change(5, "changed", "do", 3, &phone), states.0, states.1),
        with(change(4, "changed", "do", 2, &laptop), places.0, places.1),
        with(change(3, "changed", "do", 1, &phone), names.0, names.1),
        with(change(1, "created", "do", 0, &laptop), none, created),
    ];
    (phone, milk, changes)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_tells_who_changed_what_when_and_from_which_session_with_before_and_after() {
    let mut app = TestApp::spawn().await;
    let (phone, milk, changes) = eventful(&app).await;
    let expected = json!({"changes": changes, "nextBefore": null});
    assert_eq!(history(&phone, &milk, "").await, expected);
    app.restart().await;
    assert_eq!(history(&phone, &milk, "").await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_history_comes_page_by_page_without_gap_or_repeat() {
    let app = TestApp::spawn().await;
    let (phone, milk, changes) = eventful(&app).await;
    for limit in 1..=changes.len() + 1 {
        let (mut told, mut before) = (Vec::new(), String::new());
        loop {
            let page = history(&phone, &milk, &format!("?limit={limit}{before}")).await;
            let part = page["changes"].as_array().unwrap();
            told.extend(part.iter().cloned());
            let is_last = told.len() == changes.len();
            let next = if is_last { &Value::Null } else { &part.last().unwrap()["version"] };
            assert_eq!((part.len() <= limit, &page["nextBefore"]), (true, next));
            if is_last {
                break;
            }
            before = format!("&before={}", text(next));
        }
        assert_eq!(told, changes);
    }
    let nothing = json!({"changes": [], "nextBefore": null});
    assert_eq!(history(&phone, &milk, &format!("?before={}", v(1))).await, nothing);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_a_history_goes_on_from_one_of_the_tasks_own_versions_only() {
    let app = TestApp::spawn().await;
    let (phone, milk, changes) = eventful(&app).await;
    let own = |number: i64| changes.iter().any(|change| change["version"] == v(number));
    let (last, message) = (12, "must be the nextBefore of a page of this history");
    let others = (1..=last + 1).filter(|number| !own(*number)).chain([1_000, i64::MAX]).map(v);
    // In the place of one of its own, in another history.
    for before in others.chain(["9.AAAAAAAA", "9@11.AAAAAAAA", "0"]) {
        let path = format!("/{}/history?before={before}", id(&milk));
        let reply = ask(&phone, Method::GET, &path, None).await;
        reply.expect_invalid(&[("before", "BEFORE_UNKNOWN", message)]);
    }
    // Deleted or not, and in any list.
    delete(&phone, &milk).await;
    for before in [v(2), v(1_000)] {
        let path = format!("/{}/history?before={before}", id(&milk));
        let reply = ask(&phone, Method::GET, &path, None).await;
        reply.expect_invalid(&[("before", "BEFORE_UNKNOWN", message)]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_never_a_task_of_this_list_has_no_history() {
    let app = TestApp::spawn().await;
    let (ada, eve) = (app.sign_up("ada@example.com").await, app.sign_up("eve@example.com").await);
    let (eves, gone) = (eve.create_task("eve's").await, eve.create_task("gone").await);
    delete(&eve, &gone).await;
    for id in [id(&eves), id(&gone), "00000000-0000-0000-0000-000000000000", "nonsense", "%00"] {
        let reply = ask(&ada, Method::GET, &format!("/{id}/history"), None).await;
        reply.expect_problem(404, "TASK_NOT_FOUND", "There is no such task");
    }
    let theirs = ada.request(Method::GET, &eve.tasks(&format!("/{}/history", id(&eves))));
    theirs.send().await.expect_problem(403, "NOT_YOURS", "This belongs to another user");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_a_history_that_cannot_be_is_refused() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    let milk = ada.create_task("Milk").await;
    let no_page = "must be the nextBefore of a page of this history";
    for (query, field, code, message) in [
        ("?before=1", "before", "BEFORE_INVALID", no_page),
        ("?before=-1.Zk3x_9Qa", "before", "BEFORE_INVALID", no_page),
        ("?limit=0", "limit", "LIMIT_TOO_SMALL", "must be at least 1"),
        ("?limit=1001", "limit", "LIMIT_TOO_LARGE", "must be at most 1000"),
    ] {
        let path = format!("/{}/history{query}", id(&milk));
        let reply = ask(&ada, Method::GET, &path, None).await;
        reply.expect_invalid(&[(field, code, message)]);
    }
}

/// Version, type and deed of each change.
fn outline(history: &Value) -> Vec<(i64, String, String)> {
    let word = |value: &Value| text(value).to_owned();
    let changes = history["changes"].as_array().unwrap().iter();
    changes.map(|one| (number(&one["version"]), word(&one["type"]), word(&one["deed"]))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_is_imported_again_after_its_deletion_has_one_history() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    let milk = ada.create_task("Milk").await;
    let file = get(&ada, "/export").await;
    delete(&ada, &milk).await;
    ada.create_task("Bread").await;
    post(&ada, "/import", file).await;
    let expected = |steps: &[(i64, &str, &str)]| -> Vec<_> {
        steps.iter().map(|(v, kind, deed)| (*v, (*kind).to_owned(), (*deed).to_owned())).collect()
    };
    let told = [(4, "created", "do"), (2, "deleted", "do"), (1, "created", "do")];
    assert_eq!(outline(&history(&ada, &milk, "").await), expected(&told));
    undo(&ada).await.expect(200);
    redo(&ada).await.expect(200);
    patch(&ada, &milk, json!({"completed": true})).await;
    let later = [(7, "changed", "do"), (6, "restored", "redo"), (5, "deleted", "undo")];
    let told: Vec<_> = later.into_iter().chain(told).collect();
    assert_eq!(outline(&history(&ada, &milk, "").await), expected(&told));
}
