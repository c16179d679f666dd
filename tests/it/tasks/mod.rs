//! The task list: its everyday use and its past.
//!
//! * `everyday`: fields, order, lists, versions, repeated requests, batches, files, limits
//! * `list`: pages, filters and changes of the task list
//! * `past`: history, undo, time travel, and changes as they happen

mod everyday;
mod list;
mod past;
