//! Bodies that several task operations have, and how they are read.

pub mod change;
pub mod history;
pub mod list;
pub(crate) mod place;
pub(crate) mod reading;
pub mod task;
pub(crate) mod task_patch;
pub(crate) mod task_request;
