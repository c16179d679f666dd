//! OTLP over gRPC: the pipelines to the collector, for spans, log records and metrics.
//!
//! The SDK sends each from a thread of its own: spans and records in batches, behind a queue of 2,048 that drops what does not
//! fit, metrics every minute. It also heeds the standard `OTEL_` variables that have no counterpart in our configuration
//! (headers, resource attributes, the interval of metrics, sizes of queues and batches).
//!
//! Invariant: no pipeline can hold up the program, while it runs (nothing waits for a queue or a batch) or when it ends (all
//! are given up after [`SHUTDOWN_TIMEOUT`]).

use std::time::Duration;

use anyhow::{Context, anyhow};
use opentelemetry::InstrumentationScope;
use opentelemetry::trace::TracerProvider;
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_otlp::{
    LogExporter, MetricExporter, RetryPolicy, SpanExporter, WithExportConfig, WithTonicConfig,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::{BatchLogProcessor, SdkLoggerProvider};
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tracing::Subscriber;
use tracing_subscriber::layer::Layer;
use tracing_subscriber::registry::LookupSpan;
use url::Url;

use super::naming::Naming;
use super::reporting::Reporting;
use super::trace_id::TraceIds;

/// How long the collector may take to accept a batch.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(5);
/// The same for what does not keep to it.
const PATIENCE: Duration = Duration::from_millis(1_500);
/// Most links of a span: as many as a batch has appends.
const LINKS: u32 = 512;
/// How long the end of the program waits for what is still queued.
pub(super) const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(1);

/// The pipelines of spans and log records.
#[derive(Debug)]
pub(super) struct Export {
    spans: SdkTracerProvider,
    records: SdkLoggerProvider,
}

/// Configures an exporter of any kind.
macro_rules! exporter {
    ($kind:ident, $endpoint:expr, $what:literal) => {
        $kind::builder()
            .with_tonic()
            .with_endpoint($endpoint.as_str())
            .with_timeout(EXPORT_TIMEOUT)
            .with_retry_policy(RetryPolicy::disabled())
            .build()
            .with_context(|| format!("{} cannot be exported", $what))
            .map(|exporter| Reporting::new($what, exporter))
    };
}

/// What sends metrics to the collector.
pub(super) fn metrics(endpoint: &Url) -> anyhow::Result<Reporting<MetricExporter>> {
    inside_a_runtime()?;
    exporter!(MetricExporter, endpoint, "metrics")
}

/// The gRPC channel would panic outside a runtime.
fn inside_a_runtime() -> anyhow::Result<()> {
    Handle::try_current().map(drop).context("telemetry is exported from inside a runtime")
}

impl Export {
    /// Starts both; the connection is made when there is something to send.
    pub(super) fn start(endpoint: &Url, resource: Resource) -> anyhow::Result<Self> {
        inside_a_runtime()?;
        let spans = exporter!(SpanExporter, endpoint, "spans")?;
        let records = exporter!(LogExporter, endpoint, "log records")?;
        let spans = SdkTracerProvider::builder()
            .with_resource(resource.clone())
            .with_id_generator(TraceIds::default())
            // What is not to be kept is not made.
            .with_sampler(Sampler::AlwaysOn)
            .with_max_links_per_span(LINKS)
            .with_batch_exporter(spans)
            .build();
        let records = SdkLoggerProvider::builder()
            .with_resource(resource)
            .with_log_processor(Naming(BatchLogProcessor::builder(records).build()))
            .build();
        Ok(Self { spans, records })
    }

    /// What makes spans without `tracing`.
    pub(super) fn tracer_provider(&self) -> SdkTracerProvider {
        self.spans.clone()
    }

    /// The layer that exports spans.
    pub(super) fn spans<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'s> LookupSpan<'s>,
    {
        tracing_opentelemetry::layer()
            .with_tracer(self.spans.tracer_with_scope(scope()))
            .with_location(false)
            .with_threads(false)
            // What the registry does not name is not told.
            .with_target(false)
            .with_tracked_inactivity(false)
    }

    /// The layer that exports events as log records, each linked to the span in which it happened.
    pub(super) fn records<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'s> LookupSpan<'s>,
    {
        OpenTelemetryTracingBridge::new(&self.records)
    }

    /// Sends what is queued and ends both pipelines side by side, so that one that hangs takes nothing from the other.
    pub(super) async fn flush_and_shutdown(self) {
        let Self { spans, records } = self;
        tokio::join!(
            end("spans", move || spans.shutdown_with_timeout(SHUTDOWN_TIMEOUT)),
            end("log records", move || records.shutdown_with_timeout(SHUTDOWN_TIMEOUT)),
        );
    }
}

/// Who makes spans.
pub(super) fn scope() -> InstrumentationScope {
    InstrumentationScope::builder(env!("CARGO_PKG_NAME"))
        .with_version(env!("CARGO_PKG_VERSION"))
        .build()
}

/// Runs one blocking shutdown in a thread of its own: on a thread of the runtime it would wait for a connection that
/// only the runtime can drive.
pub(super) async fn end(
    what: &'static str,
    shutdown: impl FnOnce() -> OTelSdkResult + Send + 'static,
) {
    let (sender, ended) = oneshot::channel();
    let thread = std::thread::Builder::new().name("telemetry-shutdown".to_owned());
    let started = thread.spawn(move || drop(sender.send(shutdown())));
    // Not every part of the SDK heeds the time-out that it is given.
    let ended = tokio::time::timeout(PATIENCE, ended);
    let result = match started {
        Ok(_) => match ended.await {
            Ok(ended) => ended.context("its thread panicked").and_then(|result| Ok(result?)),
            Err(_elapsed) => Err(anyhow!("the collector does not answer")),
        },
        Err(error) => Err(error.into()),
    };
    if let Err(error) = result {
        tracing::warn!("{what} that were not sent yet are lost: {error:#}");
    }
}
