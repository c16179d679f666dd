//! One span and one trace id per request.
//!
//! The span travels into actors with every message. The trace id is the client's own when it sends a valid
//! `traceparent` (W3C Trace Context), and stands in every error body, event context and log line of the request.

use std::sync::Arc;
use std::time::Instant;

use poem::endpoint::BoxEndpoint;
use poem::{Endpoint, Request, Response};
use poem_openapi::OperationId;
use tracing::Instrument;
use tracing::field::Empty;

use crate::id::random_bytes;
use crate::telemetry::{current_trace_id, parse_traceparent, set_parent};

tokio::task_local! {
    static TRACE_ID: Arc<str>;
}

/// The trace id of the request this task serves: 32 hexadecimal digits, zeros outside of requests.
pub fn current_id() -> String {
    TRACE_ID.try_with(ToString::to_string).unwrap_or_else(|_| "0".repeat(32))
}

/// Serves a request within its span.
///
/// # Errors
///
/// Never: failures are answers by now.
pub async fn request(
    endpoint: Arc<BoxEndpoint<'static, Response>>,
    request: Request,
) -> poem::Result<Response> {
    let span = tracing::info_span!(
        "http.request",
        otel.kind = "server",
        otel.name = Empty,
        http.request.method = %request.method(),
        url.path = request.uri().path(),
        http.response.status_code = Empty,
    );
    let parent = request.header("traceparent").and_then(parse_traceparent);
    if let Some(parent) = &parent {
        set_parent(&span, parent);
    }
    let trace_id = span
        .in_scope(current_trace_id)
        .or_else(|| parent.map(|parent| parent.trace_id.to_string()))
        .unwrap_or_else(fresh_id);
    let served = async {
        let started = Instant::now();
        let response = endpoint.get_response(request).await;
        finish(&response, started);
        response
    };
    Ok(TRACE_ID.scope(trace_id.into(), served.instrument(span)).await)
}

fn finish(response: &Response, started: Instant) {
    let span = tracing::Span::current();
    let status = response.status().as_u16();
    span.record("http.response.status_code", status);
    if let Some(OperationId(operation)) = response.data::<OperationId>() {
        span.record("otel.name", operation);
    }
    let duration_ms = started.elapsed().as_secs_f64() * 1000.0;
    tracing::debug!(status, duration_ms, "answered");
}

fn fresh_id() -> String {
    random_bytes::<16>()
        .map_or_else(|_| "0".repeat(32), |bytes| format!("{:032x}", u128::from_be_bytes(bytes)))
}
