//! Traces: their context, sampling, and spans that are created late.

pub(super) mod late_span;
pub mod sampling;
pub(crate) mod scope;
pub mod trace_context;
pub mod trace_parent;
