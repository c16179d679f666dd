//! Databases that hang, hosts that do not answer, commits of unknown outcome: the real binary and a PostgreSQL of its own.

use keyfold::postgres::{Connection, Link};
use serde_json::json;
use tokio::net::TcpListener;

use crate::support::postgres;
use crate::support::process::{DataDirectory, Keyfold, PUBLIC_URL, signal, until};
use crate::support::user::TestUser;

/// A server that is the same issuer after a restart, whatever port it gets.
fn keyfold(data: &DataDirectory) -> Keyfold {
    Keyfold::in_directory(data).set("KEYFOLD_PUBLIC_URL", PUBLIC_URL)
}

/// The processes of all sessions but this one.
async fn backends(link: &Link) -> Vec<u32> {
    let sessions = "select pid from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()";
    let rows = link.client.query(sessions, &[]).await.unwrap();
    rows.iter().map(|row| u32::try_from(row.get::<_, i32>(0)).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_hangs_keeps_no_request_waiting_and_is_used_again_when_it_goes_on() {
    let data = DataDirectory::new("hang");
    let server = keyfold(&data).serve().await;
    let ada = TestUser::sign_up(&server.url, "ada@example.com").await;
    server.stop().await;
    // Nothing of hers is in memory: the first request has to ask the database.
    let server = keyfold(&data).serve().await;
    let link = data.connection().await.connect().await.unwrap();
    let mut frozen = backends(&link).await;
    frozen.push(data.postmaster().unwrap());
    signal("STOP", &frozen);
    let kept = ada.at(&server.url).list("").await;
    signal("CONT", &frozen);
    kept.expect_problem(
        503,
        "UNAVAILABLE",
        "The server cannot answer for the moment, try again shortly",
    );
    until("it is used again", async || ada.at(&server.url).list("").await.status == 200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_accepts_and_says_nothing_does_not_keep_from_the_next_one() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let cluster = postgres::new_schema().await.connect().await.unwrap();
    let whereabouts = "select trim('\"' from current_setting('unix_socket_directories')), current_setting('port'), \
                       current_user::text, current_database()::text";
    let row = cluster.client.query_one(whereabouts, &[]).await.unwrap();
    let [directory, port, user, database] = [0, 1, 2, 3].map(|column| row.get::<_, &str>(column));
    let settings = format!(
        "host='127.0.0.1,{directory}' port='{},{port}' user='{user}' dbname='{database}' sslmode=disable",
        silent.local_addr().unwrap().port(),
    );
    let link = Connection::parse(&settings).unwrap().connect().await.unwrap();
    assert_eq!(link.client.query_one("select 1", &[]).await.unwrap().get::<_, i32>(0), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_standby_nobody_waited_for_is_not_acknowledged() {
    let data = DataDirectory::new("unreplicated");
    let server = keyfold(&data).serve().await;
    let ada = TestUser::sign_up(&server.url, "ada@example.com").await;
    let link = data.connection().await.connect().await.unwrap();
    let wait = "alter system set synchronous_standby_names = 'nobody'";
    link.client.batch_execute(wait).await.unwrap();
    link.client.batch_execute("select pg_reload_conf()").await.unwrap();
    let creating = async { ada.create(&json!({"title": "Milk"})).await };
    // As an operator may do who sees a statement hang.
    let cancelling = until("the commit waits and is cancelled", async || {
        let cancel =
            "select pg_cancel_backend(pid) from pg_stat_activity where wait_event = 'SyncRep'";
        !link.client.query(cancel, &[]).await.unwrap().is_empty()
    });
    let (created, ()) = tokio::join!(creating, cancelling);
    created.expect_problem(
        503,
        "OUTCOME_UNKNOWN",
        "The change may or may not have been made; check before trying again",
    );
    link.client.batch_execute("alter system reset synchronous_standby_names").await.unwrap();
    link.client.batch_execute("select pg_reload_conf()").await.unwrap();
    // This server has the commit; a lost one would not have been acknowledged to any client.
    until("it is looked at again", async || ada.list("").await.status == 200).await;
    assert_eq!(ada.titles().await, ["Milk"]);
}
