//! Span that is created at its end: that of a failed request whose trace was not sampled.

use std::time::{Duration, SystemTime};

use opentelemetry::trace::{
    Span, SpanBuilder, SpanKind, Status, TraceContextExt, Tracer, TracerProvider,
};
use opentelemetry::{Context, KeyValue, global};

use super::scope::scope;
use super::trace_context::{Trace, with_span_id};
use super::trace_parent::TraceParent;

/// Exports the span of a request of this trace that has just failed. Call it in the trace's scope.
pub fn failed_request(
    trace: &Trace,
    parent: Option<&TraceParent>,
    name: String,
    took: Duration,
    attributes: Vec<KeyValue>,
) {
    #[expect(clippy::disallowed_methods, reason = "the exporter dates all spans so")]
    let now = SystemTime::now();
    let builder = SpanBuilder::from_name(name)
        .with_kind(SpanKind::Server)
        .with_start_time(now.checked_sub(took).unwrap_or(now))
        .with_attributes(attributes);
    let context = Context::new();
    let context = match parent {
        Some(parent) => context.with_remote_span_context(parent.context()),
        None => context,
    };
    let tracer = global::tracer_provider().tracer_with_scope(scope());
    let make = || tracer.build_with_context(builder, &context);
    let mut span = with_span_id(trace.span_id, make);
    span.set_status(Status::error(""));
    span.end_with_timestamp(now);
}
