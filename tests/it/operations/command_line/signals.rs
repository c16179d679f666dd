//! Stopping the server: it finishes the work that it has begun, and a second signal ends it at once.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::app::SECRET;
use crate::support::process::{DataDirectory, ExternalDatabase, Keyfold, Server, until};
use crate::support::user::{PASSWORD, TestUser};

const STOPPING: &str = "stopping; a second signal skips the graceful shutdown";

/// A request that the server is busy with: it has asked for the body, which is still to come.
struct InFlight {
    stream: TcpStream,
    body: String,
}

impl InFlight {
    async fn begin(server: &Server, path: &str, body: &Value) -> Self {
        let address = server.url.strip_prefix("http://").unwrap();
        let body = body.to_string();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nExpect: 100-continue\r\n\r\n",
            body.len()
        );
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = [0; 25];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 100 Continue\r\n\r\n");
        Self { stream, body }
    }

    /// Sends the body and returns everything the server answers, until it closes the connection.
    async fn finish(mut self) -> String {
        self.stream.write_all(self.body.as_bytes()).await.unwrap();
        let mut answer = String::new();
        self.stream.read_to_string(&mut answer).await.unwrap();
        answer
    }
}

async fn is_refused(server: &Server) -> bool {
    TcpStream::connect(server.url.strip_prefix("http://").unwrap()).await.is_err()
}

/// With a client that keeps its connection open, as browsers do.
async fn assert_stops_gracefully(signal: &str) {
    let data = DataDirectory::new("graceful");
    let mut server = Keyfold::in_directory(&data).serve().await;
    TestUser::sign_up(&server.url, "ada@example.com").await;
    let client = reqwest::Client::new();
    client.get(format!("{}/health/live", server.url)).send().await.unwrap();
    let body = json!({"email": "ada@example.com", "password": PASSWORD});
    let sign_in = InFlight::begin(&server, "/api/auth/signin", &body).await;

    server.process.signal(signal);
    server.process.err.say(STOPPING).await;
    until("new connections are refused", async || is_refused(&server).await).await;
    // Its password is still to be verified, its session still to be stored, its token still to be signed.
    let answer = sign_in.finish().await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("better-auth.session_token="), "{answer}");

    let ended = server.process.ended().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.err.trim_end().ends_with("stopped"), "{ended:?}");
    assert_eq!(data.postmaster(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_lets_requests_in_flight_finish_and_stops_postgresql() {
    assert_stops_gracefully("TERM").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_lets_requests_in_flight_finish_and_stops_postgresql() {
    assert_stops_gracefully("INT").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_skips_the_waiting() {
    let data = DataDirectory::new("twice");
    let mut server = Keyfold::in_directory(&data).serve().await;
    let ada = TestUser::sign_up(&server.url, "ada@example.com").await;
    let _never_finished = InFlight::begin(&server, "/api/auth/signin", &json!({})).await;
    server.process.signal("TERM");
    server.process.err.say(STOPPING).await;
    until("new connections are refused", async || is_refused(&server).await).await;
    assert!(server.process.is_running());

    server.process.signal("INT");
    let ended = server.process.ended().await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.err.ends_with("keyfold: stopped without waiting\n"), "{ended:?}");
    // PostgreSQL ends too, although the server did not wait for it.
    until("PostgreSQL has stopped", async || data.postmaster().is_none()).await;

    let server = Keyfold::in_directory(&data).serve().await;
    TestUser::sign_in(&server.url, &ada.email).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_never_ends_is_given_up_when_the_patience_is_over() {
    let database = ExternalDatabase::new().await;
    let keyfold = database.keyfold(SECRET).set("KEYFOLD_SHUTDOWN_TIMEOUT", "1s");
    let server = keyfold.serve().await;
    let _never_finished = InFlight::begin(&server, "/api/auth/signin", &json!({})).await;
    server.process.signal("TERM");
    let ended = server.process.ended().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_goes_off_before_the_address_does() {
    let database = ExternalDatabase::new().await;
    let mut server = database.keyfold(SECRET).set("KEYFOLD_STOP_DELAY", "10m").serve().await;
    server.get("/health/ready").send().await.expect(200);
    server.process.signal("TERM");
    server.process.err.say(STOPPING).await;
    let ready = || server.get("/health/ready").send();
    until("readiness is off", async || ready().await.status == 503).await;
    let message = "The server cannot answer for the moment, try again shortly";
    ready().await.expect_problem(503, "UNAVAILABLE", message);
    server.get("/health/live").send().await.expect(200);
    server.process.signal("TERM");
    assert_eq!(server.process.ended().await.code, Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn signals_that_mean_nothing_to_the_server_are_answered_with_a_sentence_and_change_nothing() {
    let database = ExternalDatabase::new().await;
    let mut server = database.keyfold(SECRET).serve().await;
    for name in ["HUP", "USR1", "USR2"] {
        server.process.signal(name);
        let said = format!("SIG{name} ignored: the configuration is read at start only");
        server.process.err.say(&said).await;
        server.get("/health/ready").send().await.expect(200);
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sigquit_lets_requests_in_flight_finish_and_stops_postgresql() {
    assert_stops_gracefully("QUIT").await;
}

/// Answer to a request on a connection that is kept open.
async fn asked(stream: &mut TcpStream, version: &str) -> String {
    let head =
        format!("GET /health/live {version}\r\nHost: keyfold\r\nConnection: keep-alive\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"}") {
        assert_ne!(stream.read_buf(&mut answer).await.unwrap(), 0, "{answer:?}");
    }
    String::from_utf8(answer).unwrap().to_ascii_lowercase()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_about_to_stop_says_that_its_connections_close() {
    let database = ExternalDatabase::new().await;
    let mut server = database.keyfold(SECRET).set("KEYFOLD_STOP_DELAY", "10m").serve().await;
    let address = server.url.strip_prefix("http://").unwrap().to_owned();
    let mut streams = Vec::new();
    for version in ["HTTP/1.1", "HTTP/1.0"] {
        let mut stream = TcpStream::connect(&address).await.unwrap();
        assert!(!asked(&mut stream, version).await.contains("connection: close"));
        streams.push((version, stream));
    }
    server.process.signal("TERM");
    server.process.err.say(STOPPING).await;
    let ready = || server.get("/health/ready").send();
    until("readiness is off", async || ready().await.status == 503).await;
    for (version, mut stream) in streams {
        let answer = asked(&mut stream, version).await;
        assert!(
            answer.starts_with("http/1.") && answer.contains("\r\nconnection: close\r\n"),
            "{answer}"
        );
        let mut rest = Vec::new();
        assert_eq!(stream.read_to_end(&mut rest).await.unwrap(), 0, "{version} is closed");
    }
    server.process.signal("TERM");
    assert_eq!(server.process.ended().await.code, Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_without_its_database_says_so_once_and_not_for_every_user() {
    let database = ExternalDatabase::new().await;
    let server = database.keyfold(SECRET).serve().await;
    for number in 0..8 {
        let user = TestUser::sign_up(&server.url, &format!("user-{number}@example.com")).await;
        for title in ["Milk", "Bread", "Salt"] {
            user.create_task(title).await;
        }
    }
    // The snapshots have nowhere to go, as when the database is away.
    let link = database.connection.connect().await.unwrap();
    link.client.batch_execute("alter table snapshots rename to elsewhere").await.unwrap();
    server.process.signal("TERM");
    let ended = server.process.ended().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let told = ended.err.lines().filter(|line| line.contains("WARN") || line.contains("ERROR"));
    let told: Vec<_> = told.collect();
    let [once] = told[..] else { panic!("{told:#?}") };
    let said = "entity passivated without a snapshot; more are logged at debug level";
    assert!(once.contains(said), "{once}");
}
