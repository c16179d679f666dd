//! The values that make up a task. Each type is valid by construction.

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

/// Type parameter that distinguishes the identifiers of tasks from others.
#[derive(Debug)]
pub enum TaskKind {}

/// Identifier of a task. Identifiers grow within a list, so their order is the order of creation.
pub type TaskId = Id<TaskKind>;
