//! Traces: their context, which of them are exported, and spans that are made late.

pub(super) mod late_span;
pub mod sampling;
pub(crate) mod scope;
pub mod trace_context;
pub mod trace_parent;
