//! Settings that hold in a session, whatever its role and its database set.

use crate::postgres::connect::connection::Connection;
use crate::postgres::connect::link::Link;
use crate::postgres::private_cluster::PrivateCluster;
use crate::postgres::private_cluster::tests::{Scratch, config};

/// Setting, the value that a role or a database gives it, and the value that holds.
const INHERITED: [(&str, &str, &str); 26] = [
    ("default_transaction_isolation", "serializable", "read committed"),
    ("default_transaction_read_only", "on", "off"),
    ("default_transaction_deferrable", "on", "off"),
    ("idle_session_timeout", "2s", "0"),
    ("idle_in_transaction_session_timeout", "0", "5s"),
    ("statement_timeout", "1h", "10s"),
    ("lock_timeout", "0", "8s"),
    ("plan_cache_mode", "force_custom_plan", "auto"),
    ("enable_seqscan", "on", "off"),
    ("enable_indexscan", "off", "on"),
    ("enable_indexonlyscan", "off", "on"),
    ("enable_bitmapscan", "off", "on"),
    ("enable_nestloop", "off", "on"),
    ("enable_sort", "off", "on"),
    ("jit", "on", "off"),
    ("standard_conforming_strings", "off", "on"),
    ("quote_all_identifiers", "on", "off"),
    ("transform_null_equals", "on", "off"),
    ("array_nulls", "off", "on"),
    ("bytea_output", "escape", "hex"),
    ("extra_float_digits", "-15", "1"),
    ("timezone", "Asia/Tokyo", "UTC"),
    ("datestyle", "German", "ISO, MDY"),
    ("intervalstyle", "iso_8601", "postgres"),
    ("synchronous_commit", "off", "on"),
    ("synchronous_commit", "remote_apply", "remote_apply"),
];

async fn shown(link: &Link, name: &str) -> String {
    link.client.query_one(&format!("show {name}"), &[]).await.unwrap().get(0)
}

/// Error for which no session can be opened.
async fn refusal(connection: &Connection) -> String {
    connection.connect().await.unwrap_err().to_string()
}

#[tokio::test]
async fn a_session_is_the_same_whatever_its_role_and_its_database_say() {
    let scratch = Scratch::new();
    let cluster = PrivateCluster::start(&config(&scratch)).await.unwrap();
    let connection = cluster.connection();
    let operator = connection.connect().await.unwrap();
    for scope in ["role keyfold", "database keyfold"] {
        for (name, said, holds) in INHERITED {
            let say = format!("alter {scope} set {name} = '{said}'");
            operator.client.batch_execute(&say).await.unwrap();
            let session = connection.connect().await.unwrap();
            assert_eq!(shown(&session, name).await, holds, "{say}");
            let reset = format!("alter {scope} reset {name}");
            operator.client.batch_execute(&reset).await.unwrap();
        }
    }
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn a_session_that_cannot_be_worked_in_is_refused_with_what_to_do() {
    let scratch = Scratch::new();
    let cluster = PrivateCluster::start(&config(&scratch)).await.unwrap();
    let connection = cluster.connection();
    let operator = connection.connect().await.unwrap();
    let refused = |why: &str| format!("the database refused: {why} (SQLSTATE KF010)");

    let advice = "names no schema that exists: make one (create schema), or change the search_path";
    let typo = refusal(&connection.with_schema("typo")).await;
    assert_eq!(typo, refused(&format!("the search_path (\"typo\") {advice}")));

    let [longest, longer] = [55, 56].map(|length| "s".repeat(length));
    for schema in [&longest, &longer] {
        operator.client.batch_execute(&format!("create schema {schema}")).await.unwrap();
    }
    connection.with_schema(&longest).connect().await.unwrap();
    let too_long = refused(&format!("the name of the schema {longer} is longer than 55 bytes"));
    assert_eq!(refusal(&connection.with_schema(&longer)).await, too_long);

    let replica = "alter role keyfold set session_replication_role = replica";
    operator.client.batch_execute(replica).await.unwrap();
    let why = "session_replication_role is not origin, which switches triggers off: reset it for this role and database";
    assert_eq!(refusal(&connection).await, refused(why));
    cluster.stop().await.unwrap();
}
