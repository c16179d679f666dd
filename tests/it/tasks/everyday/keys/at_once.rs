//! Requests with the same key that meet.

use std::pin::pin;

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;

use super::{Keyed, told};
use crate::support::app::two_servers;
use crate::support::locked::Locked;
use crate::support::process::until;
use crate::tasks::everyday::*;

/// Two nodes carry out a request at once, and both answer what the faster one does.
pub async fn done_once(app: &TestApp, request: &Keyed, users: [&TestUser; 2]) {
    let [one, other] = users;
    let lock = Locked::new(&app.connection()).await;
    let mut both = pin!(async { tokio::join!(request.send(one), request.send(other)) });
    lock.holds_up(2, both.as_mut()).await;
    lock.release().await;
    let (one, other) = both.await;
    assert!(one.status.is_success(), "{request:?} {}", one.text);
    assert_eq!(told(&other), told(&one), "{request:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_in_use_while_its_request_runs_and_has_an_answer_afterwards() {
    let (app, ada) = ada().await;
    let [milk] = tasks(&ada, ["Milk"]).await;
    let path = format!("/{}", id(&milk));
    let batch = json!({"commands": [{"op": "create", "task": {"title": "Jam"}}]});
    for (number, request) in [
        Keyed::new(Method::POST, "", &json!({"title": "Tea"}), "create"),
        Keyed::new(Method::PATCH, path.clone(), &json!({"completed": true}), "patch"),
        Keyed::new(Method::POST, "/batch", &batch, "batch"),
        Keyed::new(Method::POST, "/import", &json!({"tasks": [{"title": "Rice"}]}), "import"),
        Keyed::new(Method::POST, "/undo", &json!(null), "undo"),
        Keyed::new(Method::DELETE, path, &json!(null), "delete"),
    ]
    .into_iter()
    .enumerate()
    {
        let lock = Locked::new(&app.connection()).await;
        let mut first = pin!(request.send(&ada));
        lock.holds_up(1, first.as_mut()).await;
        let second = request.send(&ada).await;
        assert_eq!(problem(&second, 409), expected::in_use(), "{request:?}");
        assert_eq!(second.header("retry-after"), "1");
        lock.release().await;
        let first = first.await;
        assert!(first.status.is_success(), "{}", first.text);
        assert_eq!(told(&request.send(&ada).await), told(&first));
        assert_eq!(event_count(&app).await, number + 2, "{request:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_that_get_the_same_request_at_once_do_it_once_and_answer_the_same() {
    let (first, second) = two_servers().await;
    let ada = first.sign_up("ada@example.com").await;
    let there = ada.at(&second.url());
    let [milk, tea, gone] = tasks(&ada, ["Milk", "Tea", "Gone"]).await;
    there.list("").await.expect(200);
    let of = |task: &Value| format!("/{}", id(task));
    let batch = json!({"commands": [{"op": "delete", "id": id(&gone)}]});
    let mut count = 3;
    for request in [
        Keyed::new(Method::POST, "", &json!({"title": "Jam"}), "create"),
        Keyed::new(Method::PATCH, of(&tea), &json!({"completed": true}), "patch"),
        // The request to the slower node would be refused by then: the task is gone, there is nothing left to undo.
        Keyed::new(Method::DELETE, of(&milk), &json!(null), "delete"),
        Keyed::new(Method::POST, "/batch", &batch, "batch"),
    ] {
        done_once(&first, &request, [&ada, &there]).await;
        count += 1;
        assert_eq!(event_count(&first).await, count, "{request:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_was_overtaken_answers_as_the_faster_one_and_not_what_the_rules_say_by_then() {
    let (first, second) = two_servers().await;
    let ada = first.sign_up("ada@example.com").await;
    let there = ada.at(&second.url());
    let milk = ada.create_task("Milk").await;
    there.list("").await.expect(200);
    let request = Keyed::new(Method::DELETE, format!("/{}", id(&milk)), &json!(null), "delete");
    let lock = Locked::new(&first.connection()).await;
    let mut here = pin!(request.send(&ada));
    lock.holds_up(1, here.as_mut()).await;
    // The list is busy on the other node: the next command is decided there after the one at work.
    let mut other = pin!(there.create_task("Tea"));
    lock.holds_up(2, other.as_mut()).await;
    let now = "select clock_timestamp()";
    let now: std::time::SystemTime = lock.watcher.query_one(now, &[]).await.unwrap().get(0);
    let looked_up = "select from pg_stat_activity where state = 'idle' and query_start > $1
                     and query like 'select fingerprint%idempotency_keys%'";
    let mut overtaken = pin!(request.send(&there));
    let is_looked_up = until("the other node looks for an answer", async || {
        !lock.watcher.query(looked_up, &[&now]).await.unwrap().is_empty()
    });
    tokio::select! {
        _ = &mut overtaken => unreachable!("the log is locked"),
        () = is_looked_up => {}
    }
    lock.release().await;
    let (here, tea, overtaken) = tokio::join!(here, other, overtaken);
    assert_eq!((here.status.as_u16(), here.text.as_str()), (204, ""));
    assert_eq!(told(&overtaken), told(&here));
    assert_eq!(page(&ada, "").await["tasks"], json!([tea]));
    assert_eq!(event_count(&first).await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_gave_up_waiting_and_asks_again_gets_the_answer_of_the_first_time() {
    let (app, ada) = ada().await;
    let milk = ada.create_task("Milk").await;
    let request = Keyed::new(Method::DELETE, format!("/{}", id(&milk)), &json!(null), "delete");
    let lock = Locked::new(&app.connection()).await;
    {
        let mut given_up = pin!(request.send(&ada));
        lock.holds_up(1, given_up.as_mut()).await;
    }
    lock.release().await;
    until("it is answered", async || {
        let reply = request.send(&ada).await;
        // The first one may be at work still.
        let is_answered = reply.status != 409;
        assert!(!is_answered || (reply.status == 204 && reply.text.is_empty()), "{}", reply.text);
        is_answered
    })
    .await;
    assert_eq!(event_count(&app).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_with_one_key_does_one_thing() {
    let (app, ada) = ada().await;
    let request = Keyed::new(Method::POST, "", &json!({"title": "Milk"}), "one");
    let replies = join_all((0..20).map(|_| request.send(&ada))).await;
    let milk = request.send(&ada).await;
    for reply in &replies {
        match reply.status.as_u16() {
            201 => assert_eq!(told(reply), told(&milk)),
            _ => assert_eq!(problem(reply, 409), expected::in_use()),
        }
    }
    assert_eq!((event_count(&app).await, ada.titles().await), (1, vec!["Milk".to_owned()]));
}
