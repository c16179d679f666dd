//! Databases that hang, hosts that say nothing: the real binary and a PostgreSQL of its own.

use keyfold::database::{Connection, Link};
use tokio::net::TcpListener;

use crate::postgres;
use crate::process::{DataDirectory, Keyfold, PUBLIC_URL, signal, until};
use crate::user::TestUser;

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
