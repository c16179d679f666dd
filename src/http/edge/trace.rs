//! One trace id and at most one span per request.
//!
//! The trace id is the client's own if it sends a valid `traceparent` (W3C Trace Context), and stands in every error
//! body, event context and log line of the request. The span is for the exporter: there is one if the trace is kept, which
//! is decided before the request is served, and otherwise only if it fails, made then. Both travel into actors with every
//! command.

use std::future::Future;
use std::net::IpAddr;
use std::time::Duration;

use opentelemetry::KeyValue;
use poem::http::{HeaderName, HeaderValue, Method, Uri};
use poem::{Request, Response};
use tracing::field::Empty;
use tracing::{Instrument, Span};

use super::metrics::{KnownMethod, Measured};
use crate::http::header_of;
use crate::telemetry;
use crate::telemetry::spans::sampling;
use crate::telemetry::spans::sampling::TracePriority;
use crate::telemetry::{Trace, TraceParent, is_exported, set_parent, traceparent};

/// The caller's span (W3C Trace Context, section 3.2).
static TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// The server's span, for a caller that sent one, in the same form (W3C Trace Context Level 3, section 4).
static TRACERESPONSE: HeaderName = HeaderName::from_static("traceresponse");

/// Operation that a request asks for.
#[derive(Debug, Clone, Copy)]
pub struct Operation {
    /// Its id in the OpenAPI document, or the path of a page.
    pub id: &'static str,
    /// Path template, as the document has it.
    pub path: &'static str,
}

impl Operation {
    /// Returns true if the operation begins or ends a session, issues a token or changes an account. Reading a session is none
    /// of these.
    fn is_authentication(&self, method: &Method) -> bool {
        let is_account = ["/api/auth/", "/signup", "/login", "/signout", "/account"];
        let reads = matches!(*method, Method::GET | Method::HEAD);
        is_account.iter().any(|path| self.path.starts_with(path))
            && (!reads || self.path == "/api/auth/token")
    }

    /// Path for telemetry. For one that names a session it is the template: only its user has to know the identifier.
    fn told<'a>(&self, path: &'a str) -> &'a str
    where
        Self: 'a,
    {
        if self.path.contains("{session_id}") { self.path } else { path }
    }
}

/// The trace and the span that a request is served in, and its attributes for telemetry.
#[derive(Debug)]
pub struct RequestContext {
    /// Trace of the request, in scope while it is served.
    trace: Trace,
    /// Span of the request; none if the trace is not kept.
    span: Span,
    /// Span of the client, if it sent one: the answer then names the server's.
    parent: Option<TraceParent>,
    /// Attributes of the request, read before the endpoint takes it.
    asked: RequestAttributes,
}

/// Attributes of a request for telemetry.
#[derive(Debug)]
struct RequestAttributes {
    /// Method, one of a fixed set.
    method: KnownMethod,
    /// Operation; none for a path that fits no route, which is then not told.
    operation: Option<Operation>,
    /// URI, whose path is told as far as the operation permits.
    uri: Uri,
    /// Scheme of the public URL.
    scheme: &'static str,
}

impl RequestContext {
    /// Reads trace, span and attributes of a request from this address.
    pub fn of(
        request: &Request,
        operation: Option<Operation>,
        client_address: Option<IpAddr>,
        scheme: &'static str,
    ) -> Self {
        let parent = header_of(request, &TRACEPARENT).and_then(telemetry::caller);
        let id = operation.map(|operation| operation.id);
        let trace = Trace::new(parent.as_ref(), id, client_address);
        let method = request.method();
        let is_precious = operation.is_some_and(|operation| operation.is_authentication(method));
        let keeping = if is_precious { TracePriority::Always } else { TracePriority::Share };
        let asked = RequestAttributes {
            method: KnownMethod::of(method),
            operation,
            uri: request.uri().clone(),
            scheme,
        };
        let is_kept = sampling::is_kept(trace.id, parent.as_ref(), keeping);
        let span = if is_kept { asked.span(&trace, parent.as_ref()) } else { Span::none() };
        Self { trace, span, parent, asked }
    }

    /// Serves the request in its trace and span, and measures it.
    pub fn serve(self, answer: impl Future<Output = Response>) -> impl Future<Output = Response> {
        let Self { trace, span, parent, asked } = self;
        let measured = Measured::begin(asked.method, asked.route(), asked.scheme);
        let served = async move {
            let mut response = answer.await;
            let took = measured.end(&response);
            asked.finish(&response, &trace, parent.as_ref(), took);
            if parent.is_some() {
                respond(&mut response);
            }
            response
        };
        trace.scope(served.instrument(span))
    }
}

impl RequestAttributes {
    fn route(&self) -> Option<&'static str> {
        self.operation.map(|operation| operation.path)
    }

    /// Path, as far as it may be told. One that fits no route may hold anything, even a secret pasted by mistake.
    fn path(&self) -> Option<&str> {
        self.operation.as_ref().map(|operation| operation.told(self.uri.path()))
    }

    /// Name of the span: method and route.
    fn name(&self) -> String {
        match self.route() {
            Some(route) => format!("{} {route}", self.method.word),
            None => self.method.word.to_owned(),
        }
    }

    fn span(&self, trace: &Trace, parent: Option<&TraceParent>) -> Span {
        // A span keeps the name it starts with when it is exported.
        let span = tracing::info_span!(
            "http.request",
            otel.kind = "server",
            otel.name = self.name(),
            otel.status_code = Empty,
            http.request.method = self.method.word,
            http.route = self.route(),
            http.response.status_code = Empty,
            url.path = self.path(),
            url.scheme = self.scheme,
            client.address = trace.client_address.map(display),
            operation = trace.operation,
            error.type = Empty,
        );
        if let Some(parent) = parent {
            set_parent(&span, parent);
        }
        span
    }

    /// Records the outcome in the span if spans are exported, or makes a span for a failure that is kept.
    fn finish(
        &self,
        response: &Response,
        trace: &Trace,
        parent: Option<&TraceParent>,
        took: Duration,
    ) {
        // Exported as a number only if it is signed.
        let status = i64::from(response.status().as_u16());
        let has_failed = response.status().is_server_error();
        if is_exported() {
            let span = Span::current();
            if has_failed {
                span.record("otel.status_code", "ERROR");
                span.record("error.type", response.status().as_str());
            }
            span.record("http.response.status_code", status);
        } else if has_failed && sampling::is_failure_kept() {
            telemetry::failed_request(
                trace,
                parent,
                self.name(),
                took,
                self.attributes(trace, response),
            );
        }
        let duration_ms = took.as_secs_f64() * 1000.0;
        tracing::debug!(status, duration_ms, "answered");
    }

    /// Attributes of a failed request's span that is made afterwards.
    fn attributes(&self, trace: &Trace, response: &Response) -> Vec<KeyValue> {
        let status = response.status();
        let mut attributes = vec![
            KeyValue::new("http.request.method", self.method.word),
            KeyValue::new("http.response.status_code", i64::from(status.as_u16())),
            KeyValue::new("url.scheme", self.scheme),
            KeyValue::new("error.type", status.as_str().to_owned()),
        ];
        attributes.extend(self.route().map(|route| KeyValue::new("http.route", route)));
        attributes.extend(self.path().map(|path| KeyValue::new("url.path", path.to_owned())));
        attributes.extend(trace.operation.map(|id| KeyValue::new("operation", id)));
        let address = trace.client_address.map(|address| address.to_string());
        attributes.extend(address.map(|address| KeyValue::new("client.address", address)));
        attributes
    }
}

/// Names the server's span to a client that named its own.
fn respond(response: &mut Response) {
    let value = traceparent().and_then(|value| HeaderValue::from_str(&value).ok());
    if let Some(value) = value {
        response.headers_mut().insert(TRACERESPONSE.clone(), value);
    }
}
