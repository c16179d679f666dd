//! A server whose authentication events the test reads.

use std::collections::BTreeMap;

use keyfold::base::clock::Clock;
use keyfold::config::Config;
use keyfold::telemetry::settings::TelemetrySettings;
use keyfold::telemetry::{self, Telemetry};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use serde_json::{Value, json};
use tracing::subscriber::{DefaultGuard, set_default};

use super::collector::Collector;
use super::hex;
use crate::support::app::{START, TestApp, TestRequest};
use crate::support::postgres;

pub const FROM: &str = "127.0.0.1";

/// Settings that export everything to a collector.
fn sent_to(collector: &Collector) -> TelemetrySettings {
    let endpoint = format!("http://{}", collector.address);
    let variables = BTreeMap::from([("OTEL_EXPORTER_OTLP_ENDPOINT".to_owned(), endpoint)]);
    Config::from_environment(&variables).unwrap().telemetry
}

/// A server whose telemetry goes to a collector. It runs on the test's own thread, where that is set up.
pub struct Watched {
    pub app: TestApp,
    collector: Collector,
    telemetry: Telemetry,
    _guard: DefaultGuard,
}

impl Watched {
    pub async fn spawn() -> Self {
        Self::spawn_with(|_| ()).await
    }

    /// Starts a server with a changed configuration.
    pub async fn spawn_with(change: impl FnOnce(&mut Config)) -> Self {
        let collector = Collector::start().await;
        let config = TelemetrySettings {
            // Events are exported even if the log is off.
            log_filter: "off".to_owned(),
            ..sent_to(&collector)
        };
        let (subscriber, telemetry) = telemetry::subscriber(&config, std::io::sink).unwrap();
        let guard = set_default(subscriber);
        let connection = postgres::new_schema().await;
        let app = TestApp::on(connection, Clock::manual(START), change).await.unwrap();
        Self { app, collector, telemetry, _guard: guard }
    }

    pub fn post(&self, path: &str, body: &Value) -> TestRequest {
        self.app.post(path).json(body)
    }

    pub async fn sign_in(&self, email: &str, password: &str, status: u16) -> Value {
        let body = json!({"email": email, "password": password});
        self.post("/api/auth/signin", &body).send().await.expect(status)
    }

    /// Every event that was told, in order.
    pub async fn told(mut self) -> Vec<LogRecord> {
        self.app.stop().await;
        self.telemetry.flush_and_shutdown().await;
        let mut records = self.collector.records();
        records.retain(|record| !record.event_name.is_empty());
        records.sort_by_key(|record| record.observed_time_unix_nano);
        records
    }
}

/// An event as one line: name, severity and attributes, with people and sessions called by their names.
pub fn line(record: &LogRecord, names: &[(&str, &str)]) -> String {
    let mut attributes: Vec<_> = record
        .attributes
        .iter()
        .map(|attribute| {
            let value = super::as_text(attribute.value.as_ref().unwrap());
            let name =
                names.iter().find(|(id, _)| *id == value).map(|(_, name)| (*name).to_owned());
            format!("{}={}", attribute.key, name.unwrap_or(value))
        })
        .collect();
    attributes.sort();
    format!("{} {} {}", record.severity_text, record.event_name, attributes.join(" "))
}

pub fn lines(records: &[LogRecord], names: &[(&str, &str)]) -> Vec<String> {
    records.iter().map(|record| line(record, names)).collect()
}

/// The hash by which telemetry names a session.
pub fn hash(session_id: &str) -> String {
    let id: uuid::Uuid = session_id.parse().unwrap();
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, id.as_bytes());
    hex(&hash.as_ref()[..16])
}
