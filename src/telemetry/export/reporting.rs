//! Exporter that logs the moment at which the collector stops accepting, and that at which it accepts again.
//!
//! The SDK logs every failed batch, which is two lines a second while a collector is away. [`is_repetition`] suppresses
//! those lines.
//!
//! Invariant: an outage of the collector is one line at its beginning and one at its end.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::{LogBatch, LogExporter};
use opentelemetry_sdk::metrics::Temporality;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use tracing::{Metadata, info, warn};

use super::transport::Cause;
use crate::telemetry::metrics::TELEMETRY_EXPORT_FAILURES;

/// Parts of the names of events that this module reports better, or that the configuration has reported. Some would repeat
/// the collector's answer, which may echo the request: headers are secrets.
const REPETITIONS: [&str; 6] = [
    "Export.Failed.",
    ".ExportError",
    ".ExportFailed",
    ".AfterShutdown",
    ".Shutdown.Timeout",
    "Config.InvalidEnvironmentVariable",
];

/// Returns true for an event of the SDK about a single batch or record that could not be sent.
pub(crate) fn is_repetition(metadata: &Metadata<'_>) -> bool {
    metadata.target().starts_with("opentelemetry")
        && REPETITIONS.iter().any(|part| metadata.name().contains(part))
}

/// Exporter with the outcome of its last request.
#[derive(Debug)]
pub(crate) struct Reporting<E> {
    /// Signal in the plural, for log lines and the metric of failures.
    what: &'static str,
    /// Exporter that sends the batches.
    exporter: E,
    /// Detail of the last failure, for exporters whose errors do not have it.
    cause: Option<Cause>,
    /// True while the collector refuses, so that an outage is logged once.
    is_failing: AtomicBool,
}

impl<E> Reporting<E> {
    /// Wraps an exporter of `what`, a plural.
    pub(super) fn new(what: &'static str, exporter: E, cause: Option<Cause>) -> Self {
        Self { what, exporter, cause, is_failing: AtomicBool::new(false) }
    }

    fn report(&self, result: OTelSdkResult) -> OTelSdkResult {
        let what = self.what;
        if result.is_err() {
            TELEMETRY_EXPORT_FAILURES.one(&[KeyValue::new("signal", what)]);
        }
        let was_failing = self.is_failing.swap(result.is_err(), Ordering::Relaxed);
        let cause = self.cause.as_ref().and_then(Cause::take);
        match &result {
            Err(error) if !was_failing => {
                let cause = cause.map(|cause| format!(": {cause}")).unwrap_or_default();
                warn!("{what} are dropped until the collector accepts them: {error}{cause}");
            }
            Ok(()) if was_failing => info!("{what} are exported again"),
            Ok(()) | Err(_) => {}
        }
        result
    }
}

impl<E: SpanExporter> SpanExporter for Reporting<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.report(self.exporter.export(batch).await)
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

impl<E: LogExporter> LogExporter for Reporting<E> {
    async fn export(&self, batch: LogBatch<'_>) -> OTelSdkResult {
        self.report(self.exporter.export(batch).await)
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

impl<E: PushMetricExporter> PushMetricExporter for Reporting<E> {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        self.report(self.exporter.export(metrics).await)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn temporality(&self) -> Temporality {
        self.exporter.temporality()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use opentelemetry_sdk::error::OTelSdkError;

    use super::*;
    use crate::telemetry::settings::LogFormat;
    use crate::telemetry::tests::{start_here, writing};

    /// Exporter with given outcomes, the last one first.
    #[derive(Debug)]
    struct Scripted(Mutex<Vec<OTelSdkResult>>);

    impl SpanExporter for Scripted {
        async fn export(&self, _: Vec<SpanData>) -> OTelSdkResult {
            self.0.lock().unwrap().pop().unwrap()
        }
    }

    #[tokio::test]
    async fn an_outage_is_one_line_at_its_beginning_and_one_at_its_end() {
        let (_telemetry, written, _guard) = start_here(&writing(LogFormat::Text, "info"));
        let down = || Err(OTelSdkError::InternalFailure("connection refused".to_owned()));
        let outcomes = vec![Ok(()), Ok(()), down(), down(), down(), Ok(())];
        let exporter = Reporting::new("spans", Scripted(Mutex::new(outcomes)), None);
        for _ in 0..6 {
            let _ = exporter.export(Vec::new()).await;
        }
        let text = written.text();
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(text.lines().next().unwrap().contains("spans are dropped"), "{text}");
        assert!(text.contains("connection refused"), "{text}");
        assert!(text.lines().last().unwrap().ends_with("spans are exported again"), "{text}");
    }

    #[test]
    fn the_sdk_is_not_heard_about_every_batch_but_about_what_it_drops() {
        let (_telemetry, written, _guard) = start_here(&writing(LogFormat::Text, "info"));
        let sdk = "opentelemetry_sdk";
        tracing::error!(name: "BatchLogProcessor.ExportError", target: "opentelemetry_sdk", sdk);
        tracing::warn!(name: "Export.Failed.Exhausted", target: "opentelemetry-otlp", sdk);
        tracing::warn!(name: "BatchSpanProcessor.SpanDroppingStarted", target: "opentelemetry_sdk", "full");
        assert_eq!(written.text().lines().count(), 1, "{}", written.text());
        assert!(written.text().contains("full"));
    }
}
