//! Storage of an `Idempotency-Key`: size, duration, owner.

use std::time::Duration;

use keyfold::app::Seams;
use keyfold::base::clock::Clock;
use keyfold::config::Config;
use reqwest::Method;
use serde_json::{Value, json};

use super::at_once::done_once;
use super::{Keyed, every_write, told};
use crate::support::app::{START, known_keys};
use crate::support::postgres;
use crate::support::process::{PUBLIC_URL, until};
use crate::tasks::everyday::*;

const DAY: Duration = Duration::from_hours(24);
const MINUTE: Duration = Duration::from_mins(1);

/// A request that creates a task.
fn create(title: &str, key: &str) -> Keyed {
    Keyed::new(Method::POST, "", &json!({"title": title}), key)
}

/// Signs the user in again: the earlier session has expired by now.
async fn again(app: &TestApp, user: &TestUser) -> TestUser {
    TestUser::sign_in(&app.url(), &user.email).await
}

/// The days that have a place for keys.
async fn days(app: &TestApp) -> String {
    let days = "select string_agg(right(name, 8), ' ' order by name) from (
                    select inhrelid::regclass::text as name from pg_inherits
                    where inhparent = 'idempotency_keys'::regclass
                ) partitions";
    app.query_text(days).await
}

/// The day, version and number of events of every key.
async fn kept(app: &TestApp) -> String {
    let rows = "select coalesce(string_agg(format('%s %s %s', day, version, events), ', ' order by day, version), '')
                from idempotency_keys";
    app.query_text(rows).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_takes_the_same_few_bytes_whatever_its_answer() {
    let (app, ada) = ada().await;
    for (request, status) in every_write(&ada).await {
        assert_eq!(request.send(&ada).await.status.as_u16(), status);
    }
    let long = "x".repeat(2_000);
    let task = |_| json!({"op": "create", "task": {"title": "Long", "description": long}});
    let commands: Vec<Value> = (0..100).map(task).collect();
    let key = "k".repeat(255);
    let batch = Keyed::new(Method::POST, "/batch", &json!({"commands": commands}), &key);
    let reply = batch.send(&ada).await;
    assert!(reply.status == 200 && reply.text.len() > 200_000, "{}", reply.text.len());
    let small = "select (max(pg_column_size(k)) <= 120)::text from idempotency_keys k";
    assert_eq!(app.query_text(small).await, "true");
    assert_eq!(told(&batch.send(&ada).await), told(&reply));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_made_again_says_who_did_it_and_not_who_asked_again() {
    let (app, ada) = ada().await;
    ada.create_task("Milk").await;
    let undo = Keyed::new(Method::POST, "/undo", &json!(null), "undo");
    let first = undo.send(&ada).await;
    assert_eq!(first.expect(200)["changes"][0]["sessionId"], json!(ada.session_id));
    let other = again(&app, &ada).await;
    assert_ne!(other.session_id, ada.session_id);
    assert_eq!(told(&undo.send(&other).await), told(&first));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_changed_nothing_is_answered_with_the_task_as_it_was_then() {
    let (mut app, ada) = ada().await;
    let milk = ada.create_task("Milk").await;
    let path = format!("/{}", id(&milk));
    let nothing = Keyed::new(Method::PATCH, path, &json!({"title": "Milk"}), "nothing");
    let first = nothing.send(&ada).await;
    assert_eq!(first.expect(200), milk);
    patch(&ada, &milk, &json!({"title": "Oat milk"})).await.expect(200);
    delete(&ada, &milk).await;
    let after = events(&app).await;
    for _ in 0..2 {
        assert_eq!(told(&nothing.send(&ada).await), told(&first));
        app.restart().await;
    }
    assert_eq!((kept(&app).await, events(&app).await), ("2026-01-01 1 0".to_owned(), after));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_import_or_undo_that_is_sent_again_is_answered_as_it_was() {
    let (mut app, ada) = ada().await;
    let tasks: Vec<Value> = (0..1_500).map(|n| json!({"title": format!("Task {n}")})).collect();
    let body = json!({"tasks": tasks});
    let import = Keyed::new(Method::POST, "/import", &body, "import");
    let undo = Keyed::new(Method::POST, "/undo", &json!(null), "undo");
    let first = [import.send(&ada).await, undo.send(&ada).await];
    assert_eq!(first[1].expect(200)["total"], 1_500);
    app.restart().await;
    ada.create_task("Another").await;
    for (request, first) in [import, undo].iter().zip(&first) {
        assert_eq!(told(&request.send(&ada).await), told(first));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_kept_for_two_days_after_its_own_and_then_goes_with_all_keys_of_its_day() {
    let (app, ada) = ada().await;
    let request = create("Milk", "one");
    let first = told(&request.send(&ada).await);
    assert_eq!(days(&app).await, "20260101 20260102");
    app.clock().advance(Duration::from_hours(71));
    until("the days are looked after", async || days(&app).await.ends_with("20260104")).await;
    assert_eq!(days(&app).await, "20260101 20260102 20260103 20260104");
    let ada = again(&app, &ada).await;
    assert_eq!(told(&request.send(&ada).await), first);

    app.clock().advance(Duration::from_hours(2));
    until("the first day is gone", async || {
        app.clock().advance(MINUTE);
        !days(&app).await.contains("20260101")
    })
    .await;
    let ada = again(&app, &ada).await;
    let other = create("Tea", "one").send(&ada).await;
    other.expect(201);
    assert_eq!(ada.titles().await, ["Milk", "Tea"]);
    assert_eq!(kept(&app).await, "2026-01-04 2 1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dump_that_reads_the_keys_keeps_their_day_and_holds_up_nobody() {
    let (app, ada) = ada().await;
    create("Milk", "one").send(&ada).await.expect(201);
    let dump = app.connection().connect().await.unwrap().client;
    let read = "begin isolation level repeatable read; select from idempotency_keys";
    dump.batch_execute(read).await.unwrap();
    app.clock().advance(4 * DAY);
    until("the days are looked after", async || days(&app).await.ends_with("20260106")).await;
    let ada = again(&app, &ada).await;
    create("Tea", "two").send(&ada).await.expect(201);
    assert!(days(&app).await.starts_with("20260101"));
    dump.batch_execute("commit").await.unwrap();
    until("the first day is gone", async || {
        app.clock().advance(Duration::from_hours(1));
        !days(&app).await.contains("20260101")
    })
    .await;
}

/// Two servers whose clocks are on either side of midnight.
async fn across_midnight() -> [TestApp; 2] {
    let connection = postgres::new_schema().await;
    let start = async |at| {
        let seams =
            Seams { clock: Clock::manual(at), generate_key: known_keys(), ..Seams::default() };
        let started = TestApp::with_seams(connection.clone(), seams, |config: &mut Config| {
            config.database.cluster = true;
            config.http.public_url = Some(PUBLIC_URL.parse().unwrap());
        });
        started.await.unwrap()
    };
    [
        start(START.after(Duration::from_mins(24 * 60 - 1))).await,
        start(START.after(DAY + MINUTE)).await,
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_that_get_the_same_request_on_either_side_of_midnight_do_it_once() {
    let [first, second] = across_midnight().await;
    let ada = first.sign_up("ada@example.com").await;
    let there = ada.at(&second.url());
    let [milk, tea, gone] = tasks(&ada, ["Milk", "Tea", "Gone"]).await;
    there.list("").await.expect(200);
    let of = |task: &Value| format!("/{}", id(task));
    let batch = json!({"commands": [{"op": "delete", "id": id(&gone)}]});
    let mut count = 3;
    for request in [
        create("Jam", "create"),
        Keyed::new(Method::PATCH, of(&tea), &json!({"completed": true}), "patch"),
        Keyed::new(Method::DELETE, of(&milk), &json!(null), "delete"),
        Keyed::new(Method::POST, "/batch", &batch, "batch"),
        Keyed::new(Method::POST, "/undo", &json!(null), "undo"),
    ] {
        done_once(&first, &request, [&ada, &there]).await;
        count += 1;
        assert_eq!(event_count(&first).await, count, "{request:?}");
    }
    // One row each, whichever node was faster.
    assert_eq!(kept(&first).await.split(", ").count(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_answered_by_whichever_node_on_whichever_day() {
    let [first, second] = across_midnight().await;
    let ada = first.sign_up("ada@example.com").await;
    let there = ada.at(&second.url());
    for (one, other, key) in [(&ada, &there, "here"), (&there, &ada, "there")] {
        let request = create("Milk", key);
        let answer = told(&request.send(one).await);
        assert_eq!(answer.0, 201);
        assert_eq!(told(&request.send(other).await), answer);
        assert_eq!(problem(&create("Tea", key).send(other).await, 422), expected::reused());
    }
    assert_eq!(kept(&first).await, "2026-01-01 1 1, 2026-01-02 2 1");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_refuses_a_second_outcome_of_a_key_on_any_day() {
    let (app, ada) = ada().await;
    create("Milk", "one").send(&ada).await.expect(201);
    let link = app.connection().connect().await.unwrap();
    for day in ["2026-01-01", "2026-01-02"] {
        let again = format!(
            "insert into idempotency_keys select '{day}', owner, key, fingerprint, 9, 1 from idempotency_keys"
        );
        let error = link.client.batch_execute(&again).await.unwrap_err();
        let refusal = error.as_db_error().unwrap();
        let told = (refusal.code().code(), refusal.constraint());
        assert_eq!(told, ("23505", Some("idempotency_keys_one_outcome")), "{day}");
    }
}

/// Lets a user have used so many keys today.
async fn use_up(app: &TestApp, user: &TestUser, count: usize) {
    let fill = format!(
        "insert into idempotency_keys (day, owner, key, fingerprint, version, events)
         select '2026-01-01', '{}', gen_random_uuid(), sha256(''), 0, 0 from generate_series(1, {count})",
        user.id
    );
    app.connection().connect().await.unwrap().client.batch_execute(&fill).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_keys_of_a_user_in_a_day_are_bounded_and_those_there_are_keep_their_answers() {
    let (app, ada) = ada().await;
    let eve = app.sign_up("eve@example.com").await;
    use_up(&app, &ada, 9_998).await;
    let (milk, tea) = (create("Milk", "milk"), create("Tea", "tea"));
    let first = milk.send(&ada).await;
    let path = format!("/{}", id(&first.expect(201)));
    let nothing = Keyed::new(Method::PATCH, path, &json!({"title": "Milk"}), "nothing");
    nothing.send(&ada).await.expect(200);
    let refused = tea.send(&ada).await;
    let message = "Too many requests were sent with an Idempotency-Key today; nothing was changed";
    refused.expect_problem(429, "TOO_MANY_IDEMPOTENCY_KEYS", message);
    assert_eq!(refused.header("retry-after"), "86400");
    assert_eq!(told(&milk.send(&ada).await), told(&first), "what was answered is answered");
    ada.create_task("Without a key").await;
    tea.send(&eve).await.expect(201);
    assert_eq!(ada.titles().await, ["Milk", "Without a key"]);

    app.clock().advance(DAY);
    let ada = again(&app, &ada).await;
    tea.send(&ada).await.expect(201);
    let tea = create("Tea", "milk");
    assert_eq!(problem(&tea.send(&ada).await, 422), expected::reused());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_of_changes_that_change_nothing_uses_no_more_keys_than_there_are() {
    let (app, ada) = ada().await;
    let milk = ada.create_task("Milk").await;
    use_up(&app, &ada, 9_950).await;
    let nothing = |number| {
        let path = format!("/{}", id(&milk));
        Keyed::new(Method::PATCH, path, &json!({"title": "Milk"}), &format!("key-{number}"))
    };
    let mut answers = Vec::new();
    for number in 0..60 {
        answers.push(nothing(number).send(&ada).await.status.as_u16());
    }
    assert_eq!(answers[..50], [200; 50]);
    assert_eq!(answers[50..], [429; 10]);
    let count = "select count(*)::text from idempotency_keys";
    assert_eq!(app.query_text(count).await, "10000");
}
