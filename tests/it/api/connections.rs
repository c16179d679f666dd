//! Clients that take their time, and clients that take everything: connections, requests and bodies have limits.

use std::time::Duration;

use keyfold::app::{Seams, features};
use keyfold::base::clock::Clock;
use keyfold::capacity::memory::Budgets;
use keyfold::http::edge::admission::BYTES;
use keyfold::http::limits::{LeastRate, TimeLimits};
use keyfold::postgres::Connection;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::support::app::{START, TestApp, config, known_keys};
use crate::support::postgres;
use crate::support::process::until;
use crate::support::user::TestUser;

/// Timeout of clients, short enough to run out in a test.
const SHORT: Duration = Duration::from_millis(300);
/// Bytes that a stream of HTTP/2 may buffer.
const STREAM: usize = 8 * 1024;
/// The least memory that may be configured.
const LEAST_MEMORY: u64 = 256_000_000;

const OVERLOADED: &str = "The server is overloaded; nothing was changed, try again shortly";

/// A server whose clients have little time.
async fn hasty(memory: u64) -> TestApp {
    let rate = LeastRate { bytes_per_second: 1_000_000, patience: SHORT };
    let time_limits = TimeLimits {
        head: SHORT,
        idle: SHORT,
        receiving: rate,
        sending: rate,
        ..TimeLimits::default()
    };
    let clock = Clock::manual(START);
    let seams = Seams { clock, generate_key: known_keys(), time_limits, ..Seams::default() };
    let connection = postgres::new_schema().await;
    TestApp::with_seams(connection, seams, |config| config.memory.limit = memory).await.unwrap()
}

/// Memory budgets of a server with the least memory.
fn budgets() -> Budgets {
    let mut config = config(Connection::parse("host=nowhere").unwrap());
    config.memory.limit = LEAST_MEMORY;
    features::budgets(&config)
}

/// A server with the least memory.
async fn small() -> TestApp {
    TestApp::spawn_with(|config| config.memory.limit = LEAST_MEMORY).await
}

pub async fn connect(app: &TestApp) -> TcpStream {
    TcpStream::connect(app.running().address()).await.unwrap()
}

/// Everything that the server sends until it closes the connection.
pub async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    // A connection that is reset has ended too.
    let _ = stream.read_to_end(&mut bytes).await;
    String::from_utf8_lossy(&bytes).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_drips_is_given_up_in_time() {
    let app = hasty(LEAST_MEMORY).await;
    for begin in ["", "G", "GET / HTTP/1.1\r\nx: "] {
        let mut stream = connect(&app).await;
        stream.write_all(begin.as_bytes()).await.unwrap();
        assert_eq!(rest(&mut stream).await, "", "{begin}");
    }
    let preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let mut stream = connect(&app).await;
    stream.write_all(preface.as_bytes()).await.unwrap();
    // Settings come, and nothing after them.
    rest(&mut stream).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_without_a_next_request_is_closed() {
    let app = hasty(LEAST_MEMORY).await;
    let mut stream = connect(&app).await;
    stream.write_all(b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    assert!(rest(&mut stream).await.starts_with("HTTP/1.1 200 OK"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_drips_is_given_up_in_time() {
    let app = hasty(LEAST_MEMORY).await;
    let head = "POST /api/auth/signin HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
                content-length: 60000\r\n\r\n{";
    let mut stream = connect(&app).await;
    stream.write_all(head.as_bytes()).await.unwrap();
    for _ in 0..20 {
        stream.write_all(b" ").await.unwrap();
    }
    let answer = rest(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 400 Bad Request"), "{answer}");
    assert!(answer.contains("UNREADABLE_BODY"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_stops_at_once_whatever_heads_and_idle_connections_are_open() {
    let mut app = TestApp::spawn_with(|config| {
        config.http.shutdown_timeout = Duration::from_mins(10);
    })
    .await;
    let mut streams = Vec::new();
    for number in 0..300 {
        let mut stream = connect(&app).await;
        let begin: &[u8] = match number % 3 {
            0 => b"GET / HTTP/1.1\r\nx: ",
            1 => b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            _ => b"",
        };
        stream.write_all(begin).await.unwrap();
        streams.push(stream);
    }
    let stopped = tokio::time::timeout(Duration::from_mins(5), app.stop()).await;
    assert!(stopped.is_ok(), "it waits for no head");
}

/// The settings that the server announces to a client of HTTP/2 (RFC 9113, section 6.5).
async fn settings(stream: &mut TcpStream) -> Vec<(u16, u32)> {
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    let mut head = [0; 9];
    stream.read_exact(&mut head).await.unwrap();
    assert_eq!(head[3], 4, "a frame of settings comes first");
    let mut payload = vec![0; usize::from(u16::from_be_bytes([head[1], head[2]]))];
    stream.read_exact(&mut payload).await.unwrap();
    let setting = |bytes: &[u8]| {
        let value = bytes[2..6].try_into().unwrap();
        (u16::from_be_bytes([bytes[0], bytes[1]]), u32::from_be_bytes(value))
    };
    payload.chunks(6).map(setting).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_http_2_is_told_how_many_streams_and_bytes_it_may_send() {
    let app = TestApp::spawn().await;
    let settings = settings(&mut connect(&app).await).await;
    for (identifier, value) in [(3, 128), (4, 32 * 1024), (6, 16 * 1024)] {
        assert!(settings.contains(&(identifier, value)), "{identifier}: {settings:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_larger_than_16_kib_is_refused() {
    let app = TestApp::spawn().await;
    let mut stream = connect(&app).await;
    let head = format!("GET / HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "x".repeat(20_000));
    let _ = stream.write_all(head.as_bytes()).await;
    assert!(rest(&mut stream).await.starts_with("HTTP/1.1 431 "));
}

/// Answer to a sign-in from another address of this machine.
async fn answer_to_another(app: &TestApp, body: &str) -> String {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, 2], 0).into()).unwrap();
    let mut stream = socket.connect(app.running().address()).await.unwrap();
    let length = body.len();
    let request = format!(
        "POST /api/auth/signin HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
         connection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    rest(&mut stream).await
}

/// A request whose body does not come.
async fn begun(app: &TestApp) -> TcpStream {
    let mut stream = connect(app).await;
    let head = "POST /api/auth/signin HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
                content-length: 100\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn one_client_has_a_share_of_the_requests_in_flight_and_others_are_answered() {
    let app = small().await;
    let most = budgets().requests.share() / BYTES;
    let mut held = Vec::new();
    for _ in 0..most {
        held.push(begun(&app).await);
    }
    let signing_in = || app.post("/api/auth/signin").json(&json!({"email": "a", "password": "b"}));
    until("the share is used up", async || {
        // On a busy machine, the first are given up before the last have begun.
        held.push(begun(&app).await);
        signing_in().send().await.status == 503
    })
    .await;
    let refused = signing_in().send().await;
    refused.expect_problem(503, "OVERLOADED", OVERLOADED);
    assert_eq!(refused.header("retry-after"), "1");
    app.get("/health/live").send().await.expect(200);
    let answer = answer_to_another(&app, "{}").await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    drop(held);
    until("there is room again", async || signing_in().send().await.status != 503).await;
}

/// A stream of revocations from a client address, and the beginning of its answer.
async fn stream_of_revocations(app: &TestApp, from: [u8; 4]) -> (TcpStream, String) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((from, 0).into()).unwrap();
    let mut stream = socket.connect(app.running().address()).await.unwrap();
    let head = "GET /api/auth/revocations/stream HTTP/1.1\r\nhost: x\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = vec![0; 4_096];
    let read = stream.read(&mut answer).await.unwrap();
    (stream, String::from_utf8_lossy(&answer[..read]).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn one_client_has_a_share_of_the_streams_and_its_places_are_free_when_it_goes() {
    let app = small().await;
    let (eve, ada) = ([127, 0, 0, 1], [127, 0, 0, 2]);
    let mut held = Vec::new();
    let refused = loop {
        let (stream, answer) = stream_of_revocations(&app, eve).await;
        if !answer.starts_with("HTTP/1.1 200 OK") {
            break answer;
        }
        held.push(stream);
    };
    assert_eq!(held.len(), budgets().verifiers.share() / STREAM);
    assert!(refused.starts_with("HTTP/1.1 503 "), "{refused}");
    assert!(refused.contains("TOO_MANY_STREAMS") && refused.contains("retry-after: 10"));
    let (_stream, answer) = stream_of_revocations(&app, ada).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    drop(held);
    until("its places are free", async || {
        stream_of_revocations(&app, eve).await.1.starts_with("HTTP/1.1 200 OK")
    })
    .await;
}

/// Asks for a whole list, and takes nothing of the answer.
async fn begun_export(app: &TestApp, user: &TestUser) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let mut stream = socket.connect(app.running().address()).await.unwrap();
    let (path, token) = (user.tasks("/export"), &user.token);
    let head = format!("GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_takes_nothing_of_its_answer_holds_it_for_a_while_only() {
    // The answers are larger than the system's buffers for a connection that is not read.
    let app = hasty(600_000_000).await;
    let ada = app.sign_up("ada@example.com").await;
    let text = "x".repeat(2_000);
    let tasks: Vec<_> = (0..740).map(|_| json!({"title": "Milk", "description": text})).collect();
    for _ in 0..4 {
        let file = json!({"tasks": tasks}).to_string();
        let import = app.post(&ada.tasks("/import")).bearer(&ada.token);
        import.header("content-type", "application/json").body(file).send().await.expect(200);
    }
    let export = || app.get(&ada.tasks("/export?format=csv")).bearer(&ada.token);
    let slow = begun_export(&app, &ada).await;
    until("one export has no room beside the others", async || {
        let _others = [begun_export(&app, &ada).await, begun_export(&app, &ada).await];
        export().send().await.status == 503
    })
    .await;
    until("they are given up", async || export().send().await.status == 200).await;
    drop(slow);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_refused_while_they_are_sending_reads_the_whole_answer() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    let head = ada.head("/import", "text/csv", 256 << 20);
    let mut stream = connect(&app).await;
    stream.write_all(head.as_bytes()).await.unwrap();
    // More than is read before the refusal, by a client that reads the answer only after it has sent all.
    stream.write_all(&vec![b'a'; 1 << 20]).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 413"), "{head}");
    assert!(body.contains("PAYLOAD_TOO_LARGE"), "{body}");
}
