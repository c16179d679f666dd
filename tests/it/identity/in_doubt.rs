//! The state of sessions in memory after a failed command: kept if nothing was written, and dropped for that user if the
//! outcome is unknown.

use keyfold::postgres::Link;

use crate::support::app::{TestApp, two_servers};
use crate::support::process::until;
use crate::support::user::TestUser;

/// Runs PL/pgSQL before the end of any session is written.
async fn before_an_end(app: &TestApp, what: &str) -> Link {
    let trigger = format!(
        "create function hinder() returns trigger language plpgsql as $$ begin {what}; return new; end $$;
         create trigger hinder before insert on events for each row
             when (new.type = 'SessionEnded') execute function hinder()"
    );
    let link = app.connection().connect().await.unwrap();
    link.client.batch_execute(&trigger).await.unwrap();
    link
}

async fn status_of(app: &TestApp, user: &TestUser) -> u16 {
    app.get("/api/auth/session").bearer(&user.session_token).send().await.status.as_u16()
}

/// The statuses of some sessions while the database has none: an answer can only come from memory.
async fn believed<const N: usize>(app: &TestApp, link: &Link, users: [&TestUser; N]) -> [bool; N] {
    link.client.batch_execute("alter table sessions rename to hidden").await.unwrap();
    let mut believed = [false; N];
    for (number, user) in users.into_iter().enumerate() {
        believed[number] = status_of(app, user).await == 200;
    }
    link.client.batch_execute("alter table hidden rename to sessions").await.unwrap();
    believed
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_that_was_refused_and_not_written_makes_no_session_doubtful() {
    let app = TestApp::spawn().await;
    let (ada, bob) = (app.sign_up("ada@example.com").await, app.sign_up("bob@example.com").await);
    let link = before_an_end(&app, "raise exception 'not now' using errcode = '55P03'").await;
    for _ in 0..3 {
        ada.sign_out().await.expect(503);
    }
    assert_eq!(believed(&app, &link, [&ada, &bob]).await, [true, true]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_of_unknown_outcome_makes_the_sessions_of_its_user_doubtful_and_no_others() {
    let app = TestApp::spawn().await;
    let (ada, bob) = (app.sign_up("ada@example.com").await, app.sign_up("bob@example.com").await);
    let link = before_an_end(&app, "perform pg_sleep(60)").await;
    let breaking_off = until("the append is broken off", async || {
        let kill = "select pg_terminate_backend(pid) from pg_stat_activity
                    where wait_event = 'PgSleep' and query like '%' || current_schema() || '%'
                       or wait_event = 'PgSleep' and pid in (select pid from pg_locks
                           where relation = 'events'::regclass)";
        !link.client.query(kill, &[]).await.unwrap().is_empty()
    });
    let (ended, ()) = tokio::join!(ada.sign_out(), breaking_off);
    assert_eq!(ended.expect(503)["code"], "OUTCOME_UNKNOWN");
    link.client.batch_execute("drop trigger hinder on events").await.unwrap();
    assert_eq!(believed(&app, &link, [&ada, &bob]).await, [false, true]);
    // Nothing was written: asked again, the database says so.
    until("it is asked again", async || status_of(&app, &ada).await == 200).await;
    ada.sign_out().await.expect(200);
    assert_eq!(status_of(&app, &ada).await, 401);
}

/// Number of live sessions in the memory of a server.
fn in_memory(app: &TestApp) -> String {
    let shown = format!("{:?}", app.running().features().sessions);
    let (_, live) = shown.split_once("SessionTable { live: ").unwrap();
    live.split(',').next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_that_begin_on_another_server_take_no_memory_here_before_they_are_used_here() {
    let (first, second) = two_servers().await;
    let mut users = Vec::new();
    for number in 0..5 {
        users.push(first.sign_up(&format!("user{number}@example.com")).await);
    }
    let gone = users.pop().unwrap();
    gone.sign_out().await.expect(200);
    // A server that has heard of this end has heard of all events before it.
    until("the end is told", async || {
        let told = second.get("/api/auth/revocations").send().await;
        told.status == 200 && !told.json()["sets"].as_object().unwrap().is_empty()
    })
    .await;
    assert_eq!((in_memory(&first).as_str(), in_memory(&second).as_str()), ("4", "0"));
    assert_eq!(status_of(&second, &users[0]).await, 200);
    assert_eq!(in_memory(&second), "1");
}
