//! An operator's worst days: the fault, the answers meanwhile, and the time to recovery.
//!
//! Each writes a line of `benches/DAYS.md`, which `make days` puts together from runs of the release binary.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;
use tokio::net::unix::pipe;

use crate::cluster::clocks::faketime;
use crate::cluster::proxy::{Met, rolling_restart};
use crate::database::cannot_now::SmallDisk;
use crate::operations::own_backup::with_secret_of;
use crate::operations::unread::Unread;
use crate::support::app::SECRET;
use crate::support::postgres::new_directory;
use crate::support::process::{
    DataDirectory, ExternalDatabase, Keyfold, PUBLIC_URL, Server, until,
};
use crate::support::relay::Relay;
use crate::support::servers::Postgres;
use crate::support::user::TestUser;

/// Writes a line of the report.
fn told(number: u8, [day, happened]: [&str; 2], took: Duration, found: &str) {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("days");
    fs::create_dir_all(&directory).unwrap();
    let line = format!("| {day} | {happened} | {:.1} s | {found} |\n", took.as_secs_f64());
    fs::write(directory.join(format!("{number}.md")), line).unwrap();
}

async fn status(user: &TestUser) -> u16 {
    user.create(&json!({"title": "Milk"})).await.status.as_u16()
}

/// Time until a change succeeds.
async fn until_made(user: &TestUser, since: Instant) -> Duration {
    until("a change is made", async || status(user).await == 201).await;
    since.elapsed()
}

fn kept(data: &DataDirectory) -> Keyfold {
    Keyfold::in_directory(data).set("KEYFOLD_PUBLIC_URL", PUBLIC_URL)
}

async fn with_milk(server: &Server) -> TestUser {
    let ada = TestUser::sign_up(&server.url, "ada@example.com").await;
    ada.create_task("Milk").await;
    ada
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_vanishes_and_is_started_again() {
    let database = ExternalDatabase::new().await;
    let relay = Relay::to(&database).await;
    let keyfold = database.keyfold(SECRET).set("DATABASE_URL", &relay.url);
    let keyfold = keyfold.set("KEYFOLD_PUBLIC_URL", PUBLIC_URL);
    let server = keyfold.serve().await;
    let ada = with_milk(&server).await;
    relay.close();
    server.kill().await;
    relay.open();
    let since = Instant::now();
    let server = keyfold.serve().await;
    let ada = ada.at(&server.url);
    let took = until_made(&ada, since).await;
    assert_eq!(ada.titles().await, ["Milk", "Milk"]);
    let happened = "the server's machine vanishes without a word to PostgreSQL, which keeps its session and lock";
    told(
        1,
        ["vanished peer", happened],
        took,
        "the new process ends the session that the old one has left",
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_eight_days_ahead() {
    let database = ExternalDatabase::new().await;
    let time = new_directory("day-of-the-clock").join("time");
    fs::write(&time, "+0\n").unwrap();
    let faked = (database.keyfold(SECRET).set("LD_PRELOAD", &faketime()))
        .set("FAKETIME_TIMESTAMP_FILE", time.to_str().unwrap())
        .set("FAKETIME_NO_CACHE", "1")
        .set("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    let server = faked.serve().await;
    let ada = with_milk(&server).await;
    fs::write(&time, "+8d\n").unwrap();
    until("nobody is answered", async || status(&ada).await == 503).await;
    fs::write(&time, "+0\n").unwrap();
    let took = until_made(&ada, Instant::now()).await;
    let session = server.get("/api/auth/session").bearer(&ada.session_token).send().await;
    session.expect(200);
    let happened = "its clock is set eight days ahead, further than sessions last, and back";
    told(2, ["clock", happened], took, "`503` meanwhile; no session ended");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_nobody_reads() {
    let database = ExternalDatabase::new().await;
    let (writer, reader) = pipe::pipe().unwrap();
    let error = Stdio::from(writer.into_blocking_fd().unwrap());
    let keyfold = database.keyfold(SECRET).set("KEYFOLD_LOG", "trace");
    let server = Unread::with_error(&keyfold, error).await;
    server.loses_lines().await;
    let since = Instant::now();
    let ada = TestUser::sign_up(&server.url, "ada@example.com").await;
    let took = until_made(&ada, since).await;
    let found = format!("{} lines were lost and counted, no request waited", server.lost().await);
    let happened = "whatever collects its log stops reading; somebody signs up and adds a task";
    told(3, ["log pipe", happened], took, &found);
    drop(reader);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_is_lost() {
    let data = DataDirectory::new("day-of-the-secret");
    let server = kept(&data).serve().await;
    let ada = with_milk(&server).await;
    server.stop().await;
    fs::remove_file(data.path().join("secret")).unwrap();
    let refused = kept(&data).run(&["serve"]).await;
    assert!(refused.err.contains("`keyfold keys replace --lost`"), "{refused:?}");
    let since = Instant::now();
    kept(&data).print(&["keys", "replace", "--lost"]).await;
    let server = kept(&data).serve().await;
    let fresh = server.get("/api/auth/token").bearer(&ada.session_token).send().await.expect(200);
    let ada = ada.at(&server.url).with_token(fresh["token"].as_str().unwrap());
    let took = until_made(&ada, since).await;
    assert_eq!(ada.titles().await, ["Milk", "Milk"]);
    let happened = "the secret that seals the keys is gone; `keys replace --lost`, and a start";
    told(
        4,
        ["secret", happened],
        took,
        "tokens of before are refused, sessions and tasks are there",
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_full() {
    let disk = SmallDisk::make("32m");
    let postgres = Postgres::start("").await;
    let link = postgres.session().await;
    let space = disk.as_ref().map(|disk| disk.0.join("space"));
    if let Some(space) = &space {
        let make = format!("create tablespace small location '{}'", space.display());
        link.client.batch_execute(&make).await.unwrap();
    }
    let within = if space.is_some() { " tablespace small" } else { "" };
    let make = format!("create database small{within}");
    link.client.batch_execute(&make).await.unwrap();
    let url = postgres.url().replace("/postgres?", "/small?");
    let server = postgres.keyfold().set("DATABASE_URL", &url).serve().await;
    let ada = with_milk(&server).await;
    let long = json!({"title": "Milk", "description": "x".repeat(2_000)});
    // The disk is filled only if this process may mount one.
    if let Some(disk) = &disk {
        disk.fill();
        while ada.create(&long).await.status == 201 {}
        assert_eq!(ada.create(&long).await.status, 503);
        disk.make_room();
    }
    let took = until_made(&ada, Instant::now()).await;
    let happened = "the disk of the database is full, until there is room again";
    told(5, ["full disk", happened], took, "`503` meanwhile, reads are answered");
    server.stop().await;
    drop((link, postgres));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_becomes_read_only() {
    let postgres = Postgres::start("").await;
    let server = postgres.keyfold().serve().await;
    let ada = with_milk(&server).await;
    postgres.alter("set default_transaction_read_only = on").await;
    let took = until_made(&ada, Instant::now()).await;
    let happened = "`default_transaction_read_only` is set for the whole database";
    told(
        6,
        ["read-only database", happened],
        took,
        "its sessions say that they write: no change was refused",
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_has_to_be_restored() {
    let (data, directory) = (DataDirectory::new("day-of-the-backup"), new_directory("day"));
    let file = directory.join("keyfold.dump");
    let server = kept(&data).serve().await;
    let ada = with_milk(&server).await;
    kept(&data).print(&["backup", file.to_str().unwrap()]).await;
    ada.create_task("Bread").await;
    let lost = ada.list("").await.header("etag").to_owned();
    server.stop().await;

    let since = Instant::now();
    let anew = with_secret_of(&data, "day-of-the-backup-anew");
    kept(&anew).print(&["restore", file.to_str().unwrap()]).await;
    let server = kept(&anew).serve().await;
    let ada = ada.at(&server.url);
    let took = until_made(&ada, since).await;
    let undo = ada.request(Method::POST, &ada.tasks("/undo")).header("if-match", &lost);
    undo.send().await.expect(412);
    assert_eq!(ada.titles().await, ["Milk", "Milk"]);
    let happened = "a private cluster is made anew from its backup, with one change less";
    told(7, ["restored backup", happened], took, "entity tags of what is lost match nothing");
    server.stop().await;
    fs::remove_dir_all(directory).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_behind_the_documented_proxy() {
    let Met { statuses, added, took } = rolling_restart().await;
    let well = ["GET 200", "PATCH 200", "POST 201"];
    assert!(statuses.keys().all(|status| well.contains(&status.as_str())), "{statuses:?}");
    let found = format!("{added} tasks were added, changed and read, and no request failed");
    let happened =
        "two nodes are restarted one after the other behind nginx while six clients work";
    told(8, ["rolling restart", happened], took, &found);
}
