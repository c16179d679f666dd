//! Group commit: appends that wait, their batches, and the trial of a refused one.

pub mod acknowledged;
pub mod appender;
pub(super) mod batch;
pub(super) mod columns;
pub(super) mod lanes;
mod metrics;
pub(super) mod pipeline;
pub mod request;
pub(super) mod trial;
