//! OpenTelemetry's standard variables: where each signal is sent, how much of it, and what all of it says of this process.
//!
//! [`STANDARD_VARIABLES`] is the table of all that the specification has, with those that are not obeyed. Everything is read
//! here and given to the SDK, which would read some of it by itself, and differently.
//!
//! Invariant: an environment that the specification allows never prevents the start. What is ignored in it, and what is not
//! obeyed, is in [`OpenTelemetryConfig::remarks`].

mod otlp;
mod pairs;
mod sampler;
mod standard;
mod table;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

pub use self::otlp::{ClientFiles, Endpoint, OtlpConfig, Protocol};
pub use self::sampler::TraceSampling;
pub use self::table::{STANDARD_VARIABLES, StandardVariable, standard_markdown_table};

pub(super) use self::sampler::{disobey_sampler, sampling};
pub(super) use self::standard::Standard;

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

/// Most that may wait in a queue: room for it is taken when it is made.
const LONGEST_QUEUE: usize = 100_000;
const QUEUE: usize = 2_048;
const BATCH: usize = 512;
/// How long a batch, or all metrics, may take to be sent.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(30);
/// Most attributes of a span, and events, and attributes of these.
const COUNT: u32 = 128;
/// Most links of a span: as many as a batch has appends.
const LINKS: u32 = 512;
/// The attribute that says how the program is called.
const NAME: &str = "service.name";
/// The port at which Prometheus looks by convention.
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
/// What is sent to collectors, and what all of it says of this process.
#[derive(Clone, Debug)]
pub struct OpenTelemetryConfig {
    /// Whether nothing is measured or exported at all.
    pub is_disabled: bool,
    /// Where spans are sent, if they are.
    pub traces: Option<OtlpConfig>,
    /// Where metrics are sent, if they are.
    pub metrics: Option<OtlpConfig>,
    /// Where log records are sent, if they are.
    pub logs: Option<OtlpConfig>,
    /// What is said of this process beside what it says by itself, or instead of it.
    pub resource: BTreeMap<String, String>,
    /// From which level on exporters tell of themselves, where the log filter says nothing of them.
    pub log_level: Option<&'static str>,
    /// Whether a caller's trace is continued.
    pub heeds_callers: bool,
    /// How spans wait to be sent.
    pub spans: BatchConfig,
    /// How log records wait to be sent.
    pub records: BatchConfig,
    /// How much a span may have.
    pub limits: LimitsConfig,
    /// How often metrics are sent.
    pub metric_interval: Duration,
    /// What numbers the collector is sent.
    pub temporality: Temporality,
    /// What was ignored and what is not obeyed, a line each, to be told at start.
    pub remarks: Vec<String>,
}

/// How something waits to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchConfig {
    /// How long it waits at most.
    pub delay: Duration,
    /// How many may wait. More are dropped.
    pub queue: usize,
    /// How many are sent together.
    pub batch: usize,
}

/// How much a span may have. What is more is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitsConfig {
    /// Attributes of a span.
    pub attributes: u32,
    /// Events of a span.
    pub events: u32,
    /// Links of a span.
    pub links: u32,
    /// Attributes of an event.
    pub event_attributes: u32,
    /// Attributes of a link.
    pub link_attributes: u32,
}

/// From when on counters and histograms count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Temporality {
    /// From the start.
    Cumulative,
    /// From when they were sent last.
    Delta,
    /// The same of what is not looked at only when it is sent.
    LowMemory,
}

/// What is told of the program's doings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signal {
    Traces,
    Metrics,
    Logs,
}

impl Signal {
    const ALL: [Self; 3] = [Self::Traces, Self::Metrics, Self::Logs];

    /// How variables call it.
    fn word(self) -> &'static str {
        match self {
            Self::Traces => "TRACES",
            Self::Metrics => "METRICS",
            Self::Logs => "LOGS",
        }
    }

    /// Where it is sent over HTTP.
    fn path(self) -> &'static str {
        match self {
            Self::Traces => "v1/traces",
            Self::Metrics => "v1/metrics",
            Self::Logs => "v1/logs",
        }
    }
}

impl Default for OpenTelemetryConfig {
    fn default() -> Self {
        let batch = BatchConfig { delay: Duration::from_secs(5), queue: QUEUE, batch: BATCH };
        Self {
            is_disabled: false,
            traces: None,
            metrics: None,
            logs: None,
            resource: BTreeMap::from([(NAME.to_owned(), "keyfold".to_owned())]),
            log_level: None,
            heeds_callers: true,
            spans: batch,
            records: BatchConfig { delay: Duration::from_secs(1), ..batch },
            limits: LimitsConfig {
                attributes: COUNT,
                events: COUNT,
                links: LINKS,
                event_attributes: COUNT,
                link_attributes: COUNT,
            },
            metric_interval: Duration::from_mins(1),
            temporality: Temporality::Cumulative,
            remarks: Vec::new(),
        }
    }
}

impl OpenTelemetryConfig {
    /// Reads everything but what decides together with our own variables.
    pub(super) fn read(standard: &mut Standard<'_>, reader: &mut Reader<'_>) -> Self {
        let default = Self::default();
        let is_disabled = standard.is_true(SDK_DISABLED.name).unwrap_or(false);
        let heeds_callers = heeds_callers(standard).unwrap_or(default.heeds_callers);
        let log_level = standard.read(LOG_LEVEL.name, word(LEVELS));
        if is_disabled {
            return Self { is_disabled, log_level, heeds_callers, ..default };
        }
        let mut limit = |variable: &StandardVariable| {
            standard.read(variable.name, time_limit).unwrap_or(EXPORT_TIMEOUT)
        };
        let [spans, records, metrics] =
            [&BSP_EXPORT_TIMEOUT, &BLRP_EXPORT_TIMEOUT, &METRIC_EXPORT_TIMEOUT].map(&mut limit);
        let interval = standard.read(METRIC_EXPORT_INTERVAL.name, milliseconds(1));
        let temporality = standard.read(TEMPORALITY_PREFERENCE.name, word(TEMPORALITIES));
        Self {
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
}

/// Where a signal is sent, if it is, in no more time than this.
fn sent(
    standard: &mut Standard<'_>,
    reader: &mut Reader<'_>,
    signal: Signal,
    most: Duration,
) -> Option<OtlpConfig> {
    if !is_sent(standard, signal) {
        return None;
    }
    let config = otlp::read(standard, reader, signal)?;
    // Whichever of the two limits is reached first.
    Some(OtlpConfig { time_limit: config.time_limit.min(most), ..config })
}

/// The exporters of a signal, if some are named that are known here.
fn exporters(standard: &mut Standard<'_>, signal: Signal) -> Option<Vec<&'static str>> {
    match signal {
        Signal::Traces => standard.list(TRACES_EXPORTER.name, &["otlp", "none"]),
        Signal::Metrics => standard.list(METRICS_EXPORTER.name, &["otlp", "prometheus", "none"]),
        Signal::Logs => standard.list(LOGS_EXPORTER.name, &["otlp", "none"]),
    }
}

/// Whether a signal is sent to a collector: if it is asked for, or else if there is one.
fn is_sent(standard: &mut Standard<'_>, signal: Signal) -> bool {
    let exporters = exporters(standard, signal);
    let has_endpoint = standard.text_of_signal(&ENDPOINT, signal).is_some();
    exporters.map_or(has_endpoint, |exporters| exporters.contains(&"otlp"))
}

/// Where Prometheus reads the metrics as far as the standard variables say; nothing if it does not.
pub(super) fn prometheus(standard: &mut Standard<'_>) -> Option<SocketAddr> {
    let host = standard.read(PROMETHEUS_HOST.name, host);
    let port = standard.read(PROMETHEUS_PORT.name, number(0..=u16::MAX));
    let exporters = exporters(standard, Signal::Metrics);
    let is_read = exporters.is_none_or(|exporters| exporters.contains(&"prometheus"));
    let host = host.unwrap_or(Ipv4Addr::LOCALHOST.into());
    is_read.then(|| (host, port.unwrap_or(PROMETHEUS)).into())
}

/// Says that another variable goes before those that say where Prometheus reads.
pub(super) fn disobey_prometheus(standard: &mut Standard<'_>, other: &str) {
    for variable in [&PROMETHEUS_HOST, &PROMETHEUS_PORT] {
        if standard.is_set(variable.name) {
            standard.disobey(variable.name, &format!("{other} goes before"));
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
    // Of several with one key the last one counts.
    resource.extend(standard.read(RESOURCE_ATTRIBUTES.name, pairs::attributes).unwrap_or_default());
    if let Some(name) = standard.value(SERVICE_NAME.name) {
        resource.insert(NAME.to_owned(), name.trim().to_owned());
    }
    resource
}

/// The variables of a queue: its delay, its size, and that of a batch.
type Queue = [&'static StandardVariable; 3];
const SPANS: Queue = [&BSP_SCHEDULE_DELAY, &BSP_MAX_QUEUE_SIZE, &BSP_MAX_EXPORT_BATCH_SIZE];
const RECORDS: Queue = [&BLRP_SCHEDULE_DELAY, &BLRP_MAX_QUEUE_SIZE, &BLRP_MAX_EXPORT_BATCH_SIZE];

fn batch(
    standard: &mut Standard<'_>,
    [delay, queue, batch]: Queue,
    default: BatchConfig,
) -> BatchConfig {
    let queue = standard.read(queue.name, number(1..=LONGEST_QUEUE)).unwrap_or(default.queue);
    BatchConfig {
        delay: standard.read(delay.name, milliseconds(0)).unwrap_or(default.delay),
        queue,
        batch: standard.read(batch.name, number(1..=queue)).unwrap_or(default.batch.min(queue)),
    }
}

fn limits(standard: &mut Standard<'_>, default: LimitsConfig) -> LimitsConfig {
    let mut count = |variable: &StandardVariable, default| {
        standard.read(variable.name, number(0..=LONGEST)).unwrap_or(default)
    };
    LimitsConfig {
        attributes: count(&SPAN_ATTRIBUTE_COUNT_LIMIT, default.attributes),
        events: count(&SPAN_EVENT_COUNT_LIMIT, default.events),
        links: count(&SPAN_LINK_COUNT_LIMIT, default.links),
        event_attributes: count(&EVENT_ATTRIBUTE_COUNT_LIMIT, default.event_attributes),
        link_attributes: count(&LINK_ATTRIBUTE_COUNT_LIMIT, default.link_attributes),
    }
}

#[cfg(test)]
mod tests;
