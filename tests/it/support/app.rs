//! The test's own server, and the client that talks to it.
//!
//! Every answer is compared with the OpenAPI document as it arrives: an undocumented status of a documented operation
//! fails the test that met it.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use keyfold::app::{App, Running, Seams, features};
use keyfold::base::clock::{Clock, Timestamp};
use keyfold::config::{Config, DatabaseLocation, PasswordConfig, Secret};
use keyfold::eventlog::{Mark, Point, Resources};
use keyfold::keys::algorithm::Algorithm;
use keyfold::keys::private::private_key::{PrivateKey, PrivateKeyError};
use keyfold::keys::private::vault::GenerateKey;
use keyfold::postgres::Connection;
use keyfold::telemetry::settings::MetricsPlace;
use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::support::postgres;
use crate::support::process::LIMIT;
use crate::support::user::TestUser;

/// The mark of all events of tests: that of the document's examples.
fn mark() -> Mark {
    "Zk3x_9Qa".parse().unwrap()
}

/// The version of a list after `number` changes.
pub fn v(number: impl TryInto<i64, Error: std::fmt::Debug>) -> &'static str {
    Point::new(number.try_into().unwrap(), mark()).to_string().leak()
}

/// The entity tag of that version.
pub fn tag(number: impl TryInto<i64, Error: std::fmt::Debug>) -> &'static str {
    format!("\"{}\"", v(number)).leak()
}

/// The number of a version.
pub fn number(version: &serde_json::Value) -> i64 {
    version.as_str().unwrap().parse::<Point>().unwrap().number
}

/// Start time of the clocks of tests.
pub const START: Timestamp = Timestamp::from_unix_millis(1_767_225_600_000);

/// Resources that the entities of a log share, for logs without a server.
pub fn resources() -> Resources {
    Resources::new(&features::budgets(&Config::default())).unwrap()
}

pub const SECRET: &str = "a secret for tests, 32 characters or more";

/// A server on a port and a schema of its own.
pub struct TestApp {
    running: Option<Running>,
    config: Config,
    seams: Seams,
}

impl TestApp {
    /// A server with an empty database.
    pub async fn spawn() -> Self {
        Self::spawn_with(|_| ()).await
    }

    /// Starts a server with an empty database and a changed configuration.
    pub async fn spawn_with(change: impl FnOnce(&mut Config)) -> Self {
        let connection = postgres::new_schema().await;
        Box::pin(Self::on(connection, Clock::manual(START), change)).await.unwrap()
    }

    /// A server with the clock that programs beside it have.
    pub async fn in_real_time() -> Self {
        Self::on(postgres::new_schema().await, Clock::system(), |_| ()).await.unwrap()
    }

    /// A server on a given database.
    pub async fn on(
        connection: Connection,
        clock: Clock,
        change: impl FnOnce(&mut Config),
    ) -> anyhow::Result<Self> {
        Self::with_seams(
            connection,
            Seams { clock, generate_key: known_keys(), draw_mark: |_| mark(), ..Seams::default() },
            change,
        )
        .await
    }

    /// A server on a given database, with its own way to make keys.
    pub async fn with_seams(
        connection: Connection,
        seams: Seams,
        change: impl FnOnce(&mut Config),
    ) -> anyhow::Result<Self> {
        let mut config = config(connection);
        change(&mut config);
        let running = Box::pin(App::start(config.clone(), seams.clone())).await?;
        // A restarted server is the same issuer at the same address.
        config.http.listen = running.address();
        Ok(Self { running: Some(running), config, seams })
    }

    /// Stops the server and starts it again: the same database, nothing in memory.
    pub async fn restart(&mut self) {
        self.stop().await;
        self.running = Some(App::start(self.config.clone(), self.seams.clone()).await.unwrap());
    }

    /// Stops the server and starts it with another configuration.
    pub async fn restart_with(&mut self, change: impl FnOnce(&mut Config)) {
        change(&mut self.config);
        self.restart().await;
    }

    pub async fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            Box::pin(running.stop()).await;
        }
    }

    /// Waits until a part of the server ends that must not end; returns its name or error.
    pub async fn failed(&mut self) -> String {
        let running = self.running.as_mut().expect("the server runs");
        tokio::time::timeout(LIMIT, running.failed()).await.expect("a part ends")
    }

    pub fn running(&self) -> &Running {
        self.running.as_ref().expect("the server runs")
    }

    pub fn clock(&self) -> &Clock {
        &self.seams.clock
    }

    /// `http://127.0.0.1:PORT`
    pub fn url(&self) -> String {
        format!("http://{}", self.running().address())
    }

    /// Connection settings of the test's schema.
    pub fn connection(&self) -> Connection {
        match &self.config.database.location {
            DatabaseLocation::External(connection) => connection.clone(),
            DatabaseLocation::Private { .. } => unreachable!("tests bring their database"),
        }
    }

    /// One value of one row.
    pub async fn query_text(&self, sql: &str) -> String {
        let link = self.connection().connect().await.unwrap();
        link.client.query_one(sql, &[]).await.unwrap().get(0)
    }

    /// Every row of a table as text, in order.
    pub async fn dump(&self, table: &str) -> String {
        let rows = format!(
            "select coalesce(string_agg(t::text, E'\\n' order by t::text), '') from {table} t"
        );
        self.query_text(&rows).await
    }

    /// A request to this server.
    pub fn request(&self, method: Method, path: &str) -> TestRequest {
        TestRequest::new(method, &self.url(), path)
    }

    pub fn get(&self, path: &str) -> TestRequest {
        self.request(Method::GET, path)
    }

    pub fn post(&self, path: &str) -> TestRequest {
        self.request(Method::POST, path)
    }

    /// Signs a user up, with [`crate::support::user::PASSWORD`].
    pub async fn sign_up(&self, email: &str) -> TestUser {
        TestUser::sign_up(&self.url(), email).await
    }
}

/// The configuration of a test's server: the defaults, with cheap hashes and few connections.
pub fn config(connection: Connection) -> Config {
    let mut config = Config::default();
    config.http.listen = ([127, 0, 0, 1], 0).into();
    config.http.shutdown_timeout = Duration::from_secs(5);
    config.database.location = DatabaseLocation::External(connection);
    config.database.pool_size = 4;
    config.secret = Some(Secret::parse(SECRET).unwrap());
    config.telemetry.metrics = MetricsPlace::Off;
    config.passwords = PasswordConfig { memory_kib: 64, iterations: 1, threads: 1, queue: 64 };
    config
}

/// The first, second, third … key of every server is the same in the whole run: making RSA keys is slow.
pub fn known_keys() -> GenerateKey {
    static KEYS: LazyLock<Mutex<Vec<Arc<PrivateKey>>>> = LazyLock::new(Mutex::default);
    let made = AtomicUsize::new(0);
    Arc::new(move |algorithm| -> Result<PrivateKey, PrivateKeyError> {
        if algorithm != Algorithm::default() {
            return PrivateKey::generate(algorithm);
        }
        let number = made.fetch_add(1, Ordering::SeqCst);
        let mut keys = KEYS.lock().unwrap();
        while keys.len() <= number {
            keys.push(Arc::new(PrivateKey::generate(algorithm)?));
        }
        Ok(PrivateKey { public: keys[number].public.clone(), der: keys[number].der.clone() })
    })
}

/// The private key that a test's server signs with first, for tokens that only a test would sign.
pub fn first_key() -> PrivateKey {
    known_keys()(Algorithm::default()).unwrap()
}

/// A request that is being put together.
pub struct TestRequest {
    method: Method,
    path: String,
    builder: reqwest::RequestBuilder,
}

impl TestRequest {
    pub fn new(method: Method, url: &str, path: &str) -> Self {
        static CLIENT: LazyLock<reqwest::Client> = LazyLock::new(|| {
            // No connection outlives its test's runtime; where an answer leads is for the test to say.
            let client = reqwest::Client::builder().pool_max_idle_per_host(0);
            client.redirect(reqwest::redirect::Policy::none()).build().unwrap()
        });
        let builder = CLIENT.request(method.clone(), format!("{url}{path}"));
        Self { method, path: path.to_owned(), builder }
    }

    pub fn bearer(mut self, token: &str) -> Self {
        self.builder = self.builder.bearer_auth(token);
        self
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.builder = self.builder.header(name, value);
        self
    }

    pub fn json(mut self, body: &Value) -> Self {
        self.builder = self.builder.json(body);
        self
    }

    pub fn body(mut self, body: impl Into<reqwest::Body>) -> Self {
        self.builder = self.builder.body(body);
        self
    }

    pub async fn send(self) -> Reply {
        let response = self.builder.send().await.expect("an answer");
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await.expect("a body");
        assert_documented(&self.method, &self.path, status);
        Reply { status, headers, text }
    }
}

/// An answer.
#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Reply {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// The body, if the status is the expected one.
    #[track_caller]
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        if self.text.is_empty() { Value::Null } else { self.json() }
    }

    /// A failure with exactly this status, code and message, and the one error body.
    #[track_caller]
    pub fn expect_problem(&self, status: u16, code: &str, message: &str) {
        let body = self.expect(status);
        let trace_id = body["traceId"].as_str().expect("a trace id");
        assert!(trace_id.len() == 32 && trace_id != "0".repeat(32), "{trace_id}");
        let shown = (body["code"].as_str().unwrap(), body["message"].as_str().unwrap());
        assert_eq!(shown, (code, message));
        let known = ["code", "message", "traceId", "details", "current"];
        assert!(
            body.as_object().unwrap().keys().all(|key| known.contains(&key.as_str())),
            "{body}"
        );
        assert_eq!(self.header("content-type"), "application/json");
        let has_details = ["INVALID_INPUT", "EMAIL_TAKEN"].contains(&code);
        assert_eq!(body.get("details").is_some(), has_details, "{body}");
        assert!(body.get("current").is_none() || code == "VERSION_MISMATCH", "{body}");
    }

    /// `400` for these fields, codes and reasons.
    #[track_caller]
    pub fn expect_invalid(&self, fields: &[(&str, &str, &str)]) {
        let mut message = String::new();
        for (field, _, reason) in fields {
            let separator = if message.is_empty() { "" } else { "; " };
            write!(message, "{separator}{field} {reason}").unwrap();
        }
        self.expect_problem(400, "INVALID_INPUT", &message);
        let details: Vec<_> = fields
            .iter()
            .map(|(field, code, message)| {
                serde_json::json!({"field": field, "code": code, "message": message})
            })
            .collect();
        assert_eq!(self.json()["details"], Value::from(details));
    }
}

/// Every operation of the document with its documented statuses.
static OPERATIONS: LazyLock<HashMap<(String, String), Vec<String>>> = LazyLock::new(|| {
    let document: Value = serde_json::from_str(&keyfold::api::openapi::text()).unwrap();
    let mut operations = HashMap::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let statuses = operation["responses"].as_object().unwrap().keys().cloned().collect();
            operations.insert((method.to_uppercase(), path.clone()), statuses);
        }
    }
    operations
});

fn assert_documented(method: &Method, path: &str, status: StatusCode) {
    let path = path.split('?').next().unwrap();
    let fits = |template: &str| {
        let (wanted, given): (Vec<_>, Vec<_>) =
            (template.split('/').collect(), path.split('/').collect());
        wanted.len() == given.len()
            && wanted.iter().zip(&given).all(|(w, g)| w == g || w.starts_with('{'))
    };
    // A word comes before a parameter at the same place.
    let precedence = |template: &str| -> Vec<bool> {
        template.split('/').map(|piece| piece.starts_with('{')).collect()
    };
    let known = OPERATIONS
        .iter()
        .filter(|((known, template), _)| known == method.as_str() && fits(template))
        .min_by_key(|((_, template), _)| precedence(template));
    if let Some((operation, statuses)) = known {
        assert!(
            statuses.contains(&status.as_u16().to_string()),
            "{operation:?} does not document {status}"
        );
    }
}

/// Two servers in cluster mode on one database.
pub async fn two_servers() -> (TestApp, TestApp) {
    let connection = postgres::new_schema().await;
    let clock = Clock::manual(START);
    let cluster = |config: &mut keyfold::config::Config| {
        config.database.cluster = true;
        // One public URL for both: either accepts the other's tokens.
        config.http.public_url = Some("http://keyfold.test".parse().unwrap());
    };
    let first = TestApp::on(connection.clone(), clock.clone(), cluster).await.unwrap();
    let second = TestApp::on(connection, clock, cluster).await.unwrap();
    (first, second)
}
