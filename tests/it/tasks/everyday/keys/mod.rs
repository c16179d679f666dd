//! `Idempotency-Key`: a request that is sent again is done once, and answered as it was.

mod at_once;
mod crash;
mod kept;

use reqwest::Method;
use serde_json::{Value, json};

use super::*;
use crate::support::app::two_servers;

/// A request that can be sent again.
#[derive(Debug, Clone)]
pub struct Keyed {
    pub method: Method,
    pub rest: String,
    pub content_type: &'static str,
    pub body: String,
    pub key: String,
}

impl Keyed {
    pub fn new(method: Method, rest: impl Into<String>, body: &Value, key: &str) -> Self {
        let (rest, body, content_type) = (rest.into(), body.to_string(), "application/json");
        Self { method, rest, content_type, body, key: key.to_owned() }
    }

    /// An import with a key, and a file for a body.
    fn file(content_type: &'static str, body: &str, key: &str) -> Self {
        let (rest, body) = ("/import".to_owned(), body.to_owned());
        Self { method: Method::POST, rest, content_type, body, key: key.to_owned() }
    }

    pub async fn send(&self, user: &TestUser) -> Reply {
        let request = user.request(self.method.clone(), &user.tasks(&self.rest));
        let request = request.header("idempotency-key", &format!("\"{}\"", self.key));
        request.header("content-type", self.content_type).body(self.body.clone()).send().await
    }
}

/// Everything of an answer that must be the same.
pub fn told(reply: &Reply) -> (u16, [String; 3], String) {
    let headers = ["etag", "location", "content-type"].map(|name| reply.header(name).to_owned());
    (reply.status.as_u16(), headers, reply.text.clone())
}

/// Every way to write, each with a key, for a user with three tasks and a deleted fourth; and the status of each answer.
pub async fn every_write(user: &TestUser) -> Vec<(Keyed, u16)> {
    let [milk, bread, tea, gone] = tasks(user, ["Milk", "Bread", "Tea", "Gone"]).await;
    delete(user, &gone).await;
    let of = |task: &Value, rest: &str| format!("/{}{rest}", id(task));
    let full = json!({"title": "Full", "description": "a \"b\" \\ \u{1f95b}", "completed": true,
                      "priority": "high", "due": "2026-12-24T18:00[Europe/Prague]", "tags": ["a", "b"]});
    let commands = json!({"commands": [
        {"op": "create", "task": {"title": "Jam"}},
        {"op": "change", "id": id(&milk), "changes": {"completed": true}},
        {"op": "move", "id": id(&milk), "before": id(&bread)},
    ]});
    let file = json!({"tasks": [{"title": "Imported"}, {"title": "Imported too"}]}).to_string();
    let (post, patch) = (Method::POST, Method::PATCH);
    vec![
        (Keyed::new(post.clone(), "", &full, "create"), 201),
        (Keyed::new(Method::PUT, of(&milk, ""), &json!({"title": "Oat milk"}), "put"), 200),
        (Keyed::new(patch.clone(), of(&bread, ""), &json!({"priority": "low"}), "patch"), 200),
        (Keyed::new(patch, of(&tea, ""), &json!({"title": "Tea"}), "nothing"), 200),
        (Keyed::new(post.clone(), of(&milk, "/move"), &json!({"after": id(&tea)}), "move"), 200),
        (Keyed::new(post.clone(), "/batch", &commands, "batch"), 200),
        (Keyed::new(Method::DELETE, of(&bread, ""), &json!(null), "delete"), 204),
        (Keyed::new(post.clone(), of(&gone, "/restore"), &json!({}), "restore"), 200),
        (Keyed::new(post.clone(), of(&milk, "/restore"), &json!({"version": v(1)}), "rewind"), 200),
        (Keyed::new(post.clone(), "/undo", &json!(null), "undo"), 200),
        (Keyed::new(post, "/redo", &json!(null), "redo"), 200),
        (Keyed::file("application/json", &file, "import"), 200),
        (Keyed::file("text/csv", "title\r\nTabled\r\n", "import-csv"), 200),
    ]
}

/// Sends every write once; returns the requests with their answers.
async fn carried_out(user: &TestUser) -> Vec<(Keyed, (u16, [String; 3], String))> {
    let mut answers = Vec::new();
    for (request, status) in every_write(user).await {
        let reply = request.send(user).await;
        assert_eq!(reply.status.as_u16(), status, "{request:?} {}", reply.text);
        answers.push((request, told(&reply)));
    }
    answers
}

/// Another device changes every task and deletes one.
async fn meddle(user: &TestUser) {
    for task in page(user, "?limit=1000").await["tasks"].as_array().unwrap() {
        let body = json!({"title": "Meddled with", "completed": true, "description": "x"});
        patch(user, task, &body).await.expect(200);
    }
    let list = page(user, "").await;
    delete(user, &list["tasks"][0]).await;
    user.create_task("Another").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_write_with_a_key_sent_twice_is_done_once_and_answered_the_same_to_the_letter() {
    let (app, ada) = ada().await;
    for (request, status) in every_write(&ada).await {
        let first = request.send(&ada).await;
        assert_eq!(first.status.as_u16(), status, "{request:?} {}", first.text);
        let after = events(&app).await;
        for _ in 0..2 {
            assert_eq!(told(&request.send(&ada).await), told(&first), "{request:?}");
        }
        assert_eq!(events(&app).await, after, "{request:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_keeps_its_answer_when_others_change_everything_and_the_server_restarts() {
    let (mut app, ada) = ada().await;
    let answers = carried_out(&ada).await;
    meddle(&ada).await;
    let (after, list) = (events(&app).await, page(&ada, "").await);
    for _ in 0..2 {
        for (request, answer) in &answers {
            assert_eq!(told(&request.send(&ada).await), *answer, "{request:?}");
        }
        assert_eq!((events(&app).await, page(&ada, "").await), (after.clone(), list.clone()));
        app.restart().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_node_answers_a_key_as_the_first_one_did() {
    let (first, second) = two_servers().await;
    let ada = first.sign_up("ada@example.com").await;
    let there = ada.at(&second.url());
    let answers = carried_out(&ada).await;
    meddle(&ada).await;
    let after = events(&first).await;
    for (request, answer) in &answers {
        assert_eq!(told(&request.send(&there).await), *answer, "{request:?}");
    }
    assert_eq!(events(&first).await, after);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_body_path_or_method_with_the_same_key_is_refused_and_changes_nothing() {
    let (app, ada) = ada().await;
    let [milk, bread] = tasks(&ada, ["Milk", "Bread"]).await;
    let (milk, bread) = (format!("/{}", id(&milk)), format!("/{}", id(&bread)));
    let title = json!({"title": "Tea"});
    let first = Keyed::new(Method::PATCH, milk.clone(), &title, "one");
    let answer = told(&first.send(&ada).await);
    let after = events(&app).await;
    for other in [
        Keyed::new(Method::PATCH, milk.clone(), &json!({"title": "tea"}), "one"),
        Keyed::new(Method::PATCH, milk.clone(), &json!({"title": "Tea", "tags": []}), "one"),
        Keyed::new(Method::PATCH, bread, &title, "one"),
        Keyed::new(Method::PUT, milk.clone(), &title, "one"),
        Keyed::new(Method::DELETE, milk.clone(), &json!(null), "one"),
        Keyed::new(Method::POST, "", &title, "one"),
        Keyed::new(Method::POST, format!("{milk}/restore"), &json!({}), "one"),
        Keyed::new(Method::POST, "/undo", &json!(null), "one"),
        Keyed::new(Method::POST, "/import", &json!({"tasks": []}), "one"),
    ] {
        assert_eq!(problem(&other.send(&ada).await, 422), expected::reused(), "{other:?}");
    }
    assert_eq!(events(&app).await, after);
    assert_eq!(told(&first.send(&ada).await), answer);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_is_the_same_if_its_bytes_are() {
    let (_app, ada) = ada().await;
    let first = Keyed::new(Method::POST, "", &json!({"title": "Milk", "tags": ["a"]}), "one");
    let answer = told(&first.send(&ada).await);
    let body = "{ \"tags\" : [\"\\u0061\"],\n\"title\":\"Milk\" }".to_owned();
    let again = Keyed { body, ..first.clone() };
    assert_eq!(problem(&again.send(&ada).await, 422), expected::reused());
    // Quotes around the key make no difference.
    let request = ada.request(Method::POST, &ada.tasks("")).header("idempotency-key", "one");
    let reply = request.json(&json!({"title": "Milk", "tags": ["a"]})).send().await;
    assert_eq!(told(&reply), answer);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_of_another_user_is_another_key() {
    let (app, ada) = ada().await;
    let eve = app.sign_up("eve@example.com").await;
    let request = Keyed::new(Method::POST, "", &json!({"title": "Milk"}), "one");
    let hers = request.send(&ada).await.expect(201);
    let other = Keyed::new(Method::POST, "", &json!({"title": "Tea"}), "one");
    let eves = other.send(&eve).await.expect(201);
    assert_eq!(page(&ada, "").await["tasks"], json!([hers]));
    assert_eq!(page(&eve, "").await["tasks"], json!([eves]));
    assert_eq!(request.send(&ada).await.expect(201), hers);
    assert_eq!(problem(&request.send(&eve).await, 422), expected::reused());
}

#[tokio::test(flavor = "multi_thread")]
async fn different_keys_are_different_requests_and_no_key_is_none() {
    let (_app, ada) = ada().await;
    for key in ["a", "b", "A"] {
        let request = Keyed::new(Method::POST, "", &json!({"title": "Milk"}), key);
        request.send(&ada).await.expect(201);
    }
    tasks(&ada, ["Milk", "Milk"]).await;
    assert_eq!(page(&ada, "").await["total"], 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_refused_is_not_recorded_and_its_key_may_be_used_again() {
    let (app, ada) = ada().await;
    let [milk, bread] = tasks(&ada, ["Milk", "Bread"]).await;
    let path = format!("/{}", id(&milk));
    let missing = "00000000-0000-0000-0000-000000000000";
    let nobody = Keyed::new(Method::PATCH, format!("/{missing}"), &json!({}), "one");
    assert_eq!(problem(&nobody.send(&ada).await, 404), expected::no_task());
    let stale = ada.request(Method::PATCH, &ada.tasks(&path)).header("idempotency-key", "one");
    let stale = stale.header("if-match", tag(9)).json(&json!({"title": "Tea"})).send().await;
    assert_eq!(problem(&stale, 412), expected::mismatch(&milk));
    let invalid = Keyed::new(Method::POST, "", &json!({"title": ""}), "one");
    invalid.send(&ada).await.expect_invalid(&[("title", "TITLE_EMPTY", "must not be empty")]);
    let beside = json!({"after": missing});
    let nowhere = Keyed::new(Method::POST, format!("{path}/move"), &beside, "one");
    nowhere.send(&ada).await.expect(400);
    let redo = Keyed::new(Method::POST, "/redo", &json!(null), "one");
    let nothing = json!({"code": "NOTHING_TO_REDO", "message": "There is nothing to redo"});
    assert_eq!(problem(&redo.send(&ada).await, 409), nothing);
    assert_eq!(app.query_text("select count(*)::text from idempotency_keys").await, "0");

    let gone = Keyed::new(Method::DELETE, path, &json!(null), "one");
    assert_eq!(told(&gone.send(&ada).await).0, 204);
    assert_eq!(told(&gone.send(&ada).await).0, 204);
    assert_eq!(page(&ada, "").await["tasks"], json!([bread]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorded_answer_is_given_whatever_the_condition_says_by_now() {
    let (app, ada) = ada().await;
    let milk = ada.create_task("Milk").await;
    let send = async || {
        let request = ada.request(Method::PATCH, &ada.tasks(&format!("/{}", id(&milk))));
        let request = request.header("idempotency-key", "one").header("if-match", tag(1));
        request.json(&json!({"title": "Tea"})).send().await
    };
    let first = send().await;
    assert_eq!((first.status.as_u16(), first.header("etag")), (200, tag(2)));
    patch(&ada, &milk, &json!({"title": "Coffee"})).await.expect(200);
    let after = events(&app).await;
    assert_eq!(told(&send().await), told(&first));
    assert_eq!(events(&app).await, after);
}
