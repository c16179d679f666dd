//! Group commit: what waits, batches, and what became of them.

pub mod acknowledged;
pub mod appender;
pub(super) mod batch;
pub(super) mod columns;
pub(super) mod lanes;
mod metrics;
pub(super) mod pipeline;
pub(super) mod trial;
