//! Completes log records with the trace they were written in, even if its spans are not exported.
//!
//! The bridge from `tracing` takes the ids from the current span, which does not exist if the trace is not sampled. It also
//! gives every record an event name, if necessary after its line of source; only the registered events keep theirs.

use std::time::Duration;

use opentelemetry::InstrumentationScope;
use opentelemetry::TraceFlags;
use opentelemetry::logs::{LogRecord, Severity};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::{LogProcessor, SdkLogRecord};

use crate::telemetry::audit_events::EVENTS;
use crate::telemetry::spans::trace_context::Trace;

/// Processor that completes records and passes them to the next processor.
#[derive(Debug)]
pub(crate) struct CorrelationProcessor<P>(pub(crate) P);

impl<P: LogProcessor> LogProcessor for CorrelationProcessor<P> {
    fn emit(&self, record: &mut SdkLogRecord, scope: &InstrumentationScope) {
        if !record.target().is_some_and(|target| target.starts_with(EVENTS)) {
            record.set_event_name("");
        }
        if record.trace_context().is_none()
            && let Some(trace) = Trace::current()
        {
            record.set_trace_context(trace.id, trace.span_id, Some(TraceFlags::NOT_SAMPLED));
        }
        self.0.emit(record, scope);
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.0.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.0.shutdown_with_timeout(timeout)
    }

    fn event_enabled(&self, level: Severity, target: &str, name: Option<&str>) -> bool {
        self.0.event_enabled(level, target, name)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.0.set_resource(resource);
    }
}
