//! All attacks, a file for each kind of resource that they exhaust.

pub mod appends;
pub mod batches;
pub mod connections;
pub mod database;
pub mod files;
pub mod folding;
pub mod keys;
mod requests;
pub mod sessions;
pub mod walks;
