//! Operations that change tasks.

pub mod batch;
pub mod change;
pub mod create;
pub mod delete;
pub mod import;
pub mod move_task;
pub mod redo;
pub mod replace;
mod restoration;
pub mod restore;
pub mod undo;
mod undo_redo;

use self::batch::BatchTasks;
use self::change::ChangeTask;
use self::create::CreateTask;
use self::delete::DeleteTask;
use self::import::ImportTasks;
use self::move_task::MoveTask;
use self::redo::RedoTasks;
use self::replace::ReplaceTask;
use self::restore::RestoreTask;
use self::undo::UndoTasks;

/// Operations of this folder, for the API's service.
pub type Writes = (
    CreateTask,
    ReplaceTask,
    ChangeTask,
    MoveTask,
    DeleteTask,
    BatchTasks,
    RestoreTask,
    UndoTasks,
    RedoTasks,
    ImportTasks,
);
