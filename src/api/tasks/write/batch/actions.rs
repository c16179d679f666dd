//! Actions of a batch, parsed from its commands.

use super::commands::{BatchCommand, expected};
use crate::api::tasks::bodies::reading::Reading;
use crate::api::tasks::write::restoration::{deleted, standing};
use crate::base::clock::Timestamp;
use crate::base::id::UserId;
use crate::http::response::problem::Problem;
use crate::http::response::problem::field_problem::Flaw;
use crate::tasks::Tasks;
use crate::tasks::task_list::command::{Action, New, Restore};
use crate::tasks::values::TaskId;

/// Parses the commands of a batch into actions; fails with everything that is wrong with them at once.
pub(super) async fn actions(
    tasks: &Tasks,
    owner: UserId,
    commands: &[BatchCommand],
    now: Timestamp,
) -> Result<Vec<Action>, Problem> {
    let restored: Vec<TaskId> = commands.iter().filter_map(restored).collect();
    let deletions = tasks.deletions(owner, &restored).await?;
    let list = tasks.of(owner).await?;
    let mut reading = Reading::default();
    let mut actions = Vec::with_capacity(commands.len());
    for (index, command) in commands.iter().enumerate() {
        reading.at(format!("commands[{index}]."));
        let restore = |id| {
            let task = list.state.tasks.get(id);
            standing(id, task.map(|task| &**task)).or_else(|| deleted(id, &deletions))
        };
        actions.extend(action(command, now, restore, &mut reading));
    }
    reading.finish(Some(actions))
}

fn restored(command: &BatchCommand) -> Option<TaskId> {
    match command {
        BatchCommand::Restore(restore) => restore.id.parse().ok(),
        BatchCommand::Create(_)
        | BatchCommand::Change(_)
        | BatchCommand::Delete(_)
        | BatchCommand::Move(_) => None,
    }
}

/// Parses one command of a batch, as far as it can be read.
fn action(
    command: &BatchCommand,
    now: Timestamp,
    restore: impl Fn(TaskId) -> Option<Restore>,
    reading: &mut Reading,
) -> Option<Action> {
    match command {
        BatchCommand::Create(create) => {
            reading.at(reading.path_of("task."));
            let draft = create.task.draft(reading)?;
            let completed = create.task.completed;
            Some(Action::Create(New { id: TaskId::at(now), draft, completed }))
        }
        BatchCommand::Change(change) => {
            let id = known(&change.id, reading)?;
            reading.at(reading.path_of("changes."));
            let wanted = change.changes.wanted(reading)?;
            Some(Action::Change { id, wanted, expected: expected(change.if_version) })
        }
        BatchCommand::Delete(delete) => {
            let id = known(&delete.id, reading)?;
            Some(Action::Delete { id, expected: expected(delete.if_version) })
        }
        BatchCommand::Move(relocation) => {
            let id = known(&relocation.id, reading)?;
            let place = relocation.place(reading)?;
            Some(Action::Move { id, place, expected: expected(relocation.if_version) })
        }
        BatchCommand::Restore(request) => {
            let id = known(&request.id, reading)?;
            let Some(restore) = restore(id) else {
                reading.wrong("id", Flaw::Unknown, "was never a task of this list");
                return None;
            };
            Some(Action::Restore(Box::new(restore)))
        }
    }
}

/// Parses the identifier of a task.
fn known(id: &str, reading: &mut Reading) -> Option<TaskId> {
    let parsed = id.parse();
    parsed.map_err(|_| reading.wrong("id", Flaw::Unknown, "is not a task of this list")).ok()
}
