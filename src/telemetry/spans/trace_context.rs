//! Trace context: the ids of the current span, and those that a caller sends (W3C Trace Context).
//!
//! Invariant: a [`TraceParent`] has ids that are valid in OpenTelemetry, whatever the header said.

use std::cell::Cell;
use std::future::Future;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};

use opentelemetry::trace::TraceContextExt;
use opentelemetry::{Context, SpanId, TraceId};
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator};
use tracing::{Instrument, Span};
use tracing_opentelemetry::OpenTelemetrySpanExt;

use super::sampling::{TracePriority, is_kept};
use super::trace_parent::{TraceParent, parse_traceparent};

tokio::task_local! {
    static TRACE: Trace;
}

/// Trace that a request belongs to, even if no spans are exported. Log lines that are written in it have its id.
#[derive(Clone, Copy, Debug)]
pub struct Trace {
    /// Id of the trace, shared with the caller if there is one.
    pub id: TraceId,
    /// Id of the request's span, unless another one is created for the exporter.
    pub span_id: SpanId,
    /// Operation of the API, or name of the background work.
    pub operation: Option<&'static str>,
    /// Address of the client that sent the request.
    pub client_address: Option<IpAddr>,
}

impl Trace {
    /// Continues the caller's trace, or begins one.
    pub fn new(
        parent: Option<&TraceParent>,
        operation: Option<&'static str>,
        client_address: Option<IpAddr>,
    ) -> Self {
        // Ids are unique, not secret: the SDK's own generator suffices, and is cheap.
        let generator = RandomIdGenerator::default();
        let id = parent.map_or_else(|| generator.new_trace_id(), |parent| parent.trace_id);
        Self { id, span_id: generator.new_span_id(), operation, client_address }
    }

    /// Returns the trace that this task works for.
    pub fn current() -> Option<Self> {
        TRACE.try_with(|trace| *trace).ok()
    }

    /// Runs a part of the trace. A root span that is entered in it is exported under the trace's id.
    pub fn scope<F: Future>(self, part: F) -> impl Future<Output = F::Output> {
        TRACE.scope(self, part)
    }
}

/// Runs work that no request asked for, in a trace of its own. `span` creates its root span if the trace is sampled.
pub async fn in_new_trace<F: Future>(
    operation: &'static str,
    keeping: TracePriority,
    span: impl FnOnce() -> Span,
    work: F,
) -> F::Output {
    let trace = Trace::new(None, Some(operation), None);
    let span = if is_kept(trace.id, None, keeping) { span() } else { Span::none() };
    trace.scope(work.instrument(span)).await
}

/// Carries the trace and the span of this task to another task that does a part of the work.
#[derive(Debug, Clone)]
pub struct TraceContext {
    /// Trace of the request, which a spawned task does not inherit.
    trace: Option<Trace>,
    /// Span that the part belongs to.
    pub span: Span,
}

impl TraceContext {
    /// Captures the trace and the span of this task.
    pub fn here() -> Self {
        Self { trace: Trace::current(), span: Span::current() }
    }

    /// Returns this trace with another of its spans.
    #[must_use]
    pub fn within(&self, span: Span) -> Self {
        Self { trace: self.trace, span }
    }

    /// Returns true if the trace is sampled.
    pub fn is_kept(&self) -> bool {
        !self.span.is_disabled()
    }

    /// Context of work that several requests share: the trace of the first sampled one, with a span that `make` creates
    /// inside its span and that is linked to the spans of the others. `None` if no request is sampled.
    pub fn joined<'c>(
        asking: impl Iterator<Item = &'c Self>,
        make: impl FnOnce(&Self) -> Span,
    ) -> Option<Self> {
        let mut kept = asking.filter(|trace_context| trace_context.is_kept());
        let first = kept.next()?;
        let span = make(first);
        for other in kept.filter(|other| other.span.id() != first.span.id()) {
            span.follows_from(&other.span);
        }
        Some(first.within(span))
    }

    /// Runs the part in the carried trace and span.
    pub async fn scope<F: Future>(self, part: F) -> F::Output {
        let part = part.instrument(self.span);
        match self.trace {
            Some(trace) => trace.scope(part).await,
            None => part.await,
        }
    }
}

/// Creates a span inside `parent`; a disabled one if `parent` is, because its trace is not sampled then.
#[macro_export]
macro_rules! child_span {
    ($parent:expr, $($span:tt)+) => {{
        let parent: &tracing::Span = $parent;
        if parent.is_disabled() {
            tracing::Span::none()
        } else {
            tracing::info_span!(parent: parent, $($span)+)
        }
    }};
}

/// As [`child_span!`](crate::child_span), for a span that may end after `parent` does.
#[macro_export]
macro_rules! span_outliving {
    ($parent:expr, $($span:tt)+) => {{
        let parent: &tracing::Span = $parent;
        if parent.is_disabled() {
            tracing::Span::none()
        } else {
            let span = tracing::info_span!(parent: None, $($span)+);
            $crate::telemetry::spans::trace_context::put_beneath(&span, parent);
            span
        }
    }};
}

/// Makes a span the child of another one without extending that one's life. It has to happen before the span is first
/// entered.
pub fn put_beneath(span: &Span, parent: &Span) {
    // It fails if spans are not exported.
    let _ = span.set_parent(parent.context());
}

thread_local! {
    static NEXT_SPAN: Cell<Option<SpanId>> = const { Cell::new(None) };
}

/// Creates spans for the exporter, of which the first gets this id.
pub(super) fn with_span_id<T>(id: SpanId, make: impl FnOnce() -> T) -> T {
    NEXT_SPAN.set(Some(id));
    let span = make();
    NEXT_SPAN.set(None);
    span
}

/// Returns the id of the trace that this task works for; zeros outside of traces. Its text is 32 hexadecimal digits.
pub fn current_trace_id() -> TraceId {
    Trace::current().map_or(TraceId::INVALID, |trace| trace.id)
}

/// Address of the client whose request this task works for.
pub fn client_address() -> Option<IpAddr> {
    Trace::current()?.client_address
}

/// Generator that gives exported spans the id of the trace they belong to.
#[derive(Debug, Default)]
pub(crate) struct TraceIds(RandomIdGenerator);

impl IdGenerator for TraceIds {
    fn new_trace_id(&self) -> TraceId {
        match current_trace_id() {
            TraceId::INVALID => self.0.new_trace_id(),
            trace_id => trace_id,
        }
    }

    fn new_span_id(&self) -> SpanId {
        NEXT_SPAN.take().unwrap_or_else(|| self.0.new_span_id())
    }
}

/// Returns true if the current span is exported.
pub fn is_exported() -> bool {
    current_ids().is_some()
}

/// Returns the ids under which the collector knows the current span.
pub(crate) fn current_ids() -> Option<(TraceId, SpanId)> {
    // The exporting layer makes the context of a span current while the span is entered.
    Context::map_current(|context| {
        let span = context.span();
        let ids = span.span_context();
        ids.is_valid().then(|| (ids.trace_id(), ids.span_id()))
    })
}

/// Value of `traceparent` for requests and events that this task sends (W3C Trace Context, section 3.2). `None` outside of
/// traces.
pub fn traceparent() -> Option<String> {
    let kept =
        current_ids().map(|(trace_id, parent_id)| TraceParent { trace_id, parent_id, flags: 1 });
    let trace = || {
        Trace::current().map(|trace| TraceParent {
            trace_id: trace.id,
            parent_id: trace.span_id,
            flags: 0,
        })
    };
    kept.or_else(trace).map(|parent| parent.to_string())
}

/// True if callers' traces are not continued, as `OTEL_PROPAGATORS` may say.
static IGNORES_CALLERS: AtomicBool = AtomicBool::new(false);

/// Stops continuing callers' traces: from now on every trace begins here.
pub(crate) fn ignore_callers() {
    IGNORES_CALLERS.store(true, Ordering::Relaxed);
}

/// Returns the span of a caller, as its `traceparent` header names it, if callers' traces are continued.
pub fn caller(header: &str) -> Option<TraceParent> {
    if IGNORES_CALLERS.load(Ordering::Relaxed) { None } else { parse_traceparent(header) }
}

/// Makes a span of this process the child of a caller's span.
///
/// It has to happen before the span is first entered. Without export it does nothing.
pub fn set_parent(span: &Span, parent: &TraceParent) {
    // It fails if there is no span to link: without export, or for a span that is filtered out.
    let _ = span.set_parent(Context::new().with_remote_span_context(parent.context()));
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
        let trace = Trace::new(parse_traceparent(VALID).as_ref(), None, None);
        let id = trace.scope(async { current_trace_id() }).await;
        assert_eq!((id, id.to_string().as_str()), (trace.id, "4bf92f3577b34da6a3ce929d0e0e4736"));
        assert_ne!(Trace::new(None, None, None).id, Trace::new(None, None, None).id);
    }

    #[test]
    fn without_export_no_span_is_exported() {
        let span = tracing::info_span!("alone");
        set_parent(&span, &parse_traceparent(VALID).unwrap());
        assert!(!span.in_scope(is_exported));
    }
}
