//! A backup that was taken while a server was written to, restored into an empty database.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;

use crate::support::app::{Reply, SECRET, TestRequest};
use crate::support::backup::Backup;
use crate::support::process::{ExternalDatabase, Keyfold, PUBLIC_URL, Server, dump, until};
use crate::support::user::TestUser;

const READ_MODELS: [&str; 3] = ["users", "sessions", "jwks"];

/// Creates tasks one after the other until it is told to stop; returns how many were acknowledged.
async fn write(user: TestUser, stop: Arc<AtomicBool>, written: tokio::sync::watch::Sender<usize>) {
    let mut number = 0;
    while !stop.load(Ordering::Relaxed) {
        user.create_task(&format!("task {number}")).await;
        number += 1;
        written.send_replace(number);
    }
}

fn session_of(server: &Server, user: &TestUser) -> TestRequest {
    server.get("/api/auth/session").bearer(&user.session_token)
}

/// Every event, in the log's order. Nothing is missing, in the log or in a stream.
async fn gapless_events(keyfold: &Keyfold) -> Vec<Value> {
    let printed = keyfold.print(&["events", "--limit", "1000000"]).await;
    let events: Vec<Value> =
        printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut versions: HashMap<&str, u64> = HashMap::new();
    for (event, position) in events.iter().zip(1..) {
        assert_eq!(event["position"], position);
        let version = versions.entry(event["stream"].as_str().unwrap()).or_default();
        *version += 1;
        assert_eq!(event["version"], *version);
    }
    events
}

/// Session and tasks of a user as a server answers them, and its keys.
async fn seen(server: &Server, user: &TestUser) -> [String; 3] {
    let session: Reply = session_of(server, user).send().await;
    let tasks = user.at(&server.url).list("").await;
    [session.expect(200).to_string(), tasks.expect(200).to_string(), server.jwks().await]
}

/// A server that was written to while it was backed up, and then went on.
struct Original {
    ada: TestUser,
    /// Signed out after the backup.
    phone: TestUser,
    grace: TestUser,
    /// Answers about Ada before the backup.
    seen: [String; 3],
    /// Number of Grace's tasks acknowledged before the backup began, and in all.
    acknowledged: [usize; 2],
    events: Vec<Value>,
}

async fn backed_up(backup: &Backup<'_>, keyfold: &Keyfold) -> Original {
    let server = keyfold.serve().await;
    let ada = TestUser::sign_up(&server.url, "ada@example.com").await;
    let phone = TestUser::sign_in(&server.url, "ada@example.com").await;
    let grace = TestUser::sign_up(&server.url, "grace@example.com").await;
    for title in ["Milk", "Bread"] {
        ada.create_task(title).await;
    }
    let seen = seen(&server, &ada).await;

    let stop = Arc::new(AtomicBool::new(false));
    let (written, mut so_far) = tokio::sync::watch::channel(0);
    let writer = tokio::spawn(write(grace.clone(), Arc::clone(&stop), written));
    so_far.wait_for(|count| *count >= 10).await.unwrap();
    let before = *so_far.borrow();
    backup.take().await;
    let at_end = *so_far.borrow();
    so_far.wait_for(|count| *count >= at_end + 10).await.unwrap();
    stop.store(true, Ordering::Relaxed);
    writer.await.unwrap();

    phone.sign_out().await.expect(200);
    TestUser::sign_up(&server.url, "late@example.com").await;
    server.stop().await;
    let acknowledged = [before, *so_far.borrow()];
    let events = gapless_events(keyfold).await;
    Original { ada, phone, grace, seen, acknowledged, events }
}

/// Everything is as it was at some moment during the backup.
async fn assert_as_it_was(keyfold: &Keyfold, server: &Server, original: &Original) {
    assert_eq!(seen(server, &original.ada).await, original.seen);
    let titles = original.grace.at(&server.url).titles().await;
    let expected: Vec<_> = (0..titles.len()).map(|number| format!("task {number}")).collect();
    assert_eq!(titles, expected);
    let [before, in_all] = original.acknowledged;
    assert!((before..in_all).contains(&titles.len()), "{} of {before}..{in_all}", titles.len());
    let events = gapless_events(keyfold).await;
    assert_eq!(events, original.events[..events.len()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_taken_under_load_is_restored_and_gone_on_with() {
    let database = ExternalDatabase::new().await;
    let mut backup = Backup::of(&database);
    let keyfold = database.keyfold(SECRET).set("KEYFOLD_PUBLIC_URL", PUBLIC_URL);
    let original = Box::pin(backed_up(&backup, &keyfold)).await;

    let (keyfold, restored) = backup.restore(keyfold).await;
    let read_models = dump(&restored, &READ_MODELS).await;
    keyfold.print(&["replay"]).await;
    assert_eq!(dump(&restored, &READ_MODELS).await, read_models);

    let server = keyfold.serve().await;
    assert_as_it_was(&keyfold, &server, &original).await;
    let Original { ada, phone, .. } = &original;
    let [ada, phone] = [ada, phone].map(|user| user.at(&server.url));
    let before = gapless_events(&keyfold).await.len();
    ada.create_task("Salt").await;
    TestUser::sign_up(&server.url, "alan@example.com").await;
    assert_eq!(gapless_events(&keyfold).await.len(), before + 3);
    assert_eq!(ada.titles().await, ["Milk", "Bread", "Salt"]);

    // The backup does not know that this session was ended, until all are.
    session_of(&server, &phone).send().await.expect(200);
    assert_eq!(keyfold.print(&["sessions", "end"]).await, "sessions ended: 4\n");
    for user in [&phone, &ada] {
        until("the server hears of the end", async || {
            session_of(&server, user).send().await.status == 401
        })
        .await;
        let refused = [user.list("").await, session_of(&server, user).send().await];
        for reply in refused {
            reply.expect_problem(401, "SESSION_ENDED", "The session has ended");
        }
    }
    let anew = TestUser::sign_in(&server.url, "ada@example.com").await;
    assert_eq!(anew.titles().await, ["Milk", "Bread", "Salt"]);

    let kid = crate::identity::keys::kid(&anew.token);
    keyfold.print(&["keys", "revoke", &kid]).await;
    until("the server hears of the revocation", async || anew.list("").await.status == 401).await;
    let refused = "The access token is signed by a revoked key";
    anew.list("").await.expect_problem(401, "KEY_REVOKED", refused);
    server.stop().await;
    backup.remove().await;
}
