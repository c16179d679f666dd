//! Start of telemetry: the three layers, their filters, and the meters.

use std::io::IsTerminal;
use std::sync::{LazyLock, OnceLock};

use anyhow::Context;
use opentelemetry::{KeyValue, global};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::resource::TelemetryResourceDetector;
use tracing::{Level, Metadata, Subscriber, warn};
use tracing_subscriber::filter::{EnvFilter, FilterExt, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::JsonFields;
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

use super::export::Export;
use super::export::reporting::is_repetition;
use super::log::json::JsonEvents;
use super::log::text::TextFields;
use super::metrics::provider::Exposition;
use super::settings::{LogFormat, MetricsPlace, OpenTelemetrySettings, TelemetrySettings};
use crate::base::clock::Clock;
use crate::base::id::Id;

/// Filter of exported spans: all of ours, however quiet the log is.
const SPANS: &str = "info";
/// Targets that are logged only at high levels. A log filter that names the target overrides this.
const SELDOM_WRITTEN: &str =
    "ractor=warn,poem=warn,refinery_core=warn,keyfold::events::frequent=error";
/// Filter by which the authentication events are exported, however quiet the log is.
const ALWAYS_EXPORTED: &str = "keyfold::events=info,keyfold::events::frequent=info";
/// Events that the exporting layers refuse, whatever the log filter says. The exporter reports its own failures in the log.
const NOT_EXPORTED: &str = "ractor=warn,h2=warn,hyper=warn,tonic=warn,tower=warn,opentelemetry=off";

/// Running telemetry of a process or a test, which has to be shut down to lose nothing.
#[derive(Debug)]
#[must_use = "queued telemetry is lost unless it is flushed"]
pub struct Telemetry {
    /// Pipelines of spans and log records.
    pub(super) export: Export,
    /// Meter provider, if metrics are read or sent.
    pub(super) meters: Option<SdkMeterProvider>,
}

/// Metrics that Prometheus reads from this process.
static EXPOSITION: OnceLock<Exposition> = OnceLock::new();

/// Metrics that Prometheus reads from this process; `None` before [`start`].
pub fn exposition() -> Option<&'static Exposition> {
    EXPOSITION.get()
}

impl Telemetry {
    /// Sends the queued telemetry and stops exporting, within two seconds whatever the collector does.
    ///
    /// Await it last inside the runtime in which telemetry was started, after all work worth recording has ended: the
    /// connection to the collector lives in that runtime. It does not block the runtime.
    pub async fn flush_and_shutdown(self) {
        let Self { export, meters } = self;
        let metrics = async {
            let shutdown =
                meters.map(|it| move || it.shutdown_with_timeout(super::export::SHUTDOWN_TIMEOUT));
            super::export::end("metrics", shutdown).await;
        };
        tokio::join!(metrics, export.flush_and_shutdown());
    }
}

/// Role of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Process {
    /// Server, whose metrics are read again and again.
    Server,
    /// Command of an operator. It has no metrics: it ends before they could be read.
    Command,
}

/// Sets up logs and export for the whole process. Call it once, inside the runtime.
///
/// # Errors
/// Fails if the configuration cannot be used, or telemetry has been started before. An unreachable collector is no error.
pub fn start(config: &TelemetrySettings, process: Process) -> anyhow::Result<Telemetry> {
    let is_terminal = std::io::stderr().is_terminal();
    let writer = super::log::stdio::error().map_or_else(
        || BoxMakeWriter::new(std::io::stderr),
        |lines| BoxMakeWriter::new(move || lines.clone()),
    );
    let (subscriber, mut telemetry) = build(config, writer, is_terminal)?;
    subscriber.try_init().context("telemetry has been started before")?;
    let OpenTelemetrySettings { metrics, heeds_callers, remarks, .. } = &*config.opentelemetry;
    for remark in remarks {
        warn!("{remark}");
    }
    if !heeds_callers {
        super::spans::trace_context::ignore_callers();
    }
    if let Some(spans) = telemetry.export.tracer_provider() {
        global::set_tracer_provider(spans);
        super::spans::sampling::begin(config.trace_sampling);
    }
    let is_read = metrics.is_some() || config.metrics != MetricsPlace::Off;
    if process == Process::Command || !is_read {
        return Ok(telemetry);
    }
    let reader = metrics.as_ref().map(|to| super::export::metrics(to, &config.opentelemetry));
    let (meters, exposition) =
        super::metrics::provider::start(resource(&config.opentelemetry), reader.transpose()?)?;
    global::set_meter_provider(meters.clone());
    super::audit_events::begin();
    super::log::stdio::measure();
    // The first one counts, as with the subscriber above.
    let _ = EXPOSITION.set(exposition);
    telemetry.meters = Some(meters);
    Ok(telemetry)
}

/// Attributes of this process on all its telemetry. Nodes share a service name and have an instance id each: without it the
/// numbers of one would be taken for another's.
pub(super) fn resource(config: &OpenTelemetrySettings) -> Resource {
    static INSTANCE: LazyLock<String> =
        LazyLock::new(|| Id::<()>::generate(&Clock::system()).to_string());
    let own = [
        KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
        KeyValue::new("service.instance.id", INSTANCE.as_str()),
    ];
    // The last value of a name counts.
    let given =
        config.resource.iter().map(|(key, value)| KeyValue::new(key.clone(), value.clone()));
    Resource::builder_empty()
        .with_detector(Box::new(TelemetryResourceDetector))
        .with_attributes(own.into_iter().chain(given))
        .build()
}

/// Builds telemetry as [`start`] does, without installing it; lines go to `writer` without colours.
///
/// # Errors
/// Fails if the configuration cannot be used.
pub fn subscriber<W>(
    config: &TelemetrySettings,
    writer: W,
) -> anyhow::Result<(impl Subscriber + Send + Sync + use<W>, Telemetry)>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    build(config, writer, false)
}

fn build<W>(
    config: &TelemetrySettings,
    writer: W,
    colours: bool,
) -> anyhow::Result<(impl Subscriber + Send + Sync + use<W>, Telemetry)>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let exporters = config.opentelemetry.log_level.map(|level| format!("opentelemetry={level}"));
    let exporters = exporters.unwrap_or_default();
    let written = filter(&[SELDOM_WRITTEN, &exporters, &config.log_filter])?
        .and(filter_fn(|it| it.is_event() && !tells_values(it) && !is_repetition(it)));
    let spans = filter(&[SPANS, NOT_EXPORTED])?;
    let records = filter(&[&config.log_filter, ALWAYS_EXPORTED, NOT_EXPORTED])?
        .and(filter_fn(|metadata| !tells_values(metadata)));
    let export = Export::start(&config.opentelemetry, &resource(&config.opentelemetry))?;
    let mut layers = vec![lines(config.log_format, writer, colours).with_filter(written).boxed()];
    layers.extend(export.spans().map(|layer| layer.with_filter(spans).boxed()));
    layers.extend(export.records().map(|layer| layer.with_filter(records).boxed()));
    // A list instead of a layer for each: with optional layers every span would be created for them, even if there are none.
    Ok((tracing_subscriber::registry().with(layers), Telemetry { export, meters: None }))
}

/// Returns true if an event may contain values that are sent to the database.
fn tells_values(metadata: &Metadata<'_>) -> bool {
    metadata.target().starts_with("tokio_postgres") && *metadata.level() > Level::INFO
}

/// Parses directives; later ones about a target override earlier ones.
fn filter(directives: &[&str]) -> anyhow::Result<EnvFilter> {
    let directives = directives.join(",");
    EnvFilter::builder()
        .parse(&directives)
        .with_context(|| format!("the log filter {directives:?} cannot be used"))
}

/// Layer that writes lines. It drops a line that cannot be written: an error message to the same closed standard error would
/// panic.
fn lines<S, W>(format: LogFormat, writer: W, colours: bool) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'s> LookupSpan<'s>,
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt::layer().with_writer(writer).log_internal_errors(false);
    match format {
        LogFormat::Json => {
            lines.fmt_fields(JsonFields::new()).event_format(JsonEvents).with_ansi(false).boxed()
        }
        // A terminal keeps the default, which respects NO_COLOR.
        LogFormat::Text if colours => lines.compact().fmt_fields(TextFields).boxed(),
        LogFormat::Text => lines.compact().fmt_fields(TextFields).with_ansi(false).boxed(),
    }
}
