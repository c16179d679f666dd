//! Whole lists as files: JSON and CSV, out and in again without loss.
//!
//! A file holds everything of each task: importing it into an empty list makes the same list, and importing it again
//! changes nothing. A task without an identifier is added; one with the identifier of a task of the list makes that one
//! like it; nothing is deleted.

mod csv;
pub mod decoding;
pub mod encoding;
pub mod format;
mod portable_task;
pub mod task_file;
pub mod upload;

#[cfg(test)]
mod tests;
