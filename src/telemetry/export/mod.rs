//! OTLP pipelines to the collector, for spans, log records and metrics.
//!
//! The SDK sends each from a thread of its own: spans and records in batches, behind a queue that drops entries when full,
//! metrics at intervals. `config` has read OpenTelemetry's standard variables; none is left to the SDK.
//!
//! Invariant: no pipeline can block the program, while it runs (no code waits for a queue or a batch) or when it ends (each
//! pipeline gets [`SHUTDOWN_TIMEOUT`]).

pub(super) mod reporting;
pub(super) mod transport;

use std::time::Duration;

use anyhow::{Context, anyhow};
use opentelemetry::trace::TracerProvider;
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_otlp::{
    Compression, LogExporter, MetricExporter, RetryPolicy, SpanExporter, WithExportConfig,
    WithHttpConfig, WithTonicConfig,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::{self, BatchLogProcessor, SdkLoggerProvider};
use opentelemetry_sdk::metrics::{PeriodicReader, Temporality};
use opentelemetry_sdk::trace::{self, BatchSpanProcessor, Sampler, SdkTracerProvider, SpanLimits};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tracing::Subscriber;
use tracing_subscriber::layer::Layer;
use tracing_subscriber::registry::LookupSpan;

use self::reporting::Reporting;
use self::transport::{Metadata, OverHttp, channel};
use super::log::correlation::CorrelationProcessor;
use super::settings::{self, BatchSettings, OpenTelemetrySettings, OtlpSettings, Protocol};
use super::spans::scope::scope;
use super::spans::trace_context::TraceIds;

/// Shortest pause between two batches: without one, a thread would never rest.
const SHORTEST: Duration = Duration::from_millis(1);
/// Time limit for a pipeline that does not keep to [`SHUTDOWN_TIMEOUT`].
const PATIENCE: Duration = Duration::from_millis(1_500);
/// Time that each pipeline gets to send its queue at the end of the program.
pub(super) const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(1);

/// Pipelines of spans and log records, as far as they are sent.
#[derive(Debug, Default)]
pub(super) struct Export {
    /// Provider that the tracing layer and late spans use; `None` if spans are not sent.
    spans: Option<SdkTracerProvider>,
    /// Provider that the log bridge uses; `None` if log records are not sent.
    records: Option<SdkLoggerProvider>,
}

/// Builds an exporter of any signal, over the configured protocol.
macro_rules! exporter {
    ($builder:expr, $config:expr, $what:literal) => {{
        let (builder, config): (_, &OtlpSettings) = ($builder, $config);
        // The gRPC channel would panic outside a runtime.
        let runtime =
            Handle::try_current().context("telemetry is exported from inside a runtime")?;
        let (built, cause) = match config.protocol {
            Protocol::Grpc => {
                let builder = builder.with_tonic().with_channel(channel(config)?);
                let builder = builder.with_interceptor(Metadata::of(config));
                (with_rest!(builder, config), None)
            }
            Protocol::HttpProtobuf => {
                let client = OverHttp::of(config, runtime)?;
                let cause = client.cause();
                let builder = builder.with_http().with_http_client(client);
                let builder = builder.with_protocol(opentelemetry_otlp::Protocol::HttpBinary);
                (with_rest!(builder, config), Some(cause))
            }
        };
        built
            .with_context(|| format!("{} cannot be exported", $what))
            .map(|exporter| Reporting::new($what, exporter, cause))
    }};
}

/// Applies the options that both protocols share.
macro_rules! with_rest {
    ($builder:expr, $config:expr) => {{
        let builder = $builder
            .with_endpoint($config.endpoint.url().as_str())
            .with_timeout($config.time_limit)
            .with_retry_policy(RetryPolicy::disabled());
        if $config.gzip {
            builder.with_compression(Compression::Gzip).build()
        } else {
            builder.build()
        }
    }};
}

/// Reader that sends metrics to the collector at intervals.
pub(super) fn metrics(
    config: &OtlpSettings,
    all: &OpenTelemetrySettings,
) -> anyhow::Result<PeriodicReader<Reporting<MetricExporter>>> {
    let temporality = match all.temporality {
        settings::Temporality::Cumulative => Temporality::Cumulative,
        settings::Temporality::Delta => Temporality::Delta,
        settings::Temporality::LowMemory => Temporality::LowMemory,
    };
    let builder = MetricExporter::builder().with_temporality(temporality);
    let exporter = exporter!(builder, config, "metrics")?;
    Ok(PeriodicReader::builder(exporter).with_interval(all.metric_interval).build())
}

/// Exporter of spans over the configured protocol.
pub(super) fn span_exporter(config: &OtlpSettings) -> anyhow::Result<Reporting<SpanExporter>> {
    exporter!(SpanExporter::builder(), config, "spans")
}

fn spans(
    config: &OtlpSettings,
    all: &OpenTelemetrySettings,
    resource: Resource,
) -> anyhow::Result<SdkTracerProvider> {
    let exporter = span_exporter(config)?;
    let BatchSettings { delay, queue, batch } = all.spans;
    let batches = trace::BatchConfigBuilder::default()
        .with_scheduled_delay(delay.max(SHORTEST))
        .with_max_queue_size(queue)
        .with_max_export_batch_size(batch)
        .build();
    let processor = BatchSpanProcessor::builder(exporter).with_batch_config(batches).build();
    Ok(SdkTracerProvider::builder()
        .with_resource(resource)
        .with_id_generator(TraceIds::default())
        // Sampling happens before: spans of unsampled traces are never created.
        .with_sampler(Sampler::AlwaysOn)
        .with_span_limits(limits(all.limits))
        .with_span_processor(processor)
        .build())
}

fn limits(limits: settings::SpanLimits) -> SpanLimits {
    SpanLimits {
        max_attributes_per_span: limits.attributes,
        max_events_per_span: limits.events,
        max_links_per_span: limits.links,
        max_attributes_per_event: limits.event_attributes,
        max_attributes_per_link: limits.link_attributes,
    }
}

fn records(
    config: &OtlpSettings,
    all: &OpenTelemetrySettings,
    resource: Resource,
) -> anyhow::Result<SdkLoggerProvider> {
    let exporter = exporter!(LogExporter::builder(), config, "log records")?;
    let BatchSettings { delay, queue, batch } = all.records;
    let batches = logs::BatchConfigBuilder::default()
        .with_scheduled_delay(delay.max(SHORTEST))
        .with_max_queue_size(queue)
        .with_max_export_batch_size(batch)
        .build();
    let processor = BatchLogProcessor::builder(exporter).with_batch_config(batches).build();
    Ok(SdkLoggerProvider::builder()
        .with_resource(resource)
        .with_log_processor(CorrelationProcessor(processor))
        .build())
}

impl Export {
    /// Starts the configured pipelines; each connects when it first has something to send.
    pub(super) fn start(
        config: &OpenTelemetrySettings,
        resource: &Resource,
    ) -> anyhow::Result<Self> {
        let spans = config.traces.as_ref().map(|to| spans(to, config, resource.clone()));
        let records = config.logs.as_ref().map(|to| records(to, config, resource.clone()));
        Ok(Self { spans: spans.transpose()?, records: records.transpose()? })
    }

    /// Provider that creates spans without `tracing`.
    pub(super) fn tracer_provider(&self) -> Option<SdkTracerProvider> {
        self.spans.clone()
    }

    /// Layer that exports spans of `tracing`; `None` if no destination is set.
    pub(super) fn spans<S>(&self) -> Option<impl Layer<S> + use<S>>
    where
        S: Subscriber + for<'s> LookupSpan<'s>,
    {
        let spans = self.spans.as_ref()?;
        Some(
            tracing_opentelemetry::layer()
                .with_tracer(spans.tracer_with_scope(scope()))
                .with_location(false)
                .with_threads(false)
                // Attributes that the registry does not name are left out.
                .with_target(false)
                .with_tracked_inactivity(false),
        )
    }

    /// Layer that exports events as log records, each linked to the span in which it happened.
    pub(super) fn records<S>(&self) -> Option<impl Layer<S> + use<S>>
    where
        S: Subscriber + for<'s> LookupSpan<'s>,
    {
        self.records.as_ref().map(OpenTelemetryTracingBridge::new)
    }

    /// Sends the queued entries and ends both pipelines in parallel, so that one that hangs takes no time from the other.
    pub(super) async fn flush_and_shutdown(self) {
        let Self { spans, records } = self;
        let spans = spans.map(|it| move || it.shutdown_with_timeout(SHUTDOWN_TIMEOUT));
        let records = records.map(|it| move || it.shutdown_with_timeout(SHUTDOWN_TIMEOUT));
        tokio::join!(end("spans", spans), end("log records", records));
    }
}

/// Runs one blocking shutdown in a thread of its own: on a thread of the runtime it would wait for a connection that only
/// the runtime can drive.
pub(super) async fn end(
    what: &'static str,
    shutdown: Option<impl FnOnce() -> OTelSdkResult + Send + 'static>,
) {
    let Some(shutdown) = shutdown else { return };
    let (sender, ended) = oneshot::channel();
    let thread = std::thread::Builder::new().name("telemetry-shutdown".to_owned());
    let started = thread.spawn(move || drop(sender.send(shutdown())));
    // Some parts of the SDK ignore the timeout that they are given.
    let ended = tokio::time::timeout(PATIENCE, ended);
    let result = match started {
        Ok(_) => match ended.await {
            Ok(ended) => ended.context("its thread panicked").and_then(|result| Ok(result?)),
            Err(_elapsed) => Err(anyhow!("the collector does not answer")),
        },
        Err(error) => Err(error.into()),
    };
    if let Err(error) = result {
        tracing::warn!("unsent {what} were lost: {error:#}");
    }
}
