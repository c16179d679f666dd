//! The task list: its everyday use and its past.
//!
//! * `everyday`: tasks as people expect them
//! * `list`: pages, filters and changes of the task list
//! * `past`: what only the log gives of a task list: history, undo, time travel, changes as they happen

mod everyday;
mod list;
mod past;
