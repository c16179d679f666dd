//! The values a task is made of. Whoever holds one knows that it fits.

mod due;
mod position;
mod priority;
mod tags;
mod text;

pub use due::{Bound, Due, InvalidDue};
pub use position::{InvalidPosition, Position};
pub use priority::{InvalidPriority, Priority};
pub use tags::{InvalidTag, MAX_TAGS, TAG_CHARACTERS, TAG_SEPARATOR, Tags};
pub use text::{DESCRIPTION_CHARACTERS, Description, TITLE_CHARACTERS, Title};

use crate::base::id::Id;

/// Marks the identifiers of tasks.
#[derive(Debug)]
pub enum TaskKind {}

/// Identifies a task. Within one list identifiers grow: their order is the order of creation.
pub type TaskId = Id<TaskKind>;
