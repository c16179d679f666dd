//! Logs, traces and metrics: lines on standard error, OTLP to a collector, and a page for Prometheus.
//! `observability/registry.yaml` names all of them.
//!
//! [`audit_events`] emits the authentication events, [`metrics`] is the table of all metrics, [`spans::sampling`] decides
//! which traces are exported, [`settings`] has the destinations.
//!
//! Three layers read the same `tracing` spans and events: lines on standard error, spans over OTLP, log records over OTLP.
//! Each has its own filter. Lines show events, with their operation and trace; spans are for the exporter alone, and without
//! export none are created. The exporting layers refuse the exporter's own events, since exporting those would create more
//! of them, and ractor's spans, since one lasts as long as an actor.
//!
//! The PostgreSQL driver is never heard below informational events, whatever the log filter says: its debug events contain
//! the values of parameters, which are email addresses and hashes.
//!
//! Invariant: a collector that is down, slow or refusing costs dropped telemetry and nothing else. Queues are bounded,
//! batches are sent by threads of their own, nothing is retried, and the shutdown has a deadline.

pub mod audit_events;
mod export;
pub mod log;
pub mod metrics;
pub mod reason;
pub mod settings;
pub mod spans;
mod start;

pub use self::metrics::provider::{Exposition, TEXT_FORMAT};
pub use self::spans::late_span::failed_request;
pub use self::spans::trace_context::{
    Trace, TraceContext, caller, client_address, current_trace_id, in_new_trace, is_exported,
    put_beneath, set_parent, traceparent,
};
pub use self::spans::trace_parent::TraceParent;
pub use self::start::{Process, Telemetry, exposition, start, subscriber};

#[cfg(test)]
mod tests;
