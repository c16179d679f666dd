//! Nothing acknowledged is ever lost: the real binary, stopped and killed in every way.

use std::collections::BTreeMap;

use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::support::app::TestRequest;
use crate::support::process::{DataDirectory, Keyfold, PUBLIC_URL, Server, signal, until};
use crate::support::user::TestUser;

/// Number of clients that create tasks at the same time.
const WRITERS: usize = 4;

/// A server that is the same issuer after a restart, whatever port it gets.
fn keyfold(data: &DataDirectory) -> Keyfold {
    Keyfold::in_directory(data).set("KEYFOLD_PUBLIC_URL", PUBLIC_URL)
}

/// A request with the session's cookie.
fn with_cookie(request: TestRequest, user: &TestUser) -> TestRequest {
    request.header("cookie", &format!("better-auth.session_token={}", user.session_token))
}

async fn session_of(server: &Server, user: &TestUser) -> Value {
    with_cookie(server.get("/api/auth/session"), user).send().await.expect(200)
}

/// Neither the access token nor the cookie of a session that was signed out works.
async fn assert_signed_out(server: &Server, user: &TestUser) {
    let refused = user.at(&server.url).list("").await;
    refused.expect_problem(401, "SESSION_ENDED", "The session has ended");
    for path in ["/api/auth/session", "/api/auth/token"] {
        let refused = with_cookie(server.get(path), user).send().await;
        refused.expect_problem(401, "SESSION_ENDED", "The session has ended");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_keeps_accounts_sessions_tasks_and_keys() {
    let data = DataDirectory::new("restart");
    let server = keyfold(&data).serve().await;
    let ada = TestUser::sign_up(&server.url, "ada@example.com").await;
    let gone = TestUser::sign_up(&server.url, "grace@example.com").await;
    ada.create_task("Milk").await;
    ada.create(&json!({"title": "Bread", "description": "Rye", "completed": true})).await;
    gone.sign_out().await.expect(200);
    let before = (
        ada.list("").await.expect(200),
        session_of(&server, &ada).await,
        server.jwks().await,
        server.get("/.well-known/jwks.json").send().await.header("etag").to_owned(),
    );
    server.stop().await;
    assert_eq!(data.postmaster(), None);

    let server = keyfold(&data).serve().await;
    // The access token and the session token are the ones of before.
    let after = (
        ada.at(&server.url).list("").await.expect(200),
        session_of(&server, &ada).await,
        server.jwks().await,
        server.get("/.well-known/jwks.json").send().await.header("etag").to_owned(),
    );
    assert_eq!(after, before);
    assert_signed_out(&server, &gone).await;
    for email in ["ada@example.com", "grace@example.com"] {
        TestUser::sign_in(&server.url, email).await;
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_keeps_every_acknowledged_task_once() {
    let data = DataDirectory::new("killed");
    let mut server = keyfold(&data).serve().await;
    let ada = TestUser::sign_up(&server.url, "ada@example.com").await;
    let mut acknowledged = Vec::new();
    for round in 0..5 {
        let writers = Writers::start(&server, &ada, round);
        let enough = 20 + 15 * round;
        acknowledged.extend(writers.until_killed(enough, server.kill()).await);
        server = keyfold(&data).serve().await;
        assert_kept_once(&ada.at(&server.url), &acknowledged).await;
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_and_a_killed_postgresql_lose_nothing_acknowledged() {
    let data = DataDirectory::new("killed-both");
    let mut server = keyfold(&data).serve().await;
    let ada = TestUser::sign_up(&server.url, "ada@example.com").await;
    let mut acknowledged = Vec::new();
    for round in 0..3 {
        let everything = with_postgresql(&data, &server).await;
        let writers = Writers::start(&server, &ada, round);
        let killed = async {
            signal("KILL", &everything);
            assert_eq!(server.process.ended().await.code, None);
        };
        acknowledged.extend(writers.until_killed(40, killed).await);
        server = keyfold(&data).serve().await;
        assert_kept_once(&ada.at(&server.url), &acknowledged).await;
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_out_is_remembered_by_a_killed_server() {
    let data = DataDirectory::new("sign-out");
    let server = keyfold(&data).serve().await;
    let ada = TestUser::sign_up(&server.url, "ada@example.com").await;
    let elsewhere = TestUser::sign_in(&server.url, "ada@example.com").await;
    let signed_out = with_cookie(server.post("/api/auth/signout"), &ada).send().await;
    server.kill().await;
    signed_out.expect(200);

    let server = keyfold(&data).serve().await;
    assert_signed_out(&server, &ada).await;
    session_of(&server, &elsewhere).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_was_cut_short_is_started_over() {
    let data = DataDirectory::new("cut-short");
    for (name, code) in [("KILL", None), ("TERM", Some(0)), ("KILL", None), ("INT", Some(0))] {
        let mut process = keyfold(&data).spawn(&[]);
        process.err.say("creating a PostgreSQL").await;
        process.signal(name);
        let ended = process.ended().await;
        assert_eq!(ended.code, code, "{ended:?}");
    }
    let server = keyfold(&data).serve().await;
    TestUser::sign_up(&server.url, "ada@example.com").await;
    server.stop().await;
    // The interrupted programs find that their directory is gone, and end.
    let attempts = || std::fs::read_dir(data.path()).unwrap().flatten();
    until("only one cluster is left", async || {
        attempts().all(|entry| !entry.file_name().to_string_lossy().contains("unfinished"))
    })
    .await;
}

/// The server's process and those of its PostgreSQL. Sessions are not among them: they come and go, and end with these.
async fn with_postgresql(data: &DataDirectory, server: &Server) -> Vec<u32> {
    let lasting = "select pid from pg_stat_activity \
                   where backend_type not in ('client backend', 'autovacuum worker')";
    let link = data.connection().await.connect().await.unwrap();
    let rows = link.client.query(lasting, &[]).await.unwrap();
    let processes = rows.iter().map(|row| u32::try_from(row.get::<_, i32>(0)).unwrap());
    [server.process.pid(), data.postmaster().unwrap()].into_iter().chain(processes).collect()
}

/// Clients that create tasks, each as fast as it is answered, until the server is gone.
struct Writers {
    running: JoinSet<()>,
    acknowledged: mpsc::UnboundedReceiver<String>,
}

impl Writers {
    fn start(server: &Server, user: &TestUser, round: usize) -> Self {
        let (sender, acknowledged) = mpsc::unbounded_channel();
        let url = format!("{}{}", server.url, user.tasks(""));
        let mut running = JoinSet::new();
        for writer in 0..WRITERS {
            let (url, token, sender) = (url.clone(), user.token.clone(), sender.clone());
            running.spawn(async move {
                let client = reqwest::Client::new();
                for number in 0.. {
                    let title = format!("round {round} writer {writer} number {number}");
                    let request = client.post(&url).bearer_auth(&token);
                    match request.json(&json!({"title": title})).send().await {
                        Ok(reply) if reply.status() == StatusCode::CREATED => {
                            sender.send(title).unwrap();
                        }
                        // PostgreSQL may be gone before its server is. Unacknowledged tasks may be lost.
                        Ok(reply) if reply.status() == StatusCode::SERVICE_UNAVAILABLE => {}
                        Ok(reply) => panic!("{reply:?}"),
                        Err(_) => return,
                    }
                }
            });
        }
        Self { running, acknowledged }
    }

    /// Waits for so many acknowledged tasks, kills the server, and returns all acknowledged titles.
    async fn until_killed(
        mut self,
        enough: usize,
        killed: impl Future<Output = ()>,
    ) -> Vec<String> {
        let mut titles = Vec::new();
        while titles.len() < enough {
            titles.push(self.acknowledged.recv().await.expect("writers at work"));
        }
        killed.await;
        while let Some(ended) = self.running.join_next().await {
            ended.unwrap();
        }
        while let Some(title) = self.acknowledged.recv().await {
            titles.push(title);
        }
        titles
    }
}

/// Every acknowledged task is there, and no task twice. A task whose answer was cut off may be there or not.
async fn assert_kept_once(user: &TestUser, acknowledged: &[String]) {
    let mut found = BTreeMap::<String, usize>::new();
    let mut query = "?limit=1000".to_owned();
    loop {
        let page = user.list(&query).await.expect(200);
        for task in page["tasks"].as_array().unwrap() {
            *found.entry(task["title"].as_str().unwrap().to_owned()).or_default() += 1;
        }
        let Some(cursor) = page["nextCursor"].as_str() else { break };
        query = format!("?limit=1000&cursor={cursor}");
    }
    let lost: Vec<_> = acknowledged.iter().filter(|title| !found.contains_key(*title)).collect();
    assert!(lost.is_empty(), "lost: {lost:?}");
    found.retain(|_, times| *times > 1);
    assert!(found.is_empty(), "twice: {found:?}");
}
