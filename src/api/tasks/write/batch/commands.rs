//! The body of a batch: several commands.

use poem_openapi::types::Example;
use poem_openapi::{Object, Union};
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

use crate::api::example;
use crate::api::tasks::bodies::place::place;
use crate::api::tasks::bodies::reading::Reading;
use crate::api::tasks::bodies::task_patch::TaskPatch;
use crate::api::tasks::bodies::task_request::TaskRequest;
use crate::eventlog::Point;
use crate::http::request::bounded_vec::at_most;
use crate::http::request::json_decode::{self, Raw};
use crate::http::response::problem::Problem;
use crate::http::response::problem::field_problem::Flaw;
use crate::tasks::task_list::Expected;
use crate::tasks::task_list::command::Destination;
use crate::tasks::task_list::task::present;

/// Most commands of a batch.
const MAX_COMMANDS: usize = 500;

/// Commands that are carried out in their order, all or none.
#[derive(Debug, Clone, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(example)]
pub(crate) struct BatchRequest {
    /// 1 to 500 commands.
    #[serde(deserialize_with = "at_most::<MAX_COMMANDS, _, _>")]
    #[oai(validator(min_items = 1, max_items = 500))]
    pub(crate) commands: Vec<BatchCommand>,
}

/// A command of a batch. `op` says which.
#[derive(Debug, Clone, Union)]
#[oai(discriminator_name = "op", one_of)]
pub(crate) enum BatchCommand {
    /// Add a task.
    #[oai(mapping = "create")]
    Create(BatchCreate),
    /// Change fields of a task.
    #[oai(mapping = "change")]
    Change(BatchChange),
    /// Delete a task.
    #[oai(mapping = "delete")]
    Delete(BatchDelete),
    /// Move a task in the manual order.
    #[oai(mapping = "move")]
    Move(BatchMove),
    /// Bring a deleted task back.
    #[oai(mapping = "restore")]
    Restore(BatchRestore),
}

/// Add a task.
#[derive(Debug, Clone, Deserialize, Object)]
#[serde(deny_unknown_fields)]
pub(crate) struct BatchCreate {
    /// The command that it is, as [`BatchCommand`] has read.
    #[oai(skip)]
    #[expect(dead_code, reason = "a member that is known and has been read")]
    op: IgnoredAny,
    /// The task.
    pub(crate) task: TaskRequest,
}

/// Change fields of a task.
#[derive(Debug, Clone, Deserialize, Object)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
pub(crate) struct BatchChange {
    /// The command that it is, as [`BatchCommand`] has read.
    #[oai(skip)]
    #[expect(dead_code, reason = "a member that is known and has been read")]
    op: IgnoredAny,
    /// Which task.
    pub(crate) id: String,
    /// The fields to change.
    pub(crate) changes: TaskPatch,
    /// The version that the task must have.
    #[serde(default, deserialize_with = "present")]
    pub(crate) if_version: Option<Point>,
}

/// Delete a task.
#[derive(Debug, Clone, Deserialize, Object)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
pub(crate) struct BatchDelete {
    /// The command that it is, as [`BatchCommand`] has read.
    #[oai(skip)]
    #[expect(dead_code, reason = "a member that is known and has been read")]
    op: IgnoredAny,
    /// Which task.
    pub(crate) id: String,
    /// The version that the task must have.
    #[serde(default, deserialize_with = "present")]
    pub(crate) if_version: Option<Point>,
}

/// Move a task right before or right after another one.
#[derive(Debug, Clone, Deserialize, Object)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
pub(crate) struct BatchMove {
    /// The command that it is, as [`BatchCommand`] has read.
    #[oai(skip)]
    #[expect(dead_code, reason = "a member that is known and has been read")]
    op: IgnoredAny,
    /// Which task.
    pub(crate) id: String,
    /// The task that comes next.
    #[serde(default, deserialize_with = "present")]
    pub(crate) before: Option<String>,
    /// The task that comes first.
    #[serde(default, deserialize_with = "present")]
    pub(crate) after: Option<String>,
    /// The version that the task must have.
    #[serde(default, deserialize_with = "present")]
    pub(crate) if_version: Option<Point>,
}

/// Bring a deleted task back as it was.
#[derive(Debug, Clone, Deserialize, Object)]
#[serde(deny_unknown_fields)]
pub(crate) struct BatchRestore {
    /// The command that it is, as [`BatchCommand`] has read.
    #[oai(skip)]
    #[expect(dead_code, reason = "a member that is known and has been read")]
    op: IgnoredAny,
    /// Which task.
    pub(crate) id: String,
}

/// Discriminator of a command, read first.
#[derive(Deserialize)]
struct Which {
    /// Operation, which decides about the other members.
    op: Op,
}

/// Operations of a batch, by their names.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Op {
    Create,
    Change,
    Delete,
    Move,
    Restore,
}

/// Reads the discriminator first, then the members that belong to it, so that an error has its place in the request.
impl<'de> Deserialize<'de> for BatchCommand {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let command = Raw::deserialize(deserializer)?;
        let Which { op } = json_decode::nested(command)?;
        match op {
            Op::Create => json_decode::nested(command).map(Self::Create),
            Op::Change => json_decode::nested(command).map(Self::Change),
            Op::Delete => json_decode::nested(command).map(Self::Delete),
            Op::Move => json_decode::nested(command).map(Self::Move),
            Op::Restore => json_decode::nested(command).map(Self::Restore),
        }
    }
}

impl BatchRequest {
    /// Commands of the batch, if there are some and not too many.
    pub(crate) fn commands(&self) -> Result<&[BatchCommand], Problem> {
        match self.commands.len() {
            0 => Err(Problem::field("commands", Flaw::Empty, "must not be empty")),
            1..=MAX_COMMANDS => Ok(&self.commands),
            _ => {
                let message = format!("must have at most {MAX_COMMANDS} commands");
                Err(Problem::field("commands", Flaw::TooMany, message))
            }
        }
    }
}

impl BatchMove {
    /// Place to which the task moves.
    pub(crate) fn place(&self, reading: &mut Reading) -> Option<Destination> {
        place(self.before.as_deref(), self.after.as_deref(), reading)
    }
}

/// Versions that a task may have, for a condition on one.
pub(crate) fn expected(if_version: Option<Point>) -> Expected {
    if_version.map(|version| vec![version])
}

impl Example for BatchRequest {
    fn example() -> Self {
        let id = || example::id::<()>(3).to_string();
        let op = IgnoredAny;
        let create = BatchCreate { op, task: TaskRequest::example() };
        let changes = TaskPatch::example();
        Self {
            commands: vec![
                BatchCommand::Create(create),
                BatchCommand::Change(BatchChange {
                    op,
                    id: id(),
                    changes,
                    if_version: Some(example::version(1)),
                }),
                BatchCommand::Move(BatchMove {
                    op,
                    id: id(),
                    before: None,
                    after: Some(example::id::<()>(4).to_string()),
                    if_version: None,
                }),
            ],
        }
    }
}
