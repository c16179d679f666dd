//! Commands that restore a task: as it stands, or as it was when it was deleted.

use std::collections::HashMap;

use crate::tasks::events::TaskDeleted;
use crate::tasks::task_list::command::Restore;
use crate::tasks::task_list::task::Task;
use crate::tasks::values::TaskId;

/// Restoration of a task that exists, which leaves it as it is.
pub(super) fn standing(id: TaskId, task: Option<&Task>) -> Option<Restore> {
    task.map(|task| Restore::new(id, (task.content.clone(), task.created_at), None))
}

/// Restoration of a deleted task as it was.
pub(super) fn deleted(
    id: TaskId,
    deletions: &HashMap<TaskId, (i64, TaskDeleted)>,
) -> Option<Restore> {
    let (version, deleted) = deletions.get(&id)?;
    Some(Restore::new(id, (deleted.task.clone(), deleted.created_at), Some(*version)))
}
