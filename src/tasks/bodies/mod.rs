//! Request and response bodies of the task endpoints.

mod batch;
mod change;
mod list;
mod reading;
mod request;
mod task;

pub(super) use batch::{BatchBody, BatchCommand, BatchRequest, BatchResult, expected};
pub use change::{ChangeBody, HistoryBody};
pub(super) use change::{DifferencesBody, TakenBackBody};
pub use list::TaskListBody;
pub(super) use reading::{Reading, Said};
pub(super) use request::{MoveRequest, RestoreRequest, TaskPatch, TaskRequest, place};
pub use task::TaskBody;
pub(super) use task::TaskFields;

/// Identifiers, versions and times of examples.
pub(super) mod example {
    use uuid::Uuid;

    use crate::clock::Timestamp;
    use crate::eventlog::Point;
    use crate::id::Id;

    pub(super) fn id<Kind>(last: u128) -> Id<Kind> {
        Id::from_uuid(Uuid::from_u128(0x019a_ab76_5800_7000_8000_0000_0000_0000 + last))
    }

    /// The version with this number.
    pub(in crate::tasks) fn version(number: i64) -> Point {
        Point::new(number, "Zk3x_9Qa".parse().unwrap_or_default())
    }

    /// So many seconds after the examples begin.
    pub(super) fn time(seconds: i64) -> Timestamp {
        Timestamp::from_unix_millis(1_763_812_800_000 + seconds * 1000)
    }
}
