//! Peers that vanish without a close, and the locks that they held: a node takes over its own lock at once, and that of
//! another node when PostgreSQL has given up its session; work of an earlier term is never committed.

mod namespaces;

use std::error::Error;

use keyfold::base::clock::Clock;
use keyfold::base::id::Id;
use keyfold::eventlog::cluster::follower;
use keyfold::eventlog::cluster::follower::{Following, Member, Mode};
use keyfold::eventlog::log::append::appender;
use keyfold::eventlog::{Append, NewEvent, Projections, Statement, StreamName};
use keyfold::postgres::{Connection, Pool};
use uuid::Uuid;

use crate::support::app::{SECRET, START, TestApp};
use crate::support::postgres;
use crate::support::process::{ExternalDatabase, Keyfold, PUBLIC_URL, until};
use crate::support::relay::Relay;
use crate::support::user::TestUser;

/// The sessions that hold the lock of a node, by process of the database.
async fn holders(database: &Connection) -> Vec<i32> {
    let link = database.connect().await.unwrap();
    let holders = "select pid from pg_locks where locktype = 'advisory' and granted and objsubid = 1
                   and (classid::int8 << 32) | objid::int8 = hashtextextended('keyfold-node:' || current_schema(), 0)
                   order by pid";
    link.client.query(holders, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_whose_connections_were_forgotten_is_not_locked_out_by_its_own_session() {
    for is_cluster in [false, true] {
        let database = ExternalDatabase::new().await;
        let relay = Relay::to(&database).await;
        let connection = Connection::parse(&relay.url).unwrap();
        let app = TestApp::on(connection, Clock::manual(START), |config| {
            config.database.cluster = is_cluster;
        });
        let mut app = app.await.unwrap();
        let ada = app.sign_up("ada@example.com").await;
        ada.create_task("Milk").await;
        let before = holders(&database.connection).await;
        assert_eq!(before.len(), 1);
        relay.forget();
        until("the node goes on", async || {
            ada.create(&serde_json::json!({"title": "Bread"})).await.status == 201
        })
        .await;
        let after = holders(&database.connection).await;
        assert!(after.len() == 1 && after != before, "{before:?} {after:?}");
        assert_eq!(ada.titles().await, ["Milk", "Bread"]);
        app.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_started_again_takes_over_what_its_killed_process_has_left() {
    let database = ExternalDatabase::new().await;
    let relay = Relay::to(&database).await;
    let keyfold = Keyfold::new().set("DATABASE_URL", &relay.url).set("KEYFOLD_SECRET", SECRET);
    let keyfold = keyfold.set("KEYFOLD_PUBLIC_URL", PUBLIC_URL);
    let server = keyfold.serve().await;
    let ada = TestUser::sign_up(&server.url, "ada@example.com").await;
    let before = holders(&database.connection).await;
    // The database does not hear that the process is gone.
    relay.forget();
    server.kill().await;
    assert_eq!(holders(&database.connection).await, before);
    let mut server = keyfold.serve().await;
    let after = holders(&database.connection).await;
    assert!(after.len() == 1 && after != before, "{before:?} {after:?}");
    server.process.err.say("ended a database session that this server had left behind").await;
    ada.at(&server.url).create_task("Milk").await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_whose_node_vanished_in_the_middle_does_not_hold_up_the_log_until_it_is_missed() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    let vanished = app.connection().connect().await.unwrap();
    vanished.client.batch_execute("begin; select events_lock()").await.unwrap();
    ada.create_task("Milk").await;
    assert!(vanished.client.batch_execute("select 1").await.is_err(), "its session was ended");
}

/// A node that holds its lock, and its appender.
async fn node(connection: &Connection, mode: Mode) -> (Following, appender::Appender) {
    let node = Id::<()>::generate(&Clock::system()).uuid();
    let member = Member::new(node, mode, Clock::manual(START));
    let (_, mut following) = follower::join(connection.clone(), member).await.unwrap();
    following.enter().await.unwrap();
    let pool = Pool::new(connection, "writers", 1).unwrap();
    let setup = postgres::appender(pool, Projections::default());
    let (appender, writer) = appender::channel(appender::Setup { term: following.term(), ..setup });
    tokio::spawn(writer.run());
    (following, appender)
}

async fn append(appender: &appender::Appender, stream: &str) -> Result<i64, String> {
    let event = NewEvent {
        event_id: Uuid::now_v7(),
        name: "Happened",
        schema: 1,
        data: "{}".to_owned(),
        context: b"{}".as_slice().into(),
        recorded_at: START,
    };
    let append = Append::new(StreamName::singleton(stream), 0, vec![event]);
    let outcome = appender.append(append).await;
    outcome.map(|written| written.position.unwrap()).map_err(|error| told(&error))
}

/// Message of an error, which is in its cause.
fn told(error: &dyn Error) -> String {
    error.source().map_or_else(|| error.to_string(), ToString::to_string)
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_lost_the_log_to_another_owner_appends_nothing_any_more() {
    let over =
        "the database refused for now: another server has taken over the log (SQLSTATE KF004)";
    for (first, second) in
        [(Mode::Single, Mode::Single), (Mode::Single, Mode::Cluster), (Mode::Cluster, Mode::Single)]
    {
        let connection = postgres::new_schema().await;
        keyfold::postgres::migrate(&connection).await.unwrap();
        let (earlier, its_appender) = node(&connection, first).await;
        assert_eq!(append(&its_appender, "a").await, Ok(1));
        // Its session ends and it does not notice: its connection for appending is alive.
        drop(earlier);
        let (_following, appender) = node(&connection, second).await;
        assert_eq!(append(&its_appender, "b").await, Err(over.to_owned()), "{first:?} {second:?}");
        assert_eq!(append(&appender, "b").await, Ok(2));
        assert_eq!(append(&its_appender, "c").await, Err(over.to_owned()));
        // Nor does it write a row beside the log.
        let outcome = its_appender.append(row()).await;
        assert_eq!(outcome.map_err(|error| told(&error)), Err(over.to_owned()));
        assert!(appender.append(row()).await.is_ok());
    }
}

/// A row beside the log, without any event.
fn row() -> Append {
    let row =
        Statement::new("insert into credentials values (gen_random_uuid(), 'none')", Vec::new());
    Append::new(StreamName::singleton("rows"), 0, Vec::new()).also_write(row)
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_of_a_cluster_that_come_and_go_leave_the_others_their_term() {
    let connection = postgres::new_schema().await;
    keyfold::postgres::migrate(&connection).await.unwrap();
    let (_one, its_appender) = node(&connection, Mode::Cluster).await;
    let (two, other) = node(&connection, Mode::Cluster).await;
    assert_eq!(append(&its_appender, "a").await, Ok(1));
    assert_eq!(append(&other, "b").await, Ok(2));
    drop(two);
    let (_three, third) = node(&connection, Mode::Cluster).await;
    assert_eq!(append(&its_appender, "c").await, Ok(3));
    assert_eq!(append(&third, "d").await, Ok(4));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_server_is_told_who_holds_the_database() {
    let database = ExternalDatabase::new().await;
    let keyfold = database.keyfold(SECRET);
    let first = keyfold.serve().await;
    let second = keyfold.run(&[]).await;
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let holder =
        format!("process {} on {}, from a Unix socket since ", first.process.pid(), host.trim());
    assert_eq!(second.code, Some(1), "{second:?}");
    assert!(second.err.contains(&holder), "{holder} in {}", second.err);
    assert!(!second.err.contains("has said nothing"), "{}", second.err);
    first.stop().await;
}
