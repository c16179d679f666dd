//! OpenTelemetry's standard variables: destination and volume of each signal, and the attributes of this process.
//!
//! [`STANDARD_VARIABLES`] lists all that the specification has, with those that are not obeyed. All are read here and
//! passed to the SDK, which would read some of them by itself, and differently.
//!
//! Invariant: an environment that the specification allows never prevents the start. Values that are ignored, and variables
//! that are not obeyed, are in [`OpenTelemetrySettings::remarks`].

mod otlp;
mod pairs;
mod sampler;
mod signal;
mod standard;
mod table;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

pub use self::table::{STANDARD_VARIABLES, StandardVariable, standard_markdown_table};

pub(super) use self::sampler::{disobey_sampler, sampling};
pub(super) use self::standard::Standard;

use self::signal::Signal;
use self::standard::{LONGEST, milliseconds, time_limit, word};
use self::table::{
    BLRP_EXPORT_TIMEOUT, BLRP_MAX_EXPORT_BATCH_SIZE, BLRP_MAX_QUEUE_SIZE, BLRP_SCHEDULE_DELAY,
    BSP_EXPORT_TIMEOUT, BSP_MAX_EXPORT_BATCH_SIZE, BSP_MAX_QUEUE_SIZE, BSP_SCHEDULE_DELAY,
    ENDPOINT, EVENT_ATTRIBUTE_COUNT_LIMIT, LINK_ATTRIBUTE_COUNT_LIMIT, LOG_LEVEL, LOGS_EXPORTER,
    METRIC_EXPORT_INTERVAL, METRIC_EXPORT_TIMEOUT, METRICS_EXPORTER, PROMETHEUS_HOST,
    PROMETHEUS_PORT, PROPAGATORS, RESOURCE_ATTRIBUTES, SDK_DISABLED, SERVICE_NAME,
    SPAN_ATTRIBUTE_COUNT_LIMIT, SPAN_EVENT_COUNT_LIMIT, SPAN_LINK_COUNT_LIMIT,
    TEMPORALITY_PREFERENCE, TRACES_EXPORTER,
};
use super::read::error::InvalidValue;
use super::read::parse::{number, quoted};
use super::read::reader::Reader;
use crate::telemetry::settings::{
    BatchSettings, OpenTelemetrySettings, OtlpSettings, SERVICE_NAME as NAME, SpanLimits,
    Temporality,
};

/// Longest queue: its memory is taken when it is made.
const LONGEST_QUEUE: usize = 100_000;
/// Default timeout for exporting a batch, or all metrics.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(30);
/// Port at which Prometheus looks by convention.
const PROMETHEUS: u16 = 9464;

const LEVELS: &[(&str, &str)] = &[
    ("none", "off"),
    ("off", "off"),
    ("error", "error"),
    ("warn", "warn"),
    ("warning", "warn"),
    ("info", "info"),
    ("debug", "debug"),
    ("verbose", "trace"),
    ("trace", "trace"),
];
const TEMPORALITIES: &[(&str, Temporality)] = &[
    ("cumulative", Temporality::Cumulative),
    ("delta", Temporality::Delta),
    ("lowmemory", Temporality::LowMemory),
];

/// Reads all but the variables that are weighed against our own.
pub(super) fn read(standard: &mut Standard<'_>, reader: &mut Reader<'_>) -> OpenTelemetrySettings {
    let default = OpenTelemetrySettings::default();
    let is_disabled = standard.is_true(SDK_DISABLED.name).unwrap_or(false);
    let heeds_callers = heeds_callers(standard).unwrap_or(default.heeds_callers);
    let log_level = standard.read(LOG_LEVEL.name, word(LEVELS));
    if is_disabled {
        return OpenTelemetrySettings { is_disabled, log_level, heeds_callers, ..default };
    }
    let mut limit = |variable: &StandardVariable| {
        standard.read(variable.name, time_limit).unwrap_or(EXPORT_TIMEOUT)
    };
    let [spans, records, metrics] =
        [&BSP_EXPORT_TIMEOUT, &BLRP_EXPORT_TIMEOUT, &METRIC_EXPORT_TIMEOUT].map(&mut limit);
    let interval = standard.read(METRIC_EXPORT_INTERVAL.name, milliseconds(1));
    let temporality = standard.read(TEMPORALITY_PREFERENCE.name, word(TEMPORALITIES));
    OpenTelemetrySettings {
        is_disabled,
        traces: sent(standard, reader, Signal::Traces, spans),
        metrics: sent(standard, reader, Signal::Metrics, metrics),
        logs: sent(standard, reader, Signal::Logs, records),
        resource: resource(standard, default.resource),
        log_level,
        heeds_callers,
        spans: batch(standard, SPANS, default.spans),
        records: batch(standard, RECORDS, default.records),
        limits: limits(standard, default.limits),
        metric_interval: interval.unwrap_or(default.metric_interval),
        temporality: temporality.unwrap_or(default.temporality),
        remarks: Vec::new(),
    }
}

/// Destination of a signal, if it is exported, with a timeout of at most `most`.
fn sent(
    standard: &mut Standard<'_>,
    reader: &mut Reader<'_>,
    signal: Signal,
    most: Duration,
) -> Option<OtlpSettings> {
    if !is_sent(standard, signal) {
        return None;
    }
    let config = otlp::read(standard, reader, signal)?;
    // The shorter of both timeouts counts.
    Some(OtlpSettings { time_limit: config.time_limit.min(most), ..config })
}

/// Exporters of a signal, if any known one is named.
fn exporters(standard: &mut Standard<'_>, signal: Signal) -> Option<Vec<&'static str>> {
    match signal {
        Signal::Traces => standard.list(TRACES_EXPORTER.name, &["otlp", "none"]),
        Signal::Metrics => standard.list(METRICS_EXPORTER.name, &["otlp", "prometheus", "none"]),
        Signal::Logs => standard.list(LOGS_EXPORTER.name, &["otlp", "none"]),
    }
}

/// True if a signal is exported to a collector: by its exporter, or else because there is an endpoint.
fn is_sent(standard: &mut Standard<'_>, signal: Signal) -> bool {
    let exporters = exporters(standard, signal);
    let has_endpoint = standard.text_of_signal(&ENDPOINT, signal).is_some();
    exporters.map_or(has_endpoint, |exporters| exporters.contains(&"otlp"))
}

/// Address for Prometheus according to the standard variables; `None` if it is not to read.
pub(super) fn prometheus(standard: &mut Standard<'_>) -> Option<SocketAddr> {
    let host = standard.read(PROMETHEUS_HOST.name, host);
    let port = standard.read(PROMETHEUS_PORT.name, number(0..=u16::MAX));
    let exporters = exporters(standard, Signal::Metrics);
    let is_read = exporters.is_none_or(|exporters| exporters.contains(&"prometheus"));
    let host = host.unwrap_or(Ipv4Addr::LOCALHOST.into());
    is_read.then(|| (host, port.unwrap_or(PROMETHEUS)).into())
}

/// Remarks that another variable overrides those of Prometheus's address.
pub(super) fn disobey_prometheus(standard: &mut Standard<'_>, other: &str) {
    for variable in [&PROMETHEUS_HOST, &PROMETHEUS_PORT] {
        if standard.is_set(variable.name) {
            standard.disobey(variable.name, &format!("{other} takes precedence"));
        }
    }
}

fn host(value: &str) -> Result<IpAddr, InvalidValue> {
    let value = value.trim();
    if value.eq_ignore_ascii_case("localhost") {
        return Ok(Ipv4Addr::LOCALHOST.into());
    }
    let wrong = || InvalidValue::new(format!("is {}", quoted(value)), "an IP address or localhost");
    value.trim_matches(['[', ']']).parse().map_err(|_| wrong())
}

fn heeds_callers(standard: &mut Standard<'_>) -> Option<bool> {
    let known = &["tracecontext", "baggage", "none"];
    Some(standard.list(PROPAGATORS.name, known)?.contains(&"tracecontext"))
}

fn resource(
    standard: &mut Standard<'_>,
    mut resource: BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    // The last of several values for one key counts.
    resource.extend(standard.read(RESOURCE_ATTRIBUTES.name, pairs::attributes).unwrap_or_default());
    if let Some(name) = standard.value(SERVICE_NAME.name) {
        resource.insert(NAME.to_owned(), name.trim().to_owned());
    }
    resource
}

/// Variables of a queue: its delay, its size, and the size of a batch.
type QueueVariables = [&'static StandardVariable; 3];
const SPANS: QueueVariables =
    [&BSP_SCHEDULE_DELAY, &BSP_MAX_QUEUE_SIZE, &BSP_MAX_EXPORT_BATCH_SIZE];
const RECORDS: QueueVariables =
    [&BLRP_SCHEDULE_DELAY, &BLRP_MAX_QUEUE_SIZE, &BLRP_MAX_EXPORT_BATCH_SIZE];

fn batch(
    standard: &mut Standard<'_>,
    [delay, queue, batch]: QueueVariables,
    default: BatchSettings,
) -> BatchSettings {
    let queue = standard.read(queue.name, number(1..=LONGEST_QUEUE)).unwrap_or(default.queue);
    BatchSettings {
        delay: standard.read(delay.name, milliseconds(0)).unwrap_or(default.delay),
        queue,
        batch: standard.read(batch.name, number(1..=queue)).unwrap_or(default.batch.min(queue)),
    }
}

fn limits(standard: &mut Standard<'_>, default: SpanLimits) -> SpanLimits {
    let mut count = |variable: &StandardVariable, default| {
        standard.read(variable.name, number(0..=LONGEST)).unwrap_or(default)
    };
    SpanLimits {
        attributes: count(&SPAN_ATTRIBUTE_COUNT_LIMIT, default.attributes),
        events: count(&SPAN_EVENT_COUNT_LIMIT, default.events),
        links: count(&SPAN_LINK_COUNT_LIMIT, default.links),
        event_attributes: count(&EVENT_ATTRIBUTE_COUNT_LIMIT, default.event_attributes),
        link_attributes: count(&LINK_ATTRIBUTE_COUNT_LIMIT, default.link_attributes),
    }
}

#[cfg(test)]
mod tests;
