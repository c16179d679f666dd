//! One span and one trace id per request.
//!
//! The span travels into actors with every message. The trace id is the client's own when it sends a valid
//! `traceparent` (W3C Trace Context), and stands in every error body, event context and log line of the request.

use std::sync::Arc;
use std::time::Instant;

use poem::endpoint::BoxEndpoint;
use poem::{Endpoint, Request, Response};
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

/// What a request asks for.
#[derive(Debug, Clone, Copy)]
pub struct Operation {
    /// Its id in the OpenAPI document, which names the exported span.
    pub id: &'static str,
    /// Its path template in the OpenAPI document.
    pub path: &'static str,
}

/// Serves a request within its span.
///
/// # Errors
///
/// Never: failures are answers by now.
pub async fn request(
    endpoint: Arc<BoxEndpoint<'static, Response>>,
    request: Request,
    operation: Option<Operation>,
) -> poem::Result<Response> {
    // A span keeps the name it starts with when it is exported.
    let span = tracing::info_span!(
        "http.request",
        otel.kind = "server",
        otel.name = operation.map(|operation| operation.id),
        otel.status_code = Empty,
        http.request.method = %request.method(),
        http.route = operation.map(|operation| operation.path),
        url.path = %request.uri().path(),
        http.response.status_code = Empty,
        trace_id = Empty,
    );
    let parent = request.header("traceparent").and_then(parse_traceparent);
    if let Some(parent) = &parent {
        set_parent(&span, parent);
    }
    let trace_id = span
        .in_scope(current_trace_id)
        .or_else(|| parent.map(|parent| parent.trace_id.to_string()))
        .unwrap_or_else(fresh_id);
    span.record("trace_id", tracing::field::display(&trace_id));
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
    // Exported as a number only if it is signed.
    let status = i64::from(response.status().as_u16());
    if response.status().is_server_error() {
        span.record("otel.status_code", "ERROR");
    }
    span.record("http.response.status_code", status);
    let duration_ms = started.elapsed().as_secs_f64() * 1000.0;
    tracing::debug!(status, duration_ms, "answered");
}

fn fresh_id() -> String {
    random_bytes::<16>()
        .map_or_else(|_| "0".repeat(32), |bytes| format!("{:032x}", u128::from_be_bytes(bytes)))
}
