//! One trace id and one span per request.
//!
//! The trace id is the client's own when it sends a valid `traceparent` (W3C Trace Context), and stands in every error
//! body, event context and log line of the request. The span is for the exporter; without one there is none. Both travel
//! into actors with every command.

use std::future::Future;
use std::time::Instant;

use poem::http::HeaderName;
use poem::{Request, Response};
use tracing::field::Empty;
use tracing::{Instrument, Level, Span};

use super::header_of;
use crate::telemetry::{Trace, is_exported, parse_traceparent, set_parent};

/// The caller's span (W3C Trace Context, section 3.2).
static TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// What a request asks for.
#[derive(Debug, Clone, Copy)]
pub struct Operation {
    /// Its id in the OpenAPI document, or the path of a page: this names the exported span.
    pub id: &'static str,
    /// Its path template.
    pub path: &'static str,
}

/// The trace and the span that a request is served in.
#[derive(Debug)]
pub struct RequestContext {
    trace: Trace,
    span: Span,
}

impl RequestContext {
    /// Those of a request.
    pub fn of(request: &Request, operation: Option<Operation>) -> Self {
        let parent = header_of(request, &TRACEPARENT).and_then(parse_traceparent);
        let trace = Trace::new(parent.as_ref(), operation.map(|operation| operation.id));
        // A span keeps the name it starts with when it is exported.
        let span = tracing::info_span!(
            "http.request",
            otel.kind = "server",
            otel.name = operation.map(|operation| operation.id),
            otel.status_code = Empty,
            http.request.method = request.method().as_str(),
            http.route = operation.map(|operation| operation.path),
            url.path = request.uri().path(),
            http.response.status_code = Empty,
        );
        if let Some(parent) = &parent {
            set_parent(&span, parent);
        }
        Self { trace, span }
    }

    /// Serves the request in it.
    pub fn serve(self, answer: impl Future<Output = Response>) -> impl Future<Output = Response> {
        let served = async {
            // The clock is asked only if somebody reads the answer.
            let started = tracing::enabled!(Level::DEBUG).then(Instant::now);
            let response = answer.await;
            finish(&response, started);
            response
        };
        self.trace.scope(served.instrument(self.span))
    }
}

/// Says how it ended, where somebody can hear it.
fn finish(response: &Response, started: Option<Instant>) {
    // Exported as a number only if it is signed.
    let status = i64::from(response.status().as_u16());
    if is_exported() {
        let span = tracing::Span::current();
        if response.status().is_server_error() {
            span.record("otel.status_code", "ERROR");
        }
        span.record("http.response.status_code", status);
    }
    if let Some(started) = started {
        let duration_ms = started.elapsed().as_secs_f64() * 1000.0;
        tracing::debug!(status, duration_ms, "answered");
    }
}
