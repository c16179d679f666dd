//! Hosts that say nothing.

use keyfold::database::Connection;
use tokio::net::TcpListener;

use crate::postgres;

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
