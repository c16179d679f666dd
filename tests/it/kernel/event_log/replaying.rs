//! Read models made again from the log, while servers run.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::join_all;
use keyfold::eventlog::log::replay;
use keyfold::eventlog::log::replay::ReplayProgress;
use keyfold::eventlog::{Projections, StoreError};

use crate::support::app::TestApp;

const TABLES: [&str; 3] = ["users", "sessions", "jwks"];

fn projections() -> Projections {
    keyfold::app::features::projections()
}

async fn rebuild(app: &TestApp) -> Result<u64, StoreError> {
    let link = app.connection().connect().await.unwrap();
    replay::rebuild(&link.client, &projections(), |_| ()).await
}

async fn dump(app: &TestApp) -> Vec<String> {
    join_all(TABLES.map(|table| app.dump(table))).await
}

/// Definitions of the tables: columns, constraints, indexes, settings and privileges.
async fn definitions(app: &TestApp) -> String {
    let definitions = "\
        select string_agg(line, E'\\n' order by line) from (
            select format('%s %s %s %s', attrelid::regclass, attname, format_type(atttypid, atttypmod), attnotnull) as line
            from pg_attribute where attnum > 0 and attrelid = any (array['users', 'sessions', 'jwks']::regclass[])
            union all
            select format('%s %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
            from pg_constraint where conrelid = any (array['users', 'sessions', 'jwks']::regclass[])
            union all
            select pg_get_indexdef(indexrelid)
            from pg_index where indrelid = any (array['users', 'sessions', 'jwks']::regclass[])
            union all
            select format('%s %s %s', oid::regclass, reloptions, relacl)
            from pg_class where oid = any (array['users', 'sessions', 'jwks']::regclass[])
        ) lines";
    app.query_text(definitions).await
}

#[tokio::test(flavor = "multi_thread")]
async fn rebuilding_the_read_models_from_the_log_reproduces_them_byte_for_byte() {
    let app = TestApp::spawn().await;
    let keys = &app.running().features().keys;
    for number in 0..5 {
        let user = app.sign_up(&format!("user{number}@example.com")).await;
        user.create_task("milk").await;
        if number % 2 == 0 {
            user.sign_out().await.expect(200);
        }
        app.clock().advance(std::time::Duration::from_mins(7));
        keys.rotate().await.unwrap();
    }
    let ada = app.sign_up("ada@example.com").await;
    app.clock().advance(std::time::Duration::from_hours(24));
    app.get("/api/auth/session").bearer(&ada.session_token).send().await.expect(200);
    let extensions = "select count(*)::text from events where type = 'SessionExtended'";
    assert_eq!(app.query_text(extensions).await, "1");
    let settings = "alter table users set (autovacuum_vacuum_threshold = 77); grant select on sessions to public";
    app.connection().connect().await.unwrap().client.batch_execute(settings).await.unwrap();
    let (before, defined) = (dump(&app).await, definitions(&app).await);
    assert!(before.iter().all(|table| !table.is_empty()));

    // Damage that a rebuild must undo.
    let link = app.connection().connect().await.unwrap();
    link.client.batch_execute("delete from sessions; update users set name = 'x'").await.unwrap();
    let replayed = rebuild(&app).await.unwrap();
    assert_eq!(replayed.to_string(), app.query_text("select count(*)::text from events").await);
    assert_eq!(dump(&app).await, before);
    assert_eq!(definitions(&app).await, defined);
    let left = "select count(*)::text from pg_namespace where nspname like 'keyfold_replay%' \
                and nspname = 'keyfold_replay_' || left(md5(current_schema()), 16)";
    assert_eq!(app.query_text(left).await, "0");

    // The server's prepared statements find the new tables, and constraints have the names they had.
    app.get("/api/auth/session").bearer(&ada.session_token).send().await.expect(200);
    app.sign_up("grace@example.com").await;
    let taken = serde_json::json!({"email": "grace@example.com", "password": crate::support::user::PASSWORD, "name": "Grace"});
    let again = app.post("/api/auth/signup").json(&taken).send().await;
    again.expect_problem(409, "EMAIL_TAKEN", "An account with this email address exists already");
}

#[tokio::test(flavor = "multi_thread")]
async fn while_read_models_are_rebuilt_every_change_is_answered() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    let link = app.connection().connect().await.unwrap();
    link.client.batch_execute(include_str!("../../database/plans/grow.sql")).await.unwrap();
    let ended = AtomicBool::new(false);
    let changes = (0..4).map(|writer| {
        let (app, ada, ended) = (&app, &ada, &ended);
        async move {
            let mut number = 0;
            while !ended.load(Ordering::SeqCst) {
                let user = app.sign_up(&format!("user{writer}-{number}@example.com")).await;
                user.create_task("Milk").await;
                ada.create_task("Bread").await;
                if number % 2 == 0 {
                    user.sign_out().await.expect(200);
                }
                number += 1;
            }
            number
        }
    });
    let rebuilding = async {
        let rebuilt = rebuild(&app).await;
        ended.store(true, Ordering::SeqCst);
        rebuilt.unwrap()
    };
    let (replayed, numbers) = tokio::join!(rebuilding, join_all(changes));
    assert!(replayed >= 25_000, "{replayed}");
    let signed_up: i32 = numbers.into_iter().sum();
    let users = "select count(*)::text from users";
    assert_eq!(app.query_text(users).await, (1 + 5_000 + signed_up).to_string());
    let before = dump(&app).await;
    rebuild(&app).await.unwrap();
    assert_eq!(dump(&app).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_that_waits_for_a_reader_of_the_tables_holds_up_nobody() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    let reader = app.connection().connect().await.unwrap().client;
    // As a dump does for as long as it takes.
    reader
        .batch_execute("begin isolation level repeatable read; select count(*) from users")
        .await
        .unwrap();
    let (waiting, waits) = tokio::sync::watch::channel(0);
    let link = app.connection().connect().await.unwrap();
    let projections = projections();
    let tell = |progress| {
        if progress == ReplayProgress::Waiting {
            waiting.send_modify(|times| *times += 1);
        }
    };
    let mut rebuilding = pin!(replay::rebuild(&link.client, &projections, tell));
    let changes = async {
        for times in 1..=2 {
            waits.clone().wait_for(|waited| *waited >= times).await.unwrap();
            ada.create_task("Milk").await;
            app.sign_up(&format!("grace{times}@example.com")).await;
        }
    };
    tokio::select! {
        rebuilt = &mut rebuilding => panic!("the tables are being read: {rebuilt:?}"),
        () = changes => {}
    }
    let second = rebuild(&app).await.unwrap_err().to_string();
    assert_eq!(second, "the database refused a statement: another replay is under way");
    reader.batch_execute("commit").await.unwrap();
    rebuilding.await.unwrap();
    assert_eq!(app.query_text("select count(*)::text from users").await, "3");
}
