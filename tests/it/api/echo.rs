//! A value that comes back in an error is cut, whatever its type and entrance.

use reqwest::Method;

use crate::support::app::{Reply, TestApp};

/// More than an answer may have for anything that is wrong with a request.
const MOST: usize = 4 * 1024;

/// Sends a body of a type to every entrance that takes one; the longest answer.
async fn longest(
    app: &TestApp,
    token: &str,
    paths: &[(Method, String)],
    sent: (&str, &str),
) -> Reply {
    let mut longest: Option<Reply> = None;
    let (content_type, body) = sent;
    for (method, path) in paths {
        let request = app.request(method.clone(), path).bearer(token);
        let reply = request.header("content-type", content_type).body(body.to_owned()).send().await;
        assert!(reply.status.is_client_error(), "{method} {path}: {}", reply.status);
        if longest.as_ref().is_none_or(|known| known.text.len() < reply.text.len()) {
            longest = Some(reply);
        }
    }
    longest.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_answer_repeats_more_than_a_little_of_what_was_sent() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    let milk = ada.create_task("Milk").await;
    let task = ada.tasks(&format!("/{}", milk["id"].as_str().unwrap()));
    let posts = ["", "/batch", "/import"].map(|rest| (Method::POST, ada.tasks(rest)));
    let entrances: Vec<_> = ["signup", "signin"]
        .map(|rest| (Method::POST, format!("/api/auth/{rest}")))
        .into_iter()
        .chain(posts)
        .chain([(Method::PUT, task.clone()), (Method::PATCH, task.clone())])
        .chain([(Method::POST, format!("{task}/move")), (Method::POST, format!("{task}/restore"))])
        .collect();
    for long in ["x".repeat(60_000), "\u{1f95b}".repeat(15_000), "\\u0001".repeat(10_000)] {
        for body in [
            long.clone(),
            format!("\"{long}\""),
            format!("{{\"{long}\":1}}"),
            format!("{{\"title\":{{\"{long}\":1}}}}"),
            format!("{{\"title\":\"a\",\"priority\":\"{long}\"}}"),
            format!("{{\"title\":\"a\",\"completed\":\"{long}\"}}"),
            format!("{{\"title\":\"a\",\"due\":\"{long}\",\"tags\":[\"{long}\"]}}"),
            format!("{{\"commands\":[{{\"op\":\"{long}\"}}]}}"),
            format!("{{\"commands\":[{{\"op\":\"create\",\"task\":{{\"{long}\":1}}}}]}}"),
            format!("{{\"tasks\":[{{\"title\":\"a\",\"id\":\"{long}\",\"{long}\":1}}]}}"),
            format!("{{\"email\":\"{long}\",\"password\":7,\"name\":\"{long}\"}}"),
        ] {
            let reply = longest(&app, &ada.token, &entrances, ("application/json", &body)).await;
            assert!(reply.text.len() < MOST, "{}", reply.text.len());
        }
        let import = [(Method::POST, ada.tasks("/import"))];
        for table in [
            format!("{long}\nMilk\n"),
            format!("title,{long}\nMilk,x\n"),
            format!("title,priority,due,id\nMilk,{long},{long},{long}\n"),
            format!("title\nMilk,{long}\n"),
        ] {
            let reply = longest(&app, &ada.token, &import, ("text/csv", &table)).await;
            assert!(reply.text.len() < MOST, "{}", reply.text.len());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_answer_repeats_more_than_a_little_of_a_head() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    let long = "x".repeat(3_000);
    let paths = [
        format!("/{long}"),
        format!("/api/{long}"),
        format!("/api/{long}/tasks"),
        ada.tasks(&format!("/{long}")),
        ada.tasks(&format!("/{long}/history")),
        ada.tasks(&format!("?sort={long}")),
        ada.tasks(&format!("?limit={long}&priority={long}&cursor={long}&asOf={long}")),
        ada.tasks(&format!("/diff?from={long}&to={long}")),
        ada.tasks(&format!("/events?since={long}")),
        ada.tasks(&format!("/export?format={long}")),
        format!("/api/auth/revocations?since={long}"),
        format!("/api/auth/sessions/{long}"),
        format!("/login?next=/{long}"),
        format!("/docs/{long}"),
    ];
    for path in paths {
        let reply = app.get(&path).bearer(&ada.token).send().await;
        let page =
            if reply.header("content-type").starts_with("text/html") { 16 * 1024 } else { 0 };
        assert!(reply.text.len() < MOST + page, "{path}: {}", reply.text.len());
    }
    for name in ["if-match", "if-none-match", "idempotency-key", "content-type", "accept", "origin"]
    {
        let request = app.request(Method::POST, &ada.tasks("")).bearer(&ada.token);
        let reply = request.header(name, &long).body("{}").send().await;
        let heads: usize = reply.headers.iter().map(|(_, value)| value.len()).sum();
        assert!(reply.text.len() + heads < MOST, "{name}: {}", reply.text.len());
    }
}
