//! Telemetry against real collectors: one that works, and the ways in which one can fail.

mod authority;
mod collector;
mod protocols;

use std::collections::BTreeMap;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use opentelemetry::KeyValue;
use opentelemetry::metrics::MeterProvider;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use tokio::net::TcpListener;
use tracing::subscriber::{DefaultGuard, set_default, with_default};
use tracing::{Instrument, Subscriber, debug, info, info_span, warn};

use self::collector::Collector;
use super::export::Export;
use super::settings::{LogFormat, OpenTelemetrySettings, TelemetrySettings};
use super::spans::trace_context::current_ids;
use super::spans::trace_parent::parse_traceparent;
use super::start::resource;
use super::*;
use crate::config::Config;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

/// Captured output of the log.
#[derive(Clone, Default)]
pub(super) struct Written(Arc<Mutex<Vec<u8>>>);

impl Written {
    pub(super) fn text(&self) -> String {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8(bytes.clone()).unwrap()
    }

    fn line(&self) -> serde_json::Value {
        serde_json::from_str(&self.text()).unwrap()
    }
}

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Sets up telemetry for this thread, with its captured output.
pub(super) fn start_here(config: &TelemetrySettings) -> (Telemetry, Written, DefaultGuard) {
    let written = Written::default();
    let writer = written.clone();
    let (subscriber, telemetry) = subscriber(config, move || writer.clone()).unwrap();
    (telemetry, written, set_default(subscriber))
}

fn exporting_to(address: SocketAddr) -> TelemetrySettings {
    configured(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &format!("http://{address}")),
        ("OTEL_SERVICE_NAME", "keyfold-under-test"),
    ])
}

/// Settings that these variables result in.
fn configured(variables: &[(&str, &str)]) -> TelemetrySettings {
    let variables: BTreeMap<String, String> =
        variables.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    Config::from_environment(&variables).unwrap().telemetry
}

/// Meters that send their metrics to the collector.
fn meters(config: &OpenTelemetrySettings) -> (SdkMeterProvider, Exposition) {
    let reader = export::metrics(config.metrics.as_ref().unwrap(), config).unwrap();
    super::metrics::provider::start(resource(config), Some(reader)).unwrap()
}

pub(super) fn writing(log_format: LogFormat, log_filter: &str) -> TelemetrySettings {
    TelemetrySettings {
        log_format,
        log_filter: log_filter.to_owned(),
        ..TelemetrySettings::default()
    }
}

fn called_by_someone() -> TraceParent {
    parse_traceparent(&format!("00-{TRACE}-{CALLER}-01")).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}

fn text_of(record: LogRecord) -> String {
    match record.body.unwrap().value {
        Some(Value::StringValue(text)) => text,
        other => panic!("{other:?} is no text"),
    }
}

fn named<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    spans.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("no span {name}"))
}

#[tokio::test]
async fn spans_and_log_records_arrive_linked_to_each_other_and_to_the_caller() {
    let collector = Collector::start().await;
    let (telemetry, _, _guard) = start_here(&exporting_to(collector.address));

    let request = info_span!("request", user.id = "ada");
    set_parent(&request, &called_by_someone());
    request.in_scope(|| {
        let (trace_id, _) = current_ids().unwrap();
        assert_eq!(trace_id.to_string(), TRACE);
        assert!(is_exported());
        info_span!("command").in_scope(|| info!(version = 3, "appended"));
    });
    drop(request);
    telemetry.flush_and_shutdown().await;

    let spans = collector.spans();
    let (request, command) = (named(&spans, "request"), named(&spans, "command"));
    assert_eq!(spans.len(), 2);
    assert_eq!((hex(&request.trace_id), hex(&command.trace_id)), (TRACE.into(), TRACE.into()));
    assert_eq!(hex(&request.parent_span_id), CALLER);
    assert_eq!(command.parent_span_id, request.span_id);

    let records = collector.records();
    assert_eq!(records.len(), 1);
    assert_eq!((&records[0].trace_id, &records[0].span_id), (&command.trace_id, &command.span_id));
    assert_eq!(text_of(records[0].clone()), "appended");
}

#[tokio::test]
async fn what_is_measured_is_shown_and_sent_once_for_all() {
    let collector = Collector::start().await;
    let config = exporting_to(collector.address);
    let (meters, exposition) = meters(&config.opentelemetry);
    let counter = meters.meter("test").u64_counter("apples").with_unit("{apple}").build();
    counter.add(3, &[KeyValue::new("kind", "red")]);
    let text = String::from_utf8(exposition.text().unwrap()).unwrap();
    assert!(text.contains("\napples_total{kind=\"red\"} 3\n"), "{text}");
    Telemetry { export: Export::default(), meters: Some(meters) }.flush_and_shutdown().await;
    let metrics = collector.metrics();
    let sent: Vec<_> = metrics.iter().map(|it| (it.name.as_str(), it.unit.as_str())).collect();
    assert_eq!(sent, [("apples", "{apple}")]);
}

#[tokio::test]
async fn the_first_span_of_a_trace_is_exported_under_the_id_of_the_trace() {
    let collector = Collector::start().await;
    let (telemetry, _, _guard) = start_here(&exporting_to(collector.address));
    let trace = Trace::new(None, None, None);
    let request = info_span!("request");
    let known = trace.scope(async { current_trace_id() }.instrument(request)).await;
    telemetry.flush_and_shutdown().await;
    assert_eq!(hex(&collector.spans()[0].trace_id), known.to_string());
    assert!(!is_exported());
}

#[tokio::test]
async fn spans_and_log_records_name_the_service_and_its_version() {
    let collector = Collector::start().await;
    let (telemetry, _, _guard) = start_here(&exporting_to(collector.address));
    info_span!("request").in_scope(|| info!("answered"));
    telemetry.flush_and_shutdown().await;

    let resources = collector.resources();
    assert_eq!(resources.len(), 2);
    for resource in resources {
        let attribute = |key: &str| {
            let found = resource.attributes.iter().find(|attribute| attribute.key == key);
            found.unwrap().value.clone().unwrap().value.unwrap()
        };
        let name = Value::StringValue("keyfold-under-test".to_owned());
        let version = Value::StringValue(env!("CARGO_PKG_VERSION").to_owned());
        assert_eq!((attribute("service.name"), attribute("service.version")), (name, version));
    }
}

#[tokio::test]
async fn what_the_exporter_and_the_actors_are_made_of_is_not_exported() {
    let collector = Collector::start().await;
    let config =
        TelemetrySettings { log_filter: "trace".into(), ..exporting_to(collector.address) };
    let (telemetry, _, _guard) = start_here(&config);

    info_span!(target: "ractor::actor", "Actor").in_scope(|| {
        info_span!("command").in_scope(|| {
            debug!(target: "h2::codec", "frame");
            debug!(target: "hyper_util::client", "connection");
            debug!(target: "tonic::transport", "channel");
            debug!(target: "tower::buffer", "worker");
            warn!(target: "opentelemetry_sdk", "an export failed");
            warn!(target: "ractor::actor", "an actor panicked");
            debug!("ours");
        });
    });
    telemetry.flush_and_shutdown().await;

    let spans = collector.spans();
    let names: Vec<_> = spans.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(names, ["command"]);
    assert!(spans[0].parent_span_id.is_empty());
    let mut bodies: Vec<_> = collector.records().into_iter().map(text_of).collect();
    bodies.sort_unstable();
    assert_eq!(bodies, ["an actor panicked", "ours"]);
}

/// Uses telemetry as usual and returns the duration of its shutdown.
async fn time_to_end(address: SocketAddr) -> Duration {
    let (telemetry, written, _guard) = start_here(&exporting_to(address));
    for _ in 0..5_000 {
        info_span!("request").in_scope(|| info!("answered"));
    }
    assert_eq!(written.text().lines().filter(|line| line.contains("answered")).count(), 5_000);
    let before = Instant::now();
    telemetry.flush_and_shutdown().await;
    before.elapsed()
}

#[tokio::test]
async fn without_a_collector_the_program_ends_in_time() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    assert!(time_to_end(address).await < Duration::from_secs(2));
}

#[tokio::test]
async fn a_collector_that_never_answers_does_not_hold_up_the_end() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    assert!(time_to_end(silent.local_addr().unwrap()).await < Duration::from_secs(2));
}

#[tokio::test]
async fn nor_does_one_that_takes_no_metrics() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let config = exporting_to(silent.local_addr().unwrap());
    let (meters, _) = meters(&config.opentelemetry);
    meters.meter("test").u64_counter("apples").build().add(1, &[]);
    let started = Instant::now();
    Telemetry { export: Export::default(), meters: Some(meters) }.flush_and_shutdown().await;
    assert!(started.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn a_collector_that_refuses_everything_does_not_hold_up_the_end() {
    let refusing = Collector::start_refusing().await;
    assert!(time_to_end(refusing.address).await < Duration::from_secs(2));
    assert!(refusing.spans().is_empty());
}

#[test]
fn export_outside_a_runtime_is_an_error_and_not_a_panic() {
    let address = SocketAddr::from(([127, 0, 0, 1], 4317));
    assert!(subscriber(&exporting_to(address), std::io::sink).is_err());
}

#[tokio::test]
async fn a_json_line_tells_the_event_its_request_and_their_ids() {
    let collector = Collector::start().await;
    let config =
        TelemetrySettings { log_format: LogFormat::Json, ..exporting_to(collector.address) };
    let (telemetry, written, _guard) = start_here(&config);

    let parent = called_by_someone();
    let trace = Trace::new(Some(&parent), Some("createTask"), None);
    let request = info_span!("request", user.id = "ada");
    set_parent(&request, &parent);
    let cause = std::io::Error::other("lost");
    let write =
        || warn!(version = 3, cause = &cause as &dyn std::error::Error, "a \"quoted\"\nline");
    let command = async { info_span!("command").in_scope(write) };
    trace.scope(command.instrument(request)).await;
    telemetry.flush_and_shutdown().await;

    let mut line = written.line();
    let timestamp = line["timestamp"].take();
    assert!(timestamp.as_str().unwrap().ends_with('Z'), "{timestamp}");
    let command = hex(&named(&collector.spans(), "command").span_id);
    let expected = serde_json::json!({
        "timestamp": null,
        "level": "WARN",
        "target": "keyfold::telemetry::tests",
        "message": "a \"quoted\"\nline",
        "fields": {"cause": "lost", "version": 3},
        "operation": "createTask",
        "trace_id": TRACE,
        "span_id": command,
    });
    assert_eq!(line, expected);
}

#[test]
fn a_json_line_without_export_has_no_ids() {
    let (_telemetry, written, _guard) = start_here(&writing(LogFormat::Json, "info"));
    info!("started");
    let line = written.line();
    assert_eq!((&line["message"], &line["level"]), (&"started".into(), &"INFO".into()));
    assert!(line.get("trace_id").is_none() && line.get("span_id").is_none());
}

#[tokio::test]
async fn a_text_line_is_plain_where_there_is_no_terminal_and_names_its_request() {
    let (_telemetry, written, _guard) = start_here(&writing(LogFormat::Text, "info"));
    let trace = Trace::new(Some(&called_by_someone()), Some("createTask"), None);
    trace.scope(async { info!(version = 3, user.id = %"ada", "appended") }).await;
    let text = written.text();
    let end = format!(": appended version=3 user.id=ada operation=createTask trace_id={TRACE}\n");
    assert!(text.ends_with(&end) && !text.contains('\u{1b}') && text.contains("INFO"), "{text}");
}

#[test]
fn a_text_line_of_another_library_does_not_tell_where_its_source_was_built() {
    let (_telemetry, written, _guard) = start_here(&writing(LogFormat::Text, "info"));
    info!(log.target = "rustls", log.file = "/build/rustls.rs", log.line = 7, reason = "old", "no");
    let text = written.text();
    assert!(text.ends_with(": no reason=old\n"), "{text}");
}

#[test]
fn without_export_there_are_no_spans_to_pay_for() {
    let everything = writing(LogFormat::Text, "trace");
    let (subscriber, _telemetry) = subscriber(&everything, std::io::sink).unwrap();
    let span = with_default(tracing_subscriber::registry(), || info_span!("request"));
    assert!(subscriber.register_callsite(span.metadata().unwrap()).is_never());
}

#[test]
fn what_actors_say_about_themselves_is_written_from_warnings_on() {
    let (_telemetry, written, _guard) = start_here(&writing(LogFormat::Text, "debug"));
    info!(target: "ractor::actor", "quiet");
    warn!(target: "ractor::actor", "loud");
    debug!("ours");
    let text = written.text();
    assert!(!text.contains("quiet") && text.contains("loud") && text.contains("ours"), "{text}");
}

#[test]
fn a_filter_that_names_the_actors_hears_them() {
    let (_telemetry, written, _guard) = start_here(&writing(LogFormat::Text, "warn,ractor=debug"));
    debug!(target: "ractor::actor", "asked for");
    info!("not asked for");
    assert!(written.text().contains("asked for"));
    assert!(!written.text().contains("not asked for"));
}

#[test]
fn what_is_sent_to_the_database_is_not_written_even_when_it_is_asked_for() {
    let (_telemetry, written, _guard) =
        start_here(&writing(LogFormat::Text, "trace,tokio_postgres::query=trace"));
    debug!(target: "tokio_postgres::query", "parameters");
    info!(target: "tokio_postgres::connection", "notice");
    assert!(written.text().contains("notice") && !written.text().contains("parameters"));
}

#[test]
fn a_filter_that_cannot_be_read_is_an_error() {
    assert!(subscriber(&writing(LogFormat::Text, "keyfold=loud"), std::io::sink).is_err());
}
