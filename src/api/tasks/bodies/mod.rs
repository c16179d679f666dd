//! Request and response bodies of the task endpoints.

mod batch;
mod change;
mod list;
mod reading;
mod request;
mod task;

pub(crate) use batch::{BatchBody, BatchCommand, BatchRequest, BatchResult, expected};
pub use change::{ChangeBody, HistoryBody};
pub(crate) use change::{DifferencesBody, TakenBackBody};
pub use list::TaskListBody;
pub(crate) use reading::{Reading, Said};
pub(crate) use request::{MoveRequest, RestoreRequest, TaskPatch, TaskRequest, place};
pub use task::TaskBody;
pub(crate) use task::TaskFields;
