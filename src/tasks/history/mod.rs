//! What happened to tasks, as people are told: by whom, what was before, and what after.

pub mod differences;
pub mod entry;
pub mod moment;
pub mod reading;
pub mod time_travel;
pub mod walks;

pub use self::entry::{Entry, Kind, Only, Told};
pub use self::reading::HistoryError;
