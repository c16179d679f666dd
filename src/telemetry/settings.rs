//! Settings of telemetry, which the configuration fills in.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use hyper::header::{HeaderName, HeaderValue};
use url::Url;

/// Default queue length of spans or log records.
const QUEUE: usize = 2_048;
/// Default batch size of spans or log records.
const BATCH: usize = 512;
/// Default limit on attributes of a span, on its events, and on attributes of these.
const COUNT: u32 = 128;
/// Default limit on links of a span: as many as a batch has appends.
const LINKS: u32 = 512;
/// Resource attribute that names the program.
pub(crate) const SERVICE_NAME: &str = "service.name";

/// Settings of logs, traces and metrics, and their destinations.
#[derive(Clone, Debug)]
pub struct TelemetrySettings {
    /// Format of log lines.
    pub log_format: LogFormat,
    /// Filter of log lines, as directives of `tracing_subscriber`'s `EnvFilter`.
    pub log_filter: String,
    /// Rule by which traces are exported.
    pub trace_sampling: TraceSampling,
    /// Address at which Prometheus reads the metrics.
    pub metrics: MetricsPlace,
    /// Values of OpenTelemetry's standard variables.
    pub opentelemetry: Box<OpenTelemetrySettings>,
}

/// Format of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Compact text with `name=value` fields, to be read by humans.
    Text,
    /// One JSON object per line.
    Json,
}

/// Address at which Prometheus reads the metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricsPlace {
    /// Listener of their own, which is not for the public.
    Own(SocketAddr),
    /// Path beside the API, for every client that reaches the API.
    Shared,
    /// Metrics cannot be read, only sent to a collector.
    Off,
}

impl Default for TelemetrySettings {
    fn default() -> Self {
        Self {
            log_format: LogFormat::Text,
            log_filter: "info".to_owned(),
            trace_sampling: TraceSampling::Share(0.1),
            metrics: MetricsPlace::Own(([127, 0, 0, 1], 9464).into()),
            opentelemetry: Box::default(),
        }
    }
}

/// Rule by which traces are exported.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TraceSampling {
    /// A share of them, from 0 to 1, and in addition the traces worth keeping, within rate limits.
    Share(f64),
    /// The traces that a standard sampler keeps, and no others.
    Standard {
        /// Share of traces that begin here, from 0 to 1.
        ratio: f64,
        /// True if the caller's decision counts for its own trace.
        is_parent_based: bool,
    },
}

/// Signals that are sent to collectors, and the description of this process in all of them.
#[derive(Clone, Debug)]
pub struct OpenTelemetrySettings {
    /// True if no metric is collected and no signal exported.
    pub is_disabled: bool,
    /// Destination of spans, if they are sent.
    pub traces: Option<OtlpSettings>,
    /// Destination of metrics, if they are sent.
    pub metrics: Option<OtlpSettings>,
    /// Destination of log records, if they are sent.
    pub logs: Option<OtlpSettings>,
    /// Attributes of this process, in addition to its built-in ones or instead of them.
    pub resource: BTreeMap<String, String>,
    /// Lowest level at which exporters log about themselves, unless the log filter names them.
    pub log_level: Option<&'static str>,
    /// True if a caller's trace is continued.
    pub heeds_callers: bool,
    /// Batching of spans, as the `OTEL_BSP_` variables set it.
    pub spans: BatchSettings,
    /// Batching of log records, as the `OTEL_BLRP_` variables set it.
    pub records: BatchSettings,
    /// Limits on the content of a span.
    pub limits: SpanLimits,
    /// Interval at which metrics are sent.
    pub metric_interval: Duration,
    /// Temporality of the metrics that the collector gets.
    pub temporality: Temporality,
    /// Remarks about settings that were ignored or are not supported, one line each, logged at start.
    pub remarks: Vec<String>,
}

/// Batching of a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchSettings {
    /// Longest time in the queue.
    pub delay: Duration,
    /// Length of the queue. Entries beyond it are dropped.
    pub queue: usize,
    /// Most entries of one request.
    pub batch: usize,
}

/// Limits on the content of a span. Content beyond them is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpanLimits {
    /// Most attributes of a span.
    pub attributes: u32,
    /// Most events of a span.
    pub events: u32,
    /// Most links of a span.
    pub links: u32,
    /// Most attributes of an event.
    pub event_attributes: u32,
    /// Most attributes of a link.
    pub link_attributes: u32,
}

/// Start of the interval that a counter or a histogram covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Temporality {
    /// Since the start of the process.
    Cumulative,
    /// Since the previous request to the collector.
    Delta,
    /// As [`Self::Delta`] for counters and histograms that record synchronously, as [`Self::Cumulative`] for observed ones.
    LowMemory,
}

impl Default for OpenTelemetrySettings {
    fn default() -> Self {
        let batch = BatchSettings { delay: Duration::from_secs(5), queue: QUEUE, batch: BATCH };
        Self {
            is_disabled: false,
            traces: None,
            metrics: None,
            logs: None,
            resource: BTreeMap::from([(SERVICE_NAME.to_owned(), "keyfold".to_owned())]),
            log_level: None,
            heeds_callers: true,
            spans: batch,
            records: BatchSettings { delay: Duration::from_secs(1), ..batch },
            limits: SpanLimits {
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

/// Destination of one signal, and its transport.
#[derive(Clone, Debug)]
pub struct OtlpSettings {
    /// URL that requests are sent to.
    pub endpoint: Endpoint,
    /// Encoding and transport of the requests.
    pub protocol: Protocol,
    /// Headers of every request, such as an API key.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// True if requests are compressed.
    pub gzip: bool,
    /// Time limit for sending a batch.
    pub time_limit: Duration,
    /// File with the only trusted root certificates; `None` trusts the system's.
    pub trusted: Option<PathBuf>,
    /// Certificate that authenticates the client, if the collector asks for one.
    pub client: Option<ClientFiles>,
}

/// Encoding and transport of a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// OTLP over gRPC, on HTTP/2.
    Grpc,
    /// OTLP in protocol buffers over HTTP/1.1.
    HttpProtobuf,
}

/// Files of a client's certificate, in PEM format.
#[derive(Clone, Debug)]
pub struct ClientFiles {
    /// File with the certificate and its chain.
    pub certificate: PathBuf,
    /// File with the private key of the certificate.
    pub key: PathBuf,
}

/// URL of a collector. `Debug` hides its query, in which some put an API key.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint(pub Url);

impl Endpoint {
    /// Complete URL, including a query that may be secret.
    pub fn url(&self) -> &Url {
        &self.0
    }

    /// Returns true if the collector is reached over TLS.
    pub fn is_secure(&self) -> bool {
        self.0.scheme() == "https"
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = self.0.clone();
        shown.set_query(self.0.query().map(|_| "…"));
        write!(f, "{shown}")
    }
}
