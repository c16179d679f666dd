//! Logs, traces and metrics: lines on standard error, OTLP to a collector, and a page for Prometheus.
//! `observability/registry.yaml` names all of it.
//!
//! [`audit_events`] tells the authentication events, [`metrics`] is the table of all metrics, [`spans::sampling`] decides which
//! traces are exported, [`settings`] say where everything goes.
//!
//! Three layers read the same `tracing` spans and events: lines on standard error, spans over OTLP, log records over
//! OTLP. Each has its own filter. Lines show events, with the operation and the trace they happened in; spans are for the
//! exporter alone, and where nothing is exported there are none to pay for. The exporting layers refuse what the exporter
//! itself is made of, since exporting that would make more of it, and ractor's spans, since one lasts as long as an actor.
//!
//! The PostgreSQL driver is not heard below informational events, whatever is asked for: it would tell the values of
//! parameters, which are email addresses and hashes.
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
    Carried, Trace, caller, client_address, current_trace_id, is_exported, of_own_accord,
    put_beneath, set_parent, traceparent,
};
pub use self::spans::trace_parent::TraceParent;
pub use self::start::{Process, Telemetry, exposition, start, subscriber};

#[cfg(test)]
mod tests;
