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

/// Identifiers, versions and times of examples.
pub(super) mod example {
    use uuid::Uuid;

    use crate::base::clock::Timestamp;
    use crate::base::id::Id;
    use crate::eventlog::Point;

    pub(super) fn id<Kind>(last: u128) -> Id<Kind> {
        Id::from_uuid(Uuid::from_u128(0x019a_ab76_5800_7000_8000_0000_0000_0000 + last))
    }

    /// The version with this number.
    pub(crate) fn version(number: i64) -> Point {
        Point::new(number, "Zk3x_9Qa".parse().unwrap_or_default())
    }

    /// So many seconds after the examples begin.
    pub(super) fn time(seconds: i64) -> Timestamp {
        Timestamp::from_unix_millis(1_763_812_800_000 + seconds * 1000)
    }
}
