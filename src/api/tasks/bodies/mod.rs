//! Bodies that several task operations share, and their parsing.

pub mod change;
pub mod history;
pub mod list;
pub(crate) mod place;
pub(crate) mod reading;
pub mod task;
pub(crate) mod task_patch;
pub(crate) mod task_request;
