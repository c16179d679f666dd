//! Settings of telemetry, which the configuration fills in.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use hyper::header::{HeaderName, HeaderValue};
use url::Url;

/// Spans or log records that may wait by default.
const QUEUE: usize = 2_048;
/// Spans or log records that are sent together by default.
const BATCH: usize = 512;
/// Attributes of a span, its events, and attributes of these, by default.
const COUNT: u32 = 128;
/// Links of a span by default: as many as a batch has appends.
const LINKS: u32 = 512;
/// The attribute that names the program.
pub(crate) const SERVICE_NAME: &str = "service.name";

/// Logs, traces and metrics, and where they go.
#[derive(Clone, Debug)]
pub struct TelemetrySettings {
    /// How log lines look.
    pub log_format: LogFormat,
    /// Which log lines are written, as directives of `tracing_subscriber`'s `EnvFilter`.
    pub log_filter: String,
    /// Which traces are exported.
    pub trace_sampling: TraceSampling,
    /// Where Prometheus reads the metrics.
    pub metrics: MetricsPlace,
    /// What OpenTelemetry's standard variables say.
    pub opentelemetry: Box<OpenTelemetrySettings>,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

/// Where Prometheus reads the metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricsPlace {
    /// At an address of their own, which is not for the public.
    Own(SocketAddr),
    /// Beside the API, for whoever reaches that.
    Shared,
    /// Nowhere.
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

/// Which traces are exported.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TraceSampling {
    /// A share of them, from 0 to 1, and what is worth keeping beside it, within limits.
    Share(f64),
    /// What a standard sampler keeps, and nothing else.
    Standard {
        /// The share of traces that begin here, from 0 to 1.
        ratio: f64,
        /// Whether a caller decides for its own trace.
        is_parent_based: bool,
    },
}

/// What is sent to collectors, and what all of it says of this process.
#[derive(Clone, Debug)]
pub struct OpenTelemetrySettings {
    /// Whether nothing is measured or exported at all.
    pub is_disabled: bool,
    /// Where spans are sent, if they are.
    pub traces: Option<OtlpSettings>,
    /// Where metrics are sent, if they are.
    pub metrics: Option<OtlpSettings>,
    /// Where log records are sent, if they are.
    pub logs: Option<OtlpSettings>,
    /// What is said of this process beside what it says by itself, or instead of it.
    pub resource: BTreeMap<String, String>,
    /// From which level on exporters tell of themselves, where the log filter says nothing of them.
    pub log_level: Option<&'static str>,
    /// Whether a caller's trace is continued.
    pub heeds_callers: bool,
    /// How spans wait to be sent.
    pub spans: BatchSettings,
    /// How log records wait to be sent.
    pub records: BatchSettings,
    /// How much a span may have.
    pub limits: SpanLimits,
    /// How often metrics are sent.
    pub metric_interval: Duration,
    /// What numbers the collector is sent.
    pub temporality: Temporality,
    /// What was ignored and what is not obeyed, a line each, to be told at start.
    pub remarks: Vec<String>,
}

/// How something waits to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchSettings {
    /// How long it waits at most.
    pub delay: Duration,
    /// How many may wait. More are dropped.
    pub queue: usize,
    /// How many are sent together.
    pub batch: usize,
}

/// How much a span may have. What is more is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpanLimits {
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

/// Where one signal is sent, and how.
#[derive(Clone, Debug)]
pub struct OtlpSettings {
    /// Where it is sent.
    pub endpoint: Endpoint,
    /// In which form.
    pub protocol: Protocol,
    /// What every request says besides.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Whether requests are compressed.
    pub gzip: bool,
    /// How long sending a batch may take.
    pub time_limit: Duration,
    /// A file with the only certificates that are trusted; the system's roots without one.
    pub trusted: Option<PathBuf>,
    /// How the client proves who it is.
    pub client: Option<ClientFiles>,
}

/// How a signal is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// gRPC, which is HTTP/2.
    Grpc,
    /// Protocol buffers over HTTP/1.1.
    HttpProtobuf,
}

/// The files of a client's certificate, in PEM format.
#[derive(Clone, Debug)]
pub struct ClientFiles {
    /// The certificate and its chain.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// A URL of a collector. `Debug` does not show its query, in which some put a key.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint(pub Url);

impl Endpoint {
    /// The URL.
    pub fn url(&self) -> &Url {
        &self.0
    }

    /// Whether it is reached over TLS.
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
