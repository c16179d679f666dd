//! Traces: their context, which of them are exported, and spans that are made late.

pub(super) mod late_span;
pub mod sampling;
pub(super) mod trace_context;
