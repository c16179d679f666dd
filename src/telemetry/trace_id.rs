//! Trace ids: the one of the current span, and the one that a caller sends (W3C Trace Context).
//!
//! Invariant: a [`TraceParent`] has ids that are valid in OpenTelemetry, whatever the header said.

use std::fmt;
use std::future::Future;

use opentelemetry::trace::{SpanContext, TraceContextExt, TraceState};
use opentelemetry::{Context, SpanId, TraceFlags, TraceId};
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// The span of a caller in another process, as the `traceparent` header names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceParent {
    /// The trace that the caller's span belongs to.
    pub trace_id: TraceId,
    /// The caller's span.
    pub parent_id: SpanId,
    /// Flags; the lowest bit says that the caller records its span.
    pub flags: u8,
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{}-{:02x}", self.trace_id, self.parent_id, self.flags)
    }
}

tokio::task_local! {
    static TRACE: Trace;
}

/// The trace that a request belongs to, whether or not spans are exported. Log lines that are written in it say so.
#[derive(Clone, Copy, Debug)]
pub struct Trace {
    /// Its id.
    pub id: TraceId,
    /// What the request asks for.
    pub operation: Option<&'static str>,
}

impl Trace {
    /// The caller's trace, or one that begins here.
    pub fn new(parent: Option<&TraceParent>, operation: Option<&'static str>) -> Self {
        // Unique, not secret: the SDK's own generator is good enough, and cheap.
        let begin = || RandomIdGenerator::default().new_trace_id();
        Self { id: parent.map_or_else(begin, |parent| parent.trace_id), operation }
    }

    /// The trace that this task works for.
    pub fn current() -> Option<Self> {
        TRACE.try_with(|trace| *trace).ok()
    }

    /// Runs a part of the trace. A first span that is entered in it is exported under the trace's id.
    pub fn scope<F: Future>(self, part: F) -> impl Future<Output = F::Output> {
        TRACE.scope(self, part)
    }
}

/// The id of the trace this task works for; zeros outside of traces. It is written as 32 hexadecimal digits.
pub fn current_trace_id() -> TraceId {
    Trace::current().map_or(TraceId::INVALID, |trace| trace.id)
}

/// Gives exported spans the id of the trace they belong to.
#[derive(Debug, Default)]
pub(super) struct TraceIds(RandomIdGenerator);

impl IdGenerator for TraceIds {
    fn new_trace_id(&self) -> TraceId {
        match current_trace_id() {
            TraceId::INVALID => self.0.new_trace_id(),
            trace_id => trace_id,
        }
    }

    fn new_span_id(&self) -> SpanId {
        self.0.new_span_id()
    }
}

/// Whether the current span is exported.
pub fn is_exported() -> bool {
    current_ids().is_some()
}

/// The ids under which the collector knows the current span.
pub(super) fn current_ids() -> Option<(TraceId, SpanId)> {
    // The exporting layer makes the context of a span current while the span is entered.
    Context::map_current(|context| {
        let span = context.span();
        let ids = span.span_context();
        ids.is_valid().then(|| (ids.trace_id(), ids.span_id()))
    })
}

/// Reads a `traceparent` header of version 00, exactly as W3C Trace Context section 3.2 defines it.
///
/// Nothing is returned for any other version, length or letter case, and for ids of zeros only.
pub fn parse_traceparent(header: &str) -> Option<TraceParent> {
    let mut parts = header.split('-');
    let (version, trace_id) = (parts.next()?, hex(parts.next()?, 32)?);
    let (parent_id, flags) = (hex(parts.next()?, 16)?, hex(parts.next()?, 2)?);
    if version != "00" || parts.next().is_some() {
        return None;
    }
    let parent = TraceParent {
        trace_id: TraceId::from_hex(trace_id).ok()?,
        parent_id: SpanId::from_hex(parent_id).ok()?,
        flags: u8::from_str_radix(flags, 16).ok()?,
    };
    let is_valid = parent.trace_id != TraceId::INVALID && parent.parent_id != SpanId::INVALID;
    is_valid.then_some(parent)
}

/// The text, if it is exactly `digits` lower-case hexadecimal digits.
fn hex(text: &str, digits: usize) -> Option<&str> {
    let is_hex = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    (text.len() == digits && text.bytes().all(is_hex)).then_some(text)
}

/// Makes a span of this process the child of a caller's span.
///
/// It has to happen before the span is entered for the first time. Without export it does nothing.
pub fn set_parent(span: &Span, parent: &TraceParent) {
    let flags = TraceFlags::new(parent.flags);
    let (trace, id) = (parent.trace_id, parent.parent_id);
    let remote = SpanContext::new(trace, id, flags, true, TraceState::default());
    // It fails where there is nothing to link: without export, or for a span that is filtered out.
    let _ = span.set_parent(Context::new().with_remote_span_context(remote));
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALID: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_valid_header_is_read_and_written_back_the_same() {
        let parent = parse_traceparent(VALID).unwrap();
        assert_eq!(parent.trace_id.to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(parent.parent_id.to_string(), "00f067aa0ba902b7");
        assert_eq!(parent.flags, 1);
        assert_eq!(parent.to_string(), VALID);
    }

    #[test]
    fn anything_else_is_no_header() {
        let refused = [
            String::new(),
            "00".to_owned(),
            VALID.to_uppercase(),
            format!(" {VALID}"),
            format!("{VALID}-"),
            format!("{VALID}-00"),
            VALID.replacen("00-", "01-", 1),
            VALID.replacen("00-", "ff-", 1),
            VALID.replacen("00-", "0-", 1),
            VALID.replace("4bf9", "4bg9"),
            VALID.replace("4bf9", "+bf9"),
            VALID.replace("4bf9", "4bf"),
            VALID.replace("-01", "-1"),
            VALID.replace("4736", "473é"),
            VALID.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)),
            VALID.replace("00f067aa0ba902b7", &"0".repeat(16)),
        ];
        for header in refused {
            assert_eq!(parse_traceparent(&header), None, "{header:?}");
        }
    }

    #[test]
    fn flags_that_are_not_known_yet_are_accepted() {
        assert_eq!(parse_traceparent(&VALID.replace("-01", "-ff")).unwrap().flags, 255);
    }

    #[test]
    fn outside_of_traces_the_trace_id_is_zero() {
        assert_eq!(current_trace_id(), TraceId::INVALID);
    }

    #[tokio::test]
    async fn a_trace_keeps_its_id() {
        let trace = Trace::new(parse_traceparent(VALID).as_ref(), None);
        let id = trace.scope(async { current_trace_id() }).await;
        assert_eq!((id, id.to_string().as_str()), (trace.id, "4bf92f3577b34da6a3ce929d0e0e4736"));
        assert_ne!(Trace::new(None, None).id, Trace::new(None, None).id);
    }

    #[test]
    fn without_export_no_span_is_exported() {
        let span = tracing::info_span!("alone");
        set_parent(&span, &parse_traceparent(VALID).unwrap());
        assert!(!span.in_scope(is_exported));
    }
}
