//! JSON log lines: one object per event, with the request, the trace and the span in which it happened.
//!
//! Invariant: a line is one JSON object, whatever the event contains, and where spans are exported, `trace_id` and
//! `span_id` are the ids under which the collector knows the span.

use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::{JsonFields, Writer};
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent};
use tracing_subscriber::registry::LookupSpan;

use crate::telemetry::spans::trace_context::{Trace, current_ids};

/// Formatter that writes events as JSON.
pub(crate) struct JsonEvents;

/// JSON object of one event.
#[derive(Serialize)]
struct Line<'a> {
    /// Time of the event in UTC (RFC 3339).
    timestamp: String,
    /// Level of the event, in capitals.
    level: &'a str,
    /// Target of the event: a module path, or a name given for filters.
    target: &'a str,
    /// Message, apart from the other fields so that it has a fixed place.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Value>,
    /// Other fields of the event.
    #[serde(skip_serializing_if = "Map::is_empty")]
    fields: Map<String, Value>,
    /// Operation of the request that the event belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    operation: Option<&'static str>,
    /// Trace of the request, even if it is not exported.
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<String>,
    /// Span as the collector knows it; absent if it is not exported.
    #[serde(skip_serializing_if = "Option::is_none")]
    span_id: Option<String>,
}

impl<S> FormatEvent<S, JsonFields> for JsonEvents
where
    S: Subscriber + for<'s> LookupSpan<'s>,
{
    fn format_event(
        &self,
        _context: &FmtContext<'_, S, JsonFields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut timestamp = String::new();
        SystemTime.format_time(&mut Writer::new(&mut timestamp))?;
        let mut fields = Fields::default();
        event.record(&mut fields);
        let Fields { target, message, others } = fields;
        let (trace_id, span_id) = current_ids().unzip();
        let trace = Trace::current();
        let line = Line {
            timestamp,
            level: event.metadata().level().as_str(),
            target: target.as_deref().unwrap_or_else(|| event.metadata().target()),
            message,
            fields: others,
            operation: trace.and_then(|trace| trace.operation),
            trace_id: trace_id.or(trace.map(|trace| trace.id)).map(|id| id.to_string()),
            span_id: span_id.map(|id| id.to_string()),
        };
        writeln!(writer, "{}", serde_json::to_string(&line).map_err(|_| fmt::Error)?)
    }
}

/// Fields of an event, with those apart that have a place of their own in a line.
#[derive(Default)]
struct Fields {
    /// Target of an event from the `log` crate, which replaces that of the bridge.
    target: Option<String>,
    /// Message of the event.
    message: Option<Value>,
    /// Fields without a place of their own, by name.
    others: Map<String, Value>,
}

impl Fields {
    fn insert(&mut self, field: &Field, value: Value) {
        match field.name() {
            "message" => self.message = Some(value),
            // Events from the `log` crate carry their origin in fields.
            "log.target" => self.target = value.as_str().map(str::to_owned),
            "log.module_path" | "log.file" | "log.line" => {}
            name => drop(self.others.insert(name.to_owned(), value)),
        }
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.insert(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.insert(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.insert(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.insert(field, value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.insert(field, value.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.insert(field, format!("{value:?}").into());
    }
}
