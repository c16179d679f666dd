//! Table of OpenTelemetry's standard variables: each of the specification's, with its default here, and true if it is
//! obeyed.
//!
//! Sources are the OpenTelemetry specification's "Environment Variable Specification", "OpenTelemetry Protocol Exporter",
//! "Metrics Exporter - OTLP" and "Declarative configuration".
//!
//! Invariant: the name of a standard variable is written here (or in `variables`) and nowhere else.

use super::super::variables;
use super::signal::Signal;

/// Prefix of the OTLP exporter's variables, before the signal if they concern one.
const OTLP: &str = "OTEL_EXPORTER_OTLP_";

/// One standard variable, or a general one with those of each signal, which override it.
#[derive(Clone, Copy, Debug)]
pub struct StandardVariable {
    /// Name as the environment has it.
    pub name: &'static str,
    /// True if each signal has a variable of its own.
    pub is_per_signal: bool,
    /// True if it is obeyed. One that is not is reported at start if it is set.
    pub is_obeyed: bool,
    /// Value that holds if it is not set. For one that is not obeyed, the value that always holds.
    pub default: &'static str,
    /// Effect of the variable in this program.
    pub meaning: &'static str,
}

impl StandardVariable {
    /// Name of this variable for one signal.
    pub(super) fn of(&self, signal: Signal) -> String {
        let option = self.name.strip_prefix(OTLP).unwrap_or(self.name);
        format!("{OTLP}{}_{option}", signal.word())
    }

    /// All names: the general one, then those of the signals.
    pub fn names(&self) -> impl Iterator<Item = String> {
        let signals = if self.is_per_signal { &Signal::ALL[..] } else { &[] };
        std::iter::once(self.name.to_owned()).chain(signals.iter().map(|signal| self.of(*signal)))
    }
}

/// Makes a constant of each row, and [`STANDARD_VARIABLES`] of all of them.
macro_rules! standard {
    ($($constant:ident = $name:expr, $forms:ident, $obeyed:ident, $default:literal, $meaning:literal;)*) => {
        $(
            pub(crate) const $constant: StandardVariable = StandardVariable {
                name: $name,
                is_per_signal: standard!(@$forms),
                is_obeyed: standard!(@$obeyed),
                default: $default,
                meaning: $meaning,
            };
        )*

        /// Every standard variable, in the specification's order.
        pub const STANDARD_VARIABLES: &[StandardVariable] = &[$($constant),*];
    };
    (@each) => { true };
    (@one) => { false };
    (@obeyed) => { true };
    (@told) => { false };
}

standard! {
    SDK_DISABLED = "OTEL_SDK_DISABLED", one, obeyed, "`false`",
        "`true` turns off measuring and exporting, also for Prometheus. Lines on standard error and `traceparent` stay.";
    ENTITIES = "OTEL_ENTITIES", one, told, "none", "In development.";
    RESOURCE_ATTRIBUTES = "OTEL_RESOURCE_ATTRIBUTES", one, obeyed, "`service.name`, `service.version` and a new `service.instance.id`",
        "`key=value,…`, percent-encoded: attributes of this process on all telemetry. They override Keyfold's own. Ignored as a whole if a part is malformed.";
    SERVICE_NAME = variables::SERVICE_NAME.name, one, obeyed, "`keyfold`", "Overrides `service.name` of OTEL_RESOURCE_ATTRIBUTES.";
    LOG_LEVEL = "OTEL_LOG_LEVEL", one, obeyed, "as KEYFOLD_LOG says",
        "Level of the exporters' own log lines: `none`, `error`, `warn`, `info`, `debug` or `trace`. Directives of KEYFOLD_LOG for `opentelemetry` take precedence.";
    PROPAGATORS = "OTEL_PROPAGATORS", one, obeyed, "`tracecontext,baggage`",
        "Without `tracecontext`, or with `none`, a caller's `traceparent` is ignored. `baggage` has no effect: Keyfold passes none on. Others are ignored.";
    TRACES_SAMPLER = "OTEL_TRACES_SAMPLER", one, obeyed, "the share of KEYFOLD_TRACE_SAMPLING, and what is kept beside it",
        "`always_on`, `always_off`, `traceidratio`, and each with `parentbased_`. The sampler then decides alone: nothing else is kept, and nothing is limited. KEYFOLD_TRACE_SAMPLING takes precedence. Others are ignored.";
    TRACES_SAMPLER_ARG = "OTEL_TRACES_SAMPLER_ARG", one, obeyed, "`1.0`", "The ratio of `traceidratio` and `parentbased_traceidratio`, from 0 to 1.";
    BSP_SCHEDULE_DELAY = "OTEL_BSP_SCHEDULE_DELAY", one, obeyed, "`5000`", "Milliseconds between two batches of spans.";
    BSP_EXPORT_TIMEOUT = "OTEL_BSP_EXPORT_TIMEOUT", one, obeyed, "`30000`", "Milliseconds that sending a batch of spans may take, if OTEL_EXPORTER_OTLP_TIMEOUT is not shorter. 0 is no limit.";
    BSP_MAX_QUEUE_SIZE = "OTEL_BSP_MAX_QUEUE_SIZE", one, obeyed, "`2048`", "Maximum number of spans in the queue, from 1 to 100000. More are dropped.";
    BSP_MAX_EXPORT_BATCH_SIZE = "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", one, obeyed, "`512`, or the queue's size", "Maximum number of spans in a batch, at most the size of the queue.";
    BLRP_SCHEDULE_DELAY = "OTEL_BLRP_SCHEDULE_DELAY", one, obeyed, "`1000`", "Milliseconds between two batches of log records.";
    BLRP_EXPORT_TIMEOUT = "OTEL_BLRP_EXPORT_TIMEOUT", one, obeyed, "`30000`", "Milliseconds that sending a batch of log records may take, if OTEL_EXPORTER_OTLP_TIMEOUT is not shorter. 0 is no limit.";
    BLRP_MAX_QUEUE_SIZE = "OTEL_BLRP_MAX_QUEUE_SIZE", one, obeyed, "`2048`", "Maximum number of log records in the queue, from 1 to 100000. More are dropped.";
    BLRP_MAX_EXPORT_BATCH_SIZE = "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", one, obeyed, "`512`, or the queue's size", "Maximum number of log records in a batch, at most the size of the queue.";
    ATTRIBUTE_VALUE_LENGTH_LIMIT = "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", one, told, "no limit", "The SDK cuts no values.";
    ATTRIBUTE_COUNT_LIMIT = "OTEL_ATTRIBUTE_COUNT_LIMIT", one, told, "`128` of a span", "The SDK limits attributes of spans only: OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT.";
    SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT = "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", one, told, "no limit", "The SDK cuts no values.";
    SPAN_ATTRIBUTE_COUNT_LIMIT = "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", one, obeyed, "`128`", "Maximum number of attributes of a span.";
    SPAN_EVENT_COUNT_LIMIT = "OTEL_SPAN_EVENT_COUNT_LIMIT", one, obeyed, "`128`", "Maximum number of events of a span.";
    SPAN_LINK_COUNT_LIMIT = "OTEL_SPAN_LINK_COUNT_LIMIT", one, obeyed, "`512`", "Maximum number of links of a span: a batch has one for each of its appends.";
    EVENT_ATTRIBUTE_COUNT_LIMIT = "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", one, obeyed, "`128`", "Maximum number of attributes of an event of a span.";
    LINK_ATTRIBUTE_COUNT_LIMIT = "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", one, obeyed, "`128`", "Maximum number of attributes of a link of a span.";
    LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT = "OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT", one, told, "no limit", "The SDK cuts no values.";
    LOGRECORD_ATTRIBUTE_COUNT_LIMIT = "OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT", one, told, "no limit", "The SDK does not limit attributes of log records; the registry names all of them.";
    ENDPOINT = variables::OTLP_ENDPOINT.name, each, obeyed, "nothing is exported",
        "URL of the collector: `http://` or `https://`, host, port and path. Over HTTP `v1/traces`, `v1/metrics` and `v1/logs` are appended to the general URL; those of the signals are used as they are. Over gRPC there is no path, and the scheme may be missing. An unusable URL prevents the start.";
    INSECURE = "OTEL_EXPORTER_OTLP_INSECURE", each, obeyed, "`false`", "`true`: no TLS where the endpoint of OTLP over gRPC has no scheme.";
    CERTIFICATE = "OTEL_EXPORTER_OTLP_CERTIFICATE", each, obeyed, "the system's roots", "PEM file with the only roots that are trusted when the collector shows its certificate. An unreadable file prevents the start.";
    CLIENT_KEY = "OTEL_EXPORTER_OTLP_CLIENT_KEY", each, obeyed, "none", "PEM file with the private key of the client's certificate.";
    CLIENT_CERTIFICATE = "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", each, obeyed, "none", "PEM file with the certificate shown to the collector, and its chain.";
    HEADERS = "OTEL_EXPORTER_OTLP_HEADERS", each, obeyed, "none", "`key=value,…`, percent-encoded values: headers of every request. Ignored as a whole if a part is malformed; never written to the log.";
    COMPRESSION = "OTEL_EXPORTER_OTLP_COMPRESSION", each, obeyed, "`none`", "`none` or `gzip`.";
    TIMEOUT = "OTEL_EXPORTER_OTLP_TIMEOUT", each, obeyed, "`10000`", "Milliseconds that sending a batch may take, connecting included. 0 is no limit.";
    PROTOCOL = "OTEL_EXPORTER_OTLP_PROTOCOL", each, obeyed, "`grpc`", "`grpc` or `http/protobuf`. `http/json` is ignored.";
    SPAN_INSECURE = "OTEL_EXPORTER_OTLP_SPAN_INSECURE", one, told, "none", "Obsolete.";
    METRIC_INSECURE = "OTEL_EXPORTER_OTLP_METRIC_INSECURE", one, told, "none", "Obsolete.";
    ZIPKIN_ENDPOINT = "OTEL_EXPORTER_ZIPKIN_ENDPOINT", one, told, "none", "No exporter for Zipkin: a collector can forward to it.";
    ZIPKIN_TIMEOUT = "OTEL_EXPORTER_ZIPKIN_TIMEOUT", one, told, "none", "No exporter for Zipkin.";
    ZIPKIN_PROTOCOL = "OTEL_EXPORTER_ZIPKIN_PROTOCOL", one, told, "none", "No exporter for Zipkin.";
    PROMETHEUS_HOST = "OTEL_EXPORTER_PROMETHEUS_HOST", one, obeyed, "`localhost`", "IP address or `localhost` at which Prometheus reads `/metrics`. KEYFOLD_METRICS_LISTEN takes precedence.";
    PROMETHEUS_PORT = "OTEL_EXPORTER_PROMETHEUS_PORT", one, obeyed, "`9464`", "Port at which Prometheus reads `/metrics`.";
    TRACES_EXPORTER = "OTEL_TRACES_EXPORTER", one, obeyed, "`otlp` if there is an endpoint, or `none`", "`otlp` (without an endpoint, on this host at port 4317, over HTTP 4318) or `none`. Others are ignored.";
    METRICS_EXPORTER = "OTEL_METRICS_EXPORTER", one, obeyed, "`otlp` if there is an endpoint, and `prometheus`", "`otlp`, `prometheus`, both, or `none`. Others are ignored. For Prometheus KEYFOLD_METRICS_LISTEN takes precedence.";
    LOGS_EXPORTER = "OTEL_LOGS_EXPORTER", one, obeyed, "`otlp` if there is an endpoint, or `none`", "As OTEL_TRACES_EXPORTER. Lines on standard error are not affected.";
    EXEMPLAR_FILTER = "OTEL_METRICS_EXEMPLAR_FILTER", one, told, "`always_off`", "The SDK has no exemplars.";
    METRIC_EXPORT_INTERVAL = "OTEL_METRIC_EXPORT_INTERVAL", one, obeyed, "`60000`", "Milliseconds between two exports of metrics, at least 1.";
    METRIC_EXPORT_TIMEOUT = "OTEL_METRIC_EXPORT_TIMEOUT", one, obeyed, "`30000`", "Milliseconds that sending metrics may take, if OTEL_EXPORTER_OTLP_TIMEOUT is not shorter. 0 is no limit.";
    TEMPORALITY_PREFERENCE = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", one, obeyed, "`cumulative`", "Temporality of the metrics that are sent to the collector: `cumulative`, `delta` or `lowmemory`.";
    HISTOGRAM_AGGREGATION = "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION", one, told, "`explicit_bucket_histogram`", "Histograms are shared with Prometheus, which has no exponential ones here.";
    CONFIG_FILE = "OTEL_CONFIG_FILE", one, told, "none", "Declarative configuration is not supported: variables decide.";
    EXPERIMENTAL_CONFIG_FILE = "OTEL_EXPERIMENTAL_CONFIG_FILE", one, told, "none", "Declarative configuration is not supported: variables decide.";
}

/// Table for the documents, in Markdown.
pub fn standard_markdown_table() -> String {
    let head = "| variable | obeyed | default | meaning |\n|---|---|---|---|\n".to_owned();
    std::iter::once(head).chain(STANDARD_VARIABLES.iter().map(markdown_row)).collect()
}

fn markdown_row(variable: &StandardVariable) -> String {
    let names: Vec<_> = variable.names().map(|name| format!("`{name}`")).collect();
    let obeyed = if variable.is_obeyed { "yes" } else { "no" };
    let StandardVariable { default, meaning, .. } = variable;
    format!("| {} | {obeyed} | {default} | {meaning} |\n", names.join("<br>"))
}
