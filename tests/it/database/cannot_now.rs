//! A temporary fault of the database is no error of the program: the answer is `503` with `Retry-After`, and the server
//! recovers by itself when the reason is gone.

use std::fs;
use std::os::unix::fs::chown;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use futures_util::future::join_all;
use keyfold::base::clock::Clock;
use keyfold::postgres::{Connection, Link};
use reqwest::Method;
use serde_json::json;

use crate::support::app::{Reply, START, TestApp, TestRequest};
use crate::support::process::{ExternalDatabase, Keyfold, until};
use crate::support::servers::{Postgres, binaries, unprivileged};
use crate::support::user::{PASSWORD, TestUser};

const NOT_NOW: &str = "The server cannot answer for the moment, try again shortly";

/// `503`, worth repeating.
#[track_caller]
fn assert_cannot_now(reply: &Reply, what: &str) {
    assert_eq!(reply.header("retry-after"), "1", "{what}: {}", reply.text);
    reply.expect_problem(503, "UNAVAILABLE", NOT_NOW);
}

async fn create(ada: &TestUser) -> Reply {
    ada.create(&json!({"title": "Milk"})).await
}

async fn sign_in(url: &str, ada: &TestUser) -> Reply {
    let credentials = json!({"email": ada.email, "password": PASSWORD});
    TestRequest::new(Method::POST, url, "/api/auth/signin").json(&credentials).send().await
}

/// Codes of PostgreSQL (appendix A), and what they are to a client.
const CODES: [(&str, u16); 40] = [
    ("08006", 503),
    ("0A000", 500),
    ("21000", 500),
    ("22001", 500),
    ("22003", 500),
    ("22P02", 500),
    ("23502", 500),
    ("25001", 500),
    ("25006", 503),
    ("25P03", 503),
    ("26000", 503),
    ("2D000", 500),
    ("28000", 503),
    ("3D000", 503),
    ("40001", 503),
    ("40P01", 503),
    ("42501", 503),
    ("42601", 500),
    ("42703", 500),
    ("42P01", 500),
    ("53000", 503),
    ("53100", 503),
    ("53200", 503),
    ("53300", 503),
    ("53400", 503),
    ("54000", 503),
    ("54001", 500),
    ("54023", 500),
    ("55000", 503),
    ("55006", 503),
    ("55P02", 503),
    ("55P03", 503),
    ("57000", 503),
    ("57014", 503),
    ("58000", 503),
    ("58030", 503),
    ("58P01", 503),
    ("72000", 503),
    ("XX000", 503),
    ("XX001", 503),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_a_mistake_only_if_asking_again_changes_nothing() {
    let app = TestApp::spawn().await;
    for (code, status) in CODES {
        a_refusal_of(&app, code, status).await;
    }
    until("it is ready", async || app.get("/health/ready").send().await.status == 200).await;
}

/// Refuses inserts into the log with this SQLSTATE; checks the answer, and that a retry succeeds as soon as inserts are
/// possible.
async fn a_refusal_of(app: &TestApp, code: &str, status: u16) {
    let ada = app.sign_up(&format!("ada-{}@example.com", code.to_lowercase())).await;
    let link = app.connection().connect().await.unwrap();
    let refuse = format!(
        "create or replace function refuse() returns trigger language plpgsql as
             $$ begin raise exception 'refused' using errcode = '{code}'; end $$;
         create trigger refuse before insert on events for each row execute function refuse()"
    );
    link.client.batch_execute(&refuse).await.unwrap();
    let refused = create(&ada).await;
    link.client.batch_execute("drop trigger refuse on events").await.unwrap();
    assert_eq!(refused.status.as_u16(), status, "{code}: {}", refused.text);
    if status == 503 {
        assert_cannot_now(&refused, code);
    } else {
        refused.expect_problem(500, "INTERNAL_ERROR", "Something went wrong on our side");
    }
    // At once: nothing has to be restarted.
    create(&ada).await.expect(201);
    assert_eq!(ada.titles().await, ["Milk"], "{code}: what was refused was not done");
}

/// Writes notifications of a page each.
async fn notify(link: &Link, pages: usize) -> Result<(), tokio_postgres::Error> {
    for _ in 0..pages {
        link.client.execute("select pg_notify('elsewhere', repeat('x', 7900))", &[]).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_of_notifications_is_told_and_emptied_when_the_listener_has_gone() {
    let postgres = Postgres::of(&binaries(18), "127.0.0.1", "max_notify_queue_pages = 64").await;
    let keyfold = postgres.keyfold();
    let server = keyfold.serve().await;
    let ada = TestUser::sign_up(&server.url, "ada@example.com").await;
    create(&ada).await.expect(201);
    let listener = postgres.session().await;
    // A statement each: it listens from the end of the transaction on.
    for statement in
        ["set idle_in_transaction_session_timeout = 0", "listen elsewhere", "begin", "select 1"]
    {
        listener.client.batch_execute(statement).await.unwrap();
    }
    let teller = postgres.session().await;
    notify(&teller, 40).await.unwrap();
    let found = keyfold.run(&["doctor"]).await;
    assert_eq!(found.code, Some(0), "{found:?}");
    assert!(found.out.contains("\nwarning  queue        "), "{}", found.out);
    create(&ada).await.expect(201);

    let full = notify(&teller, 64).await.unwrap_err();
    assert_eq!(full.code().map(tokio_postgres::error::SqlState::code), Some("54000"));
    assert_cannot_now(&create(&ada).await, "a change");
    assert_cannot_now(&sign_in(&server.url, &ada).await, "signing in");
    assert_eq!(ada.titles().await, ["Milk", "Milk"], "what is in memory is read");
    until("it is not ready", async || server.get("/health/ready").send().await.status == 503).await;
    let found = keyfold.run(&["doctor"]).await;
    assert_eq!(found.code, Some(1), "{found:?}");
    let told =
        "of PostgreSQL's queue of notifications is used, and no change is accepted: end the oldest";
    assert!(found.out.contains(told), "{}", found.out);

    drop(listener);
    until("changes are made again", async || create(&ada).await.status == 201).await;
    until("it is ready", async || server.get("/health/ready").send().await.status == 200).await;
    sign_in(&server.url, &ada).await.expect(200);
    let found = keyfold.run(&["doctor"]).await;
    assert!(found.code == Some(0) && !found.out.contains(" queue "), "{found:?}");
    server.stop().await;
}

/// A small file system in memory, where this process may make one; gone with its test.
pub struct SmallDisk(pub PathBuf);

impl SmallDisk {
    pub fn make(size: &str) -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let (user, group) = unprivileged()?;
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("kf-small-disk-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        let size = format!("size={size},mode=0755");
        let mount = ["-t", "tmpfs", "-o", &size, "tmpfs", path.to_str().unwrap()];
        let mounted = std::process::Command::new("mount").args(mount).output().ok()?;
        if !mounted.status.success() {
            return None;
        }
        let disk = Self(path);
        fs::create_dir(disk.0.join("space")).unwrap();
        chown(disk.0.join("space"), Some(user), Some(group)).unwrap();
        Some(disk)
    }

    /// Makes it larger or smaller.
    pub fn resize(&self, size: &str) {
        let size = format!("remount,size={size}");
        let mount = ["-o", &size, self.0.to_str().unwrap()];
        assert!(std::process::Command::new("mount").args(mount).status().unwrap().success());
    }

    /// Takes what room there is left.
    pub fn fill(&self) {
        let filler = fs::File::create(self.0.join("filler")).unwrap();
        let block = [0_u8; 4096];
        while std::io::Write::write_all(&mut &filler, &block).is_ok() {}
    }

    pub fn make_room(&self) {
        fs::remove_file(self.0.join("filler")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ =
            std::process::Command::new("umount").args(["-l".as_ref(), self.0.as_os_str()]).status();
        let _ = fs::remove_dir(&self.0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_answered_503_until_there_is_room() {
    let Some(disk) = SmallDisk::make("32m") else {
        // If this process may not mount a disk, only the SQLSTATE is tested.
        return a_refusal_of(&TestApp::spawn().await, "53100", 503).await;
    };
    let postgres = Postgres::start("").await;
    let link = postgres.session().await;
    let space = disk.0.join("space");
    for statement in [
        format!("create tablespace small location '{}'", space.display()),
        "create database small tablespace small".to_owned(),
    ] {
        link.client.batch_execute(&statement).await.unwrap();
    }
    let url = postgres.url().replace("/postgres?", "/small?");
    let server = postgres.keyfold().set("DATABASE_URL", &url).serve().await;
    let ada = TestUser::sign_up(&server.url, "ada@example.com").await;
    create(&ada).await.expect(201);
    disk.fill();
    let long = "x".repeat(2_000);
    let mut made = 1;
    let refused = loop {
        let reply = ada.create(&json!({"title": "Milk", "description": long})).await;
        if reply.status != 201 {
            break reply;
        }
        made += 1;
    };
    assert_cannot_now(&refused, "a change");
    assert_eq!(ada.titles().await.len(), made);
    // For small changes there is room in pages that exist: that does not make it ready.
    let failures = "select xact_rollback from pg_stat_database where datname = 'small'";
    let failed = async || link.client.query_one(failures, &[]).await.unwrap().get::<_, i64>(0);
    let before = failed().await;
    until("it has tried twice more", async || {
        server.get("/health/ready").send().await.expect_problem(503, "UNAVAILABLE", NOT_NOW);
        failed().await >= before + 2
    })
    .await;
    disk.make_room();
    until("changes are made again", async || create(&ada).await.status == 201).await;
    until("it is ready", async || server.get("/health/ready").send().await.status == 200).await;
    server.stop().await;
    drop(link);
    // Before its disk.
    drop(postgres);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_without_a_free_connection_is_answered_503_until_there_is_one() {
    let postgres =
        Postgres::start("max_connections = 12\nsuperuser_reserved_connections = 0").await;
    let server = postgres.keyfold().serve().await;
    let ada = TestUser::sign_up(&server.url, "ada@example.com").await;
    // The test takes the free connections first, then those that the server had.
    let mut taken = Vec::new();
    let watcher = postgres.session().await;
    let end = "select count(pg_terminate_backend(pid)) from pg_stat_activity
               where backend_type = 'client backend' and pid <> pg_backend_pid() and pid <> all ($1)";
    until("no connection is left", async || {
        let own: Vec<i32> = join_all(taken.iter().map(backend)).await;
        watcher.client.query_one(end, &[&own]).await.unwrap();
        while let Ok(link) = postgres.connection().connect().await {
            taken.push(link);
        }
        taken.len() == 11
    })
    .await;
    until("a change is refused", async || {
        let refused = create(&ada).await;
        refused.status == 503 && refused.header("retry-after") == "1"
    })
    .await;
    until("it is not ready", async || server.get("/health/ready").send().await.status == 503).await;
    taken.clear();
    until("changes are made again", async || create(&ada).await.status == 201).await;
    until("it is ready", async || server.get("/health/ready").send().await.status == 200).await;
    server.stop().await;
}

/// The process of the database that serves a session.
async fn backend(link: &Link) -> i32 {
    link.client.query_one("select pg_backend_pid()", &[]).await.unwrap().get(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_that_an_administrator_ends_are_opened_anew() {
    let postgres = Postgres::start("").await;
    let server = postgres.keyfold().serve().await;
    let ada = TestUser::sign_up(&server.url, "ada@example.com").await;
    let link = postgres.session().await;
    let end = "select pg_terminate_backend(pid) from pg_stat_activity
               where backend_type = 'client backend' and pid <> pg_backend_pid()";
    for _ in 0..3 {
        link.client.query(end, &[]).await.unwrap();
        let replies = join_all((0..10).map(|_| create(&ada))).await;
        for reply in replies.iter().filter(|reply| reply.status != 201) {
            assert_eq!(
                (reply.status.as_u16(), reply.header("retry-after")),
                (503, "1"),
                "{}",
                reply.text
            );
        }
        until("changes are made again", async || create(&ada).await.status == 201).await;
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_that_was_taken_away_is_answered_503_until_it_is_given_back() {
    let database = ExternalDatabase::new().await;
    let admin = database.connection.connect().await.unwrap();
    let schema: String =
        admin.client.query_one("select current_schema()::text", &[]).await.unwrap().get(0);
    let role = format!("limited_{}_{schema}", std::process::id());
    let make = format!("create role {role}; grant all on schema {schema} to {role}");
    admin.client.batch_execute(&make).await.unwrap();
    let connection = Connection::parse(&format!("{}%20-crole%3D{role}", database.url)).unwrap();
    let mut app = TestApp::on(connection, Clock::manual(START), |_| ()).await.unwrap();
    let ada = app.sign_up("ada@example.com").await;
    admin.client.batch_execute(&format!("revoke insert on events from {role}")).await.unwrap();
    assert_cannot_now(&create(&ada).await, "a change");
    assert_cannot_now(&sign_in(&app.url(), &ada).await, "signing in");
    until("it is not ready", async || app.get("/health/ready").send().await.status == 503).await;
    admin.client.batch_execute(&format!("grant insert on events to {role}")).await.unwrap();
    create(&ada).await.expect(201);
    until("it is ready", async || app.get("/health/ready").send().await.status == 200).await;
    app.stop().await;
    admin.client.batch_execute(&format!("drop owned by {role}; drop role {role}")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_read_only_by_its_settings_is_written_all_the_same() {
    let postgres = Postgres::start("default_transaction_read_only = on").await;
    let keyfold: Keyfold = postgres.keyfold();
    let server = keyfold.serve().await;
    let ada = TestUser::sign_up(&server.url, "ada@example.com").await;
    postgres.alter("set default_transaction_deferrable = on").await;
    create(&ada).await.expect(201);
    server.stop().await;
}
