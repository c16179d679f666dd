//! A crash between commit and reply, and the client's retry.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::json;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::Keyed;
use crate::support::process::{DataDirectory, Keyfold, PUBLIC_URL, Server, until};
use crate::tasks::everyday::*;

/// Number of clients that write at the same time.
const CLIENTS: usize = 4;
const ROUNDS: usize = 3;

/// A server that is the same issuer after a restart, whatever port it gets.
fn keyfold(data: &DataDirectory) -> Keyfold {
    Keyfold::in_directory(data).set("KEYFOLD_PUBLIC_URL", PUBLIC_URL)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_whose_answer_was_cut_off_by_a_crash_after_the_commit_is_not_done_again() {
    let data = DataDirectory::new("cut-off");
    let server = keyfold(&data).serve().await;
    let ada = TestUser::sign_up(&server.url, "ada@example.com").await;
    let milk = ada.create_task("Milk").await;
    let link = data.connection().await.connect().await.unwrap();
    // The commit is made and waits for a standby that does not exist.
    let wait = "alter system set synchronous_standby_names = 'nobody'";
    link.client.batch_execute(wait).await.unwrap();
    link.client.batch_execute("select pg_reload_conf()").await.unwrap();
    let request = Keyed::new(Method::DELETE, format!("/{}", id(&milk)), &json!(null), "one");
    let writing = tokio::spawn({
        let url = format!("{}{}", server.url, ada.tasks(&request.rest));
        let request = reqwest::Client::new().delete(url).bearer_auth(&ada.token);
        request.header("idempotency-key", "one").send()
    });
    until("the commit waits", async || {
        let stuck = "select from pg_stat_activity where wait_event = 'SyncRep'";
        !link.client.query(stuck, &[]).await.unwrap().is_empty()
    })
    .await;
    let reset = "alter system reset synchronous_standby_names";
    link.client.batch_execute(reset).await.unwrap();
    server.kill().await;
    assert!(writing.await.unwrap().is_err(), "nobody was answered");
    // PostgreSQL may have ended with the server.
    let _ = link.client.batch_execute("select pg_reload_conf()").await;

    let server = keyfold(&data).serve().await;
    let ada = ada.at(&server.url);
    assert_eq!(page(&ada, "").await["total"], 0, "it was done");
    for _ in 0..2 {
        let reply = request.send(&ada).await;
        assert_eq!((reply.status.as_u16(), reply.text.as_str()), (204, ""));
    }
    assert_eq!(number(&page(&ada, "").await["version"]), 2);
    server.stop().await;
}

/// A request of a client, and its answer, if there was one.
#[derive(Debug)]
struct Sent {
    request: Keyed,
    answer: Option<(u16, String)>,
}

/// Sends a request until the server is gone.
async fn send_to(server: &str, user: &TestUser, request: &Keyed) -> Option<(u16, String)> {
    let url = format!("{server}{}", user.tasks(&request.rest));
    let sent = reqwest::Client::new().request(request.method.clone(), url).bearer_auth(&user.token);
    let sent = sent.header("idempotency-key", &request.key);
    let sent = sent.header("content-type", request.content_type).body(request.body.clone());
    let reply = sent.send().await.ok()?;
    let status = reply.status().as_u16();
    // PostgreSQL may be gone before its server is: the outcome is unknown then.
    if status == 503 {
        return None;
    }
    Some((status, reply.text().await.ok()?))
}

/// A client that creates two tasks at once and one by itself, deletes one of them and imports another, over and over until
/// the server is gone.
async fn client(server: String, user: TestUser, name: String, done: mpsc::UnboundedSender<Sent>) {
    for number in 0.. {
        let name = format!("{name} {number}");
        let create =
            |part: &str| json!({"op": "create", "task": {"title": format!("{name} {part}")}});
        let batch = json!({"commands": [create("one"), create("other")]});
        let file = json!({"tasks": [{"title": format!("{name} imported")}]});
        let alone = json!({"title": format!("{name} alone")});
        let key = |what: &str| format!("{name} {what}").replace(' ', "-");
        let mut made = None;
        for request in [
            Keyed::new(Method::POST, "/batch", &batch, &key("batch")),
            Keyed::new(Method::POST, "/import", &file, &key("import")),
            Keyed::new(Method::POST, "", &alone, &key("create")),
        ] {
            let answer = send_to(&server, &user, &request).await;
            made = answer.clone();
            let is_over = answer.is_none();
            done.send(Sent { request, answer }).unwrap();
            if is_over {
                return;
            }
        }
        let made = made.filter(|(status, _)| *status == 201);
        let Some((_, body)) = made else { continue };
        let task: Value = serde_json::from_str(&body).unwrap();
        let rest = format!("/{}", id(&task));
        let request = Keyed::new(Method::DELETE, rest, &json!(null), &key("delete"));
        let answer = send_to(&server, &user, &request).await;
        let is_over = answer.is_none();
        done.send(Sent { request, answer }).unwrap();
        if is_over {
            return;
        }
    }
}

/// Lets clients write until the server is killed, and tells everything they sent.
async fn until_killed(server: Server, user: &TestUser, round: usize) -> Vec<Sent> {
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let mut running = JoinSet::new();
    for number in 0..CLIENTS {
        let name = format!("round {round} client {number}");
        running.spawn(client(server.url.clone(), user.clone(), name, sender.clone()));
    }
    drop(sender);
    let mut sent = Vec::new();
    while sent.len() < 30 + 17 * round {
        sent.push(receiver.recv().await.expect("clients at work"));
    }
    server.kill().await;
    while let Some(ended) = running.join_next().await {
        ended.unwrap();
    }
    while let Some(rest) = receiver.recv().await {
        sent.push(rest);
    }
    sent
}

/// Number of events by type and title.
async fn happened(data: &DataDirectory) -> BTreeMap<String, i64> {
    let link = data.connection().await.connect().await.unwrap();
    let deeds = "select type || ' ' || (data -> 'task' ->> 'title'), count(*) from events
                 where stream like 'tasks-%' group by 1";
    let rows = link.client.query(deeds, &[]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// Expected number of events, if every request was carried out once.
fn wanted(sent: &[Sent]) -> BTreeMap<String, i64> {
    let mut deeds = BTreeMap::new();
    for Sent { request, .. } in sent {
        let (name, what) = request.key.rsplit_once('-').unwrap();
        let name = name.replace('-', " ");
        let made: &[&str] = match what {
            "batch" => &["one", "other"],
            "import" => &["imported"],
            "create" | "delete" => &["alone"],
            _ => unreachable!("{what}"),
        };
        let kind = if what == "delete" { "TaskDeleted" } else { "TaskCreated" };
        deeds.extend(made.iter().map(|part| (format!("{kind} {name} {part}"), 1)));
    }
    deeds
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_sent_again_after_a_kill_at_an_arbitrary_moment_has_happened_exactly_once() {
    let data = DataDirectory::new("exactly-once");
    let mut server = keyfold(&data).serve().await;
    let ada = TestUser::sign_up(&server.url, "ada@example.com").await;
    let mut sent = Vec::new();
    for round in 0..ROUNDS {
        sent.extend(until_killed(server, &ada, round).await);
        server = keyfold(&data).serve().await;
        for Sent { request, answer } in &mut sent {
            let again = request.send(&ada.at(&server.url)).await;
            assert!(again.status.is_success(), "{request:?} {}", again.text);
            let again = (again.status.as_u16(), again.text);
            // A retry gets the first answer again.
            assert_eq!(*answer.get_or_insert_with(|| again.clone()), again, "{request:?}");
        }
        assert_eq!(happened(&data).await, wanted(&sent));
    }
    server.stop().await;
}
