//! Answer to a batch.

use std::collections::HashSet;
use std::sync::Arc;

use poem_openapi::Object;
use poem_openapi::types::Example;
use serde::Serialize;

use crate::api::example;
use crate::api::tasks::bodies::task::TaskBody;
use crate::api::tasks::representations::{answer, missing};
use crate::base::id::UserId;
use crate::eventlog::Point;
use crate::tasks::task_list::command::Action;
use crate::tasks::task_list::ordered::OrderedTasks;
use crate::tasks::values::TaskId;
use crate::tasks::writing::Answering;

/// Bytes of one result of a batch beside the texts of its task.
const BARE_RESULT: usize = 512;

/// What a batch came to.
#[derive(Debug, Clone, Serialize, Object)]
#[oai(rename = "BatchResult", example)]
pub(super) struct BatchBody {
    /// What each command came to, in their order.
    results: Vec<BatchResult>,
    /// The version of the list now.
    version: Point,
}

/// What a command of a batch came to.
#[derive(Debug, Clone, Serialize, Object)]
#[oai(rename = "BatchCommandResult", skip_serializing_if_is_none)]
pub(super) struct BatchResult {
    /// The task.
    id: TaskId,
    /// The task after the whole batch, at the last command that is about it; absent if it is not there any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    task: Option<TaskBody>,
}

impl Example for BatchBody {
    fn example() -> Self {
        let task = |last, version| {
            let task = TaskBody {
                id: example::id(last),
                version: example::version(version),
                ..TaskBody::example()
            };
            BatchResult { id: task.id, task: Some(task) }
        };
        let changed = BatchResult { id: example::id(3), task: None };
        Self { results: vec![task(5, 3), changed, task(3, 5)], version: example::version(5) }
    }
}

/// Answer to a batch, of about `shown` bytes. A task is shown once, however many commands are about it.
pub(super) fn as_batch(owner: UserId, actions: Arc<[Action]>, shown: usize) -> Answering {
    Answering::made_of(shown, move |done| {
        let (list, mut created) = (&done.list, done.created.iter());
        let id = |action| match action {
            &Action::Create(_) => created.next().copied(),
            &Action::Change { id, .. } | &Action::Delete { id, .. } | &Action::Move { id, .. } => {
                Some(id)
            }
            Action::Restore(restore) => Some(restore.id),
            Action::Put(_) => None,
        };
        let ids: Option<Vec<_>> = actions.iter().map(id).collect();
        let ids = ids.ok_or_else(|| missing("a batch lacks a result"))?;
        let mut shown = HashSet::new();
        let last_first = ids.into_iter().rev().map(|id| {
            let task = shown.insert(id).then(|| list.state.tasks.get(id)).flatten();
            BatchResult { id, task: task.map(|task| TaskBody::new(owner, task)) }
        });
        let mut results: Vec<_> = last_first.collect();
        results.reverse();
        let version = list.state.version;
        answer(version, None, &BatchBody { results, version })
    })
}

/// Approximate bytes of the answer to a batch: each task that it is about, as it is now or as it becomes.
pub(super) fn shown_bytes(tasks: &OrderedTasks, actions: &[Action]) -> usize {
    let mut shown = HashSet::new();
    let bytes = |action: &Action| {
        let task = action.about().filter(|id| shown.insert(*id)).and_then(|id| tasks.get(id));
        BARE_RESULT + action.bytes() + task.map_or(0, |task| task.content.bytes())
    };
    actions.iter().map(bytes).sum()
}
