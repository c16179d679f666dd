//! The history of a whole list: the changes of every task, deleted ones too, each with a title.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::app::{TestApp, number, v};
use crate::support::user::TestUser;
use crate::tasks::past::random::Random;
use crate::tasks::past::{
    all, ask, at, changes, delete, fields, get, id, patch, post, present, redo, restore, text, undo,
};

/// The history of the list, with parameters.
async fn history(user: &TestUser, query: &str) -> Value {
    get(user, &format!("/history{query}")).await
}

fn told(page: &Value) -> &Vec<Value> {
    page["changes"].as_array().unwrap()
}

/// The changes of a whole history, read so many at a time.
async fn page_by_page(user: &TestUser, query: &str, limit: usize) -> Vec<Value> {
    let (mut all, mut before) = (Vec::new(), String::new());
    loop {
        let page = history(user, &format!("?limit={limit}{query}{before}")).await;
        let part = told(&page);
        all.extend(part.iter().cloned());
        let next = &page["nextBefore"];
        if next.is_null() {
            assert!(part.len() <= limit);
            return all;
        }
        assert_eq!((part.len(), next), (limit, &part.last().unwrap()["version"]));
        before = format!("&before={}", text(next));
    }
}

/// The changes that one user makes to two tasks from two devices, as the history tells them: newest first.
async fn eventful(app: &TestApp) -> (TestUser, Vec<Value>) {
    let laptop = app.sign_up("ada@example.com").await;
    let phone = TestUser::sign_in(&app.url(), &laptop.email).await;
    let pass = || app.clock().advance(Duration::from_secs(1));
    let milk = laptop.create_task("Milk").await;
    pass();
    let bread = phone.create_task("Bread").await;
    pass();
    patch(&laptop, &milk, json!({"completed": true})).await;
    pass();
    let oats = patch(&phone, &milk, json!({"title": "Oat milk"})).await;
    pass();
    patch(&laptop, &bread, json!({"priority": "high"})).await;
    pass();
    let rye = patch(&laptop, &bread, json!({"title": "Rye bread"})).await;
    pass();
    delete(&phone, &bread).await;
    pass();
    delete(&phone, &milk).await;
    pass();
    undo(&laptop).await.expect(200);
    let change = |version: u64, task: &Value, title: &str, kind: &str, deed: &str| {
        json!({
            "version": v(version), "taskId": id(task), "title": title, "type": kind, "deed": deed,
            "at": at(version - 1), "userId": laptop.id, "clientAddress": "127.0.0.1",
        })
    };
    let told = |mut change: Value, by: &TestUser, before: Value, after: Value| {
        change["sessionId"] = json!(by.session_id);
        (change["before"], change["after"]) = (before, after);
        present(change)
    };
    let (none, open) = (Value::Null, json!({"completed": false, "completedAt": null}));
    let (done, names) = (json!({"completed": true, "completedAt": at(2)}), ["Milk", "Oat milk"]);
    let title = |title: &str| json!({"title": title});
    let priority = |priority: &str| json!({"priority": priority});
    let changes = vec![
        told(change(9, &milk, names[1], "restored", "undo"), &laptop, none.clone(), fields(&oats)),
        told(change(8, &milk, names[1], "deleted", "do"), &phone, fields(&oats), none.clone()),
        told(change(7, &bread, "Rye bread", "deleted", "do"), &phone, fields(&rye), none.clone()),
        told(
            change(6, &bread, "Rye bread", "changed", "do"),
            &laptop,
            title("Bread"),
            title("Rye bread"),
        ),
        // It tells of no title, so it has the last one there was.
        told(
            change(5, &bread, "Rye bread", "changed", "do"),
            &laptop,
            priority("none"),
            priority("high"),
        ),
        told(change(4, &milk, names[1], "changed", "do"), &phone, title(names[0]), title(names[1])),
        told(change(3, &milk, names[1], "changed", "do"), &laptop, open, done),
        told(change(2, &bread, "Bread", "created", "do"), &phone, none.clone(), fields(&bread)),
        told(change(1, &milk, names[0], "created", "do"), &laptop, none, fields(&milk)),
    ];
    (phone, changes)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_history_of_a_list_tells_what_happened_to_every_task_also_to_those_that_are_deleted() {
    let mut app = TestApp::spawn().await;
    let (phone, changes) = eventful(&app).await;
    let deletions = json!({"changes": changes[1..3], "nextBefore": null});
    let expected = json!({"changes": changes, "nextBefore": null});
    for _ in 0..2 {
        assert_eq!(history(&phone, "").await, expected);
        assert_eq!(history(&phone, "?type=deleted").await, deletions);
        app.restart().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lists_history_comes_page_by_page_without_gap_or_repeat() {
    let app = TestApp::spawn().await;
    let (phone, changes) = eventful(&app).await;
    for limit in 1..=changes.len() + 1 {
        assert_eq!(page_by_page(&phone, "", limit).await, changes);
        assert_eq!(page_by_page(&phone, "&type=deleted", limit).await, changes[1..3]);
    }
    let page = |changes: &[Value]| json!({"changes": changes, "nextBefore": null});
    let before = async |number, query: &str| {
        let whole = history(&phone, &format!("?before={}{query}", v(number))).await;
        let within = format!("?before={number}@{}{query}", v(9));
        assert_eq!(history(&phone, &within).await, whole);
        whole
    };
    assert_eq!(before(3, "").await, page(&changes[7..]));
    assert_eq!(before(8, "&type=deleted").await, page(&changes[2..3]));
    for (number, query) in [(1, ""), (1, "&type=deleted"), (7, "&type=deleted")] {
        assert_eq!(before(number, query).await, page(&[]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_go_on_where_they_were_whatever_happens_meanwhile() {
    let app = TestApp::spawn().await;
    let (phone, changes) = eventful(&app).await;
    let first = history(&phone, "?limit=4").await;
    assert_eq!(told(&first), &changes[..4]);
    phone.create_task("Cheese").await;
    undo(&phone).await.expect(200);
    let rest = history(&phone, &format!("?limit=10&before={}", text(&first["nextBefore"]))).await;
    assert_eq!(rest, json!({"changes": changes[4..], "nextBefore": null}));
}

/// Version, title, type and deed of each change.
fn outline(page: &Value) -> Vec<(i64, &str, &str, &str)> {
    let told = told(page).iter().map(|one| {
        let word = |name: &str| text(&one[name]);
        (number(&one["version"]), word("title"), word("type"), word("deed"))
    });
    told.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn taking_back_and_doing_again_are_told_as_such() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    let batch = json!({"commands": [
        {"op": "create", "task": {"title": "Milk"}}, {"op": "create", "task": {"title": "Bread"}},
    ]});
    post(&ada, "/batch", batch).await;
    undo(&ada).await.expect(200);
    redo(&ada).await.expect(200);
    let page = history(&ada, "").await;
    let told = outline(&page);
    assert_eq!(
        told.iter().map(|one| (one.2, one.3)).collect::<Vec<_>>(),
        [
            ("restored", "redo"),
            ("restored", "redo"),
            ("deleted", "undo"),
            ("deleted", "undo"),
            ("created", "do"),
            ("created", "do"),
        ]
    );
    assert_eq!((told[4], told[5]), ((2, "Bread", "created", "do"), (1, "Milk", "created", "do")));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_deletion_of_a_task_is_told_with_the_title_it_had_then() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    let milk = ada.create_task("Milk").await;
    delete(&ada, &milk).await;
    restore(&ada, &milk, None).await.expect(200);
    patch(&ada, &milk, json!({"title": "Oat milk"})).await;
    delete(&ada, &milk).await;
    assert_eq!(
        outline(&history(&ada, "?type=deleted").await),
        [(5, "Oat milk", "deleted", "do"), (2, "Milk", "deleted", "do")]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_history_of_a_list_is_those_of_its_tasks_together_and_each_change_has_a_title() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    let mut random = Random::new(11);
    for _ in 0..60 {
        match random.below(5) {
            0 => drop(undo(&ada).await),
            1 => drop(redo(&ada).await),
            _ => changes::change(&ada, &mut random).await,
        }
    }
    let whole = page_by_page(&ada, "", 7).await;
    assert_eq!(all(&ada).await["version"], v(whole.len()));
    let mut ids: Vec<_> = whole.iter().map(|change| text(&change["taskId"])).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut expected = Vec::new();
    for task in ids {
        let page = get(&ada, &format!("/{task}/history?limit=1000")).await;
        expected.extend(told(&page).iter().cloned());
    }
    expected.sort_by_key(|change| -number(&change["version"]));
    let mut untitled = whole.clone();
    for change in &mut untitled {
        let title = change.as_object_mut().unwrap().remove("title");
        assert!(title.is_some_and(|title| !text(&title).is_empty()), "{change}");
    }
    assert_eq!(untitled, expected);
    let is_deletion = |change: &&Value| change["type"] == "deleted";
    let deletions: Vec<_> = whole.iter().filter(is_deletion).cloned().collect();
    assert_eq!(page_by_page(&ada, "&type=deleted", 3).await, deletions);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_list_has_no_history_and_nobody_elses_is_in_it() {
    let app = TestApp::spawn().await;
    let (ada, eve) = (app.sign_up("ada@example.com").await, app.sign_up("eve@example.com").await);
    let gone = eve.create_task("eve's").await;
    delete(&eve, &gone).await;
    for query in ["", "?type=deleted", "?before=0", "?limit=1000"] {
        assert_eq!(history(&ada, query).await, json!({"changes": [], "nextBefore": null}));
    }
    let theirs = ada.request(Method::GET, &eve.tasks("/history")).send().await;
    theirs.expect_problem(403, "NOT_YOURS", "This belongs to another user");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_a_lists_history_that_cannot_be_is_refused() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    let documented = "must be one of the documented values";
    let no_page = "must be the nextBefore of a page of this history";
    for (query, field, code, message) in [
        ("?before=1.Zk3x_9Qa", "before", "BEFORE_UNKNOWN", no_page),
        ("?before=1", "before", "BEFORE_INVALID", no_page),
        ("?before=soon", "before", "BEFORE_INVALID", no_page),
        ("?limit=0", "limit", "LIMIT_TOO_SMALL", "must be at least 1"),
        ("?limit=1001", "limit", "LIMIT_TOO_LARGE", "must be at most 1000"),
        ("?type=changed", "type", "TYPE_INVALID", documented),
        ("?type=", "type", "TYPE_EMPTY", "must not be empty"),
    ] {
        let reply = ask(&ada, Method::GET, &format!("/history{query}"), None).await;
        reply.expect_invalid(&[(field, code, message)]);
    }
}
