//! The log: appending to it, reading it, snapshots of its streams, and read models made again from it.

pub mod append;
pub mod reader;
pub mod replay;
pub mod retention;
pub(super) mod scan;
pub(super) mod shadow_table;
pub mod snapshot;
pub mod soundness;
