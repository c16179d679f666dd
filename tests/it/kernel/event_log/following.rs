//! Notifications of the log to a node: all batches except those that it knows to be committed.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use keyfold::app::Seams;
use keyfold::base::clock::Clock;
use keyfold::base::id::Id;
use keyfold::eventlog::cluster::follower;
use keyfold::eventlog::cluster::follower::{Member, Mode, Observer};
use keyfold::eventlog::log::append::appender;
use keyfold::eventlog::{PassingEvent, Projections};
use keyfold::postgres::{Connection, Pool};
use serde_json::json;

use super::{Log, append};
use crate::support::app::{START, TestApp, known_keys};
use crate::support::postgres;
use crate::support::process::{ExternalDatabase, signal, until};
use crate::support::user::TestUser;

/// Events heard, as `stream@version data`.
#[derive(Default)]
struct Listener(Mutex<Vec<String>>);

impl Listener {
    fn heard(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl Observer for Listener {
    fn reads(&self) -> &'static [&'static str] {
        &["read"]
    }

    fn observe(&self, event: &PassingEvent<'_>) {
        let PassingEvent { stream, version, data, .. } = event;
        self.0.lock().unwrap().push(format!("{stream}@{version} {data}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_hears_of_the_batches_of_others_and_not_of_its_own() {
    let log = Log::open().await;
    let node = Id::<()>::generate(&Clock::system()).uuid();
    let pool = Pool::new(&log.connection, "writers", 1).unwrap();
    let setup = postgres::appender(pool, Projections::default());
    let (own, writer) = appender::channel(appender::Setup { node, ..setup });
    let joined =
        follower::join(log.connection.clone(), Member::new(node, Mode::Cluster, Clock::system()))
            .await;
    let (_follower, mut following) = joined.unwrap();
    following.begin_at_head().await.unwrap();
    following.skip(writer.acknowledged());
    let listener = Arc::new(Listener::default());
    following.add_observer(Arc::clone(&listener) as Arc<dyn Observer>);
    let running = [tokio::spawn(writer.run()), tokio::spawn(following.run())];

    let mut expected = Vec::new();
    for version in 0..30 {
        own.append(append("own", version, &["Next"])).await.unwrap();
        if version % 10 == 9 {
            let category = if version == 9 { "other" } else { "read" };
            let stream = format!("{category}-{version}");
            log.append(&stream, 0, &["One"]).await.unwrap();
            expected.push(format!("{stream}@1 {}", if category == "read" { "{}" } else { "null" }));
            until("it is heard", async || listener.heard().len() >= expected.len()).await;
        }
    }
    assert_eq!(listener.heard(), expected);
    running.iter().for_each(tokio::task::JoinHandle::abort);
}

/// A server that waits for a batch for a moment only, and how to find its session for writing.
async fn impatient() -> (TestApp, ExternalDatabase) {
    let database = ExternalDatabase::new().await;
    let named = format!("{}&application_name={}", database.url, Id::<()>::at(START));
    let connection = Connection::parse(&named).unwrap();
    let batch_timeout = Duration::from_millis(500);
    let seams = Seams {
        clock: Clock::manual(START),
        generate_key: known_keys(),
        batch_timeout,
        ..Seams::default()
    };
    (TestApp::with_seams(connection, seams, |_| ()).await.unwrap(), database)
}

/// The session that the server's appender uses, which inserted an event last.
async fn writer(app: &TestApp) -> u32 {
    let link = app.connection().connect().await.unwrap();
    let writer = "select pid from pg_stat_activity where application_name = current_setting('application_name')
                  and query like 'with head as (%insert into events%' order by query_start desc limit 1";
    let pid: i32 = link.client.query_one(writer, &[]).await.unwrap().get(0);
    u32::try_from(pid).unwrap()
}

const UNKNOWN: &str = "The change may or may not have been made; check before trying again";

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_is_committed_after_every_time_out_is_shown_as_soon_as_the_log_has_it() {
    let (app, _database) = impatient().await;
    let ada = app.sign_up("ada@example.com").await;
    ada.create_task("Milk").await;
    let writer = writer(&app).await;
    signal("STOP", &[writer]);
    let created = ada.create(&json!({"title": "Bread"})).await;
    // The list is loaded again, and the change is not in the log.
    let before = ada.titles().await;
    // Changes made meanwhile are written by another session.
    ada.create_task("Eggs").await;
    signal("CONT", &[writer]);
    created.expect_problem(503, "OUTCOME_UNKNOWN", UNKNOWN);
    assert_eq!(before, ["Milk"]);
    // The version that the change expected is taken, so it is refused; nothing is shown twice.
    assert_eq!(ada.titles().await, ["Milk", "Eggs"]);

    let writer = self::writer(&app).await;
    signal("STOP", &[writer]);
    let created = ada.create(&json!({"title": "Butter"})).await;
    let before = ada.titles().await;
    signal("CONT", &[writer]);
    created.expect_problem(503, "OUTCOME_UNKNOWN", UNKNOWN);
    assert_eq!(before, ["Milk", "Eggs"]);
    let logged = "select count(*)::text from events where type = 'TaskCreated'";
    until("the log has it", async || app.query_text(logged).await == "3").await;
    until("the list shows it", async || ada.titles().await == ["Milk", "Eggs", "Butter"]).await;
}

/// The identifier by which a server's notifications name it.
async fn node_of(app: &TestApp, ada: &TestUser) -> uuid::Uuid {
    let mut listening = app.connection().connect().await.unwrap();
    let listen = "do $$ begin execute format('listen %I', 'keyfold:' || current_schema()); end $$";
    listening.client.batch_execute(listen).await.unwrap();
    ada.create_task("Milk").await;
    let told = listening.notifications.recv().await.unwrap().payload().to_owned();
    told.split(' ').next().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_out_that_was_not_acknowledged_is_obeyed_as_soon_as_the_log_has_it() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    let again = TestUser::sign_in(&app.url(), &ada.email).await;
    again.list("").await.expect(200);
    // Commits under the id of the server's node, as the server's own session may after a timeout.
    let pool = Pool::new(&app.connection(), "writers", 1).unwrap();
    let setup = postgres::appender(pool, keyfold::app::features::projections());
    let node = node_of(&app, &ada).await;
    let (late, writer) = appender::channel(appender::Setup { node, ..setup });
    let running = tokio::spawn(writer.run());
    let mut append = append(&format!("session-{}", ada.id), 2, &["SessionEnded"]);
    append.events[0].data =
        json!({"sessionId": again.session_id, "reason": "signedOut"}).to_string();
    late.append(append).await.unwrap();
    until("the session is refused", async || again.list("").await.status == 401).await;
    ada.list("").await.expect(200);
    running.abort();
}
