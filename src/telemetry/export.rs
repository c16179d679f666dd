//! OTLP over gRPC: the two pipelines to the collector, one for spans and one for log records.
//!
//! The SDK batches each in a thread of its own behind a queue of 2,048, dropping what does not fit. It also heeds the
//! standard `OTEL_` variables that have no counterpart in our configuration (headers, sampler, resource attributes).
//!
//! Invariant: neither pipeline can hold up the program, while it runs (nothing waits for a queue or a batch) or when it
//! ends (both are given up after [`SHUTDOWN_TIMEOUT`]).

use std::time::Duration;

use anyhow::Context;
use opentelemetry::trace::TracerProvider;
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_otlp::{
    LogExporter, RetryPolicy, SpanExporter, WithExportConfig, WithTonicConfig,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tracing::Subscriber;
use tracing_subscriber::layer::Layer;
use tracing_subscriber::registry::LookupSpan;
use url::Url;

use super::reporting::Reporting;
use super::trace_id::TraceIds;

/// How long the collector may take to accept a batch.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the end of the program waits for what is still queued.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(1);

/// Both pipelines.
#[derive(Debug)]
pub(super) struct Export {
    spans: SdkTracerProvider,
    records: SdkLoggerProvider,
}

impl Export {
    /// Starts both; the connection is made when there is something to send.
    pub(super) fn start(endpoint: &Url, service_name: &str) -> anyhow::Result<Self> {
        // The gRPC channel would panic outside a runtime.
        Handle::try_current().context("telemetry is exported from inside a runtime")?;
        let resource = Resource::builder()
            .with_service_name(service_name.to_owned())
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build();
        let spans = SpanExporter::builder()
            .with_tonic()
            .with_endpoint(endpoint.as_str())
            .with_timeout(EXPORT_TIMEOUT)
            .with_retry_policy(RetryPolicy::disabled())
            .build()
            .context("spans cannot be exported")?;
        let records = LogExporter::builder()
            .with_tonic()
            .with_endpoint(endpoint.as_str())
            .with_timeout(EXPORT_TIMEOUT)
            .with_retry_policy(RetryPolicy::disabled())
            .build()
            .context("log records cannot be exported")?;
        let spans = SdkTracerProvider::builder()
            .with_resource(resource.clone())
            .with_id_generator(TraceIds::default())
            .with_batch_exporter(Reporting::new("spans", spans))
            .build();
        let records = SdkLoggerProvider::builder()
            .with_resource(resource)
            .with_batch_exporter(Reporting::new("log records", records))
            .build();
        Ok(Self { spans, records })
    }

    /// The layer that exports spans.
    pub(super) fn spans<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'s> LookupSpan<'s>,
    {
        let scope = InstrumentationScope::builder(env!("CARGO_PKG_NAME"))
            .with_version(env!("CARGO_PKG_VERSION"))
            .build();
        tracing_opentelemetry::layer()
            .with_tracer(self.spans.tracer_with_scope(scope))
            .with_location(false)
            .with_threads(false)
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

/// Runs one blocking shutdown in a thread of its own: on a thread of the runtime it would wait for a connection that
/// only the runtime can drive.
async fn end(what: &'static str, shutdown: impl FnOnce() -> OTelSdkResult + Send + 'static) {
    let (sender, ended) = oneshot::channel();
    let thread = std::thread::Builder::new().name("telemetry-shutdown".to_owned());
    let started = thread.spawn(move || drop(sender.send(shutdown())));
    let result = match started {
        Ok(_) => ended.await.context("its thread panicked").and_then(|result| Ok(result?)),
        Err(error) => Err(error.into()),
    };
    if let Err(error) = result {
        tracing::warn!("{what} that were not sent yet are lost: {error:#}");
    }
}
