//! Histories of tasks as users see them: each change with its author, and the fields before and after it.

pub mod differences;
pub mod entry;
pub mod moment;
pub mod reading;
pub mod time_travel;
pub mod walks;

pub use self::entry::{ChangeKind, Entry, HistoryFilter, HistoryPage};
pub use self::reading::HistoryError;
