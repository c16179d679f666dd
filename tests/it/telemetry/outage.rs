//! An outage of the collector changes nothing for clients.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};

use super::collector::Collector;
use super::{exporting, stop, whole_flow};
use crate::support::app::SECRET;
use crate::support::process::ExternalDatabase;

/// Log of a server with this collector, which has to serve every request and to stop in time.
async fn told_with(collector: SocketAddr) -> String {
    let database = ExternalDatabase::new().await;
    let keyfold = exporting(&database.keyfold(SECRET), collector);
    let server = keyfold.set("KEYFOLD_TRACE_SAMPLING", "1").serve().await;
    whole_flow(&server).await;
    let ended = tokio::time::timeout(Duration::from_secs(10), stop(server)).await;
    ended.expect("the server stops in time").err
}

#[tokio::test]
async fn a_collector_that_is_away_or_refuses_is_told_of_once_and_holds_up_nothing() {
    // The address is bound, so no other process gets it, but nothing listens at it.
    let bound = TcpSocket::new_v4().unwrap();
    bound.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let away = bound.local_addr().unwrap();
    let refusing = Collector::start_refusing().await;
    for collector in [away, refusing.address] {
        let lines = told_with(collector).await;
        for what in ["spans", "log records", "metrics"] {
            let complaint = format!("{what} are dropped until the collector accepts them");
            assert_eq!(lines.matches(&complaint).count(), 1, "{what}: {lines}");
        }
    }
}

#[tokio::test]
async fn a_collector_that_takes_connections_and_never_answers_holds_up_nothing() {
    // Connections wait in the backlog.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let lines = told_with(silent.local_addr().unwrap()).await;
    assert!(lines.contains("stopped"), "{lines}");
}
