//! Tasks and their values for tests.

use std::sync::Arc;

use uuid::Uuid;

use super::task_list::command::{New, TaskDraft};
use super::task_list::task::{Content, Task};
use super::task_list::{Action, Command, Stamp};
use super::values::{Description, Position, Priority, Tags, TaskId, Title};
use crate::base::clock::Timestamp;
use crate::eventlog::{Mark, Point};

/// Task id with this number.
pub(crate) fn id(number: u128) -> TaskId {
    TaskId::from_uuid(Uuid::from_u128(number))
}

/// Time of so many seconds after the epoch.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_millis(seconds * 1000)
}

/// Stamp of so many seconds after the epoch, with the mark of tests.
pub(crate) fn stamp(seconds: i64) -> Stamp {
    Stamp { at: at(seconds), mark: Mark::default() }
}

/// Version with this number, with the mark of tests.
pub(crate) fn version(number: i64) -> Point {
    Point::new(number, Mark::default())
}

/// Title with this text.
pub(crate) fn title(text: &str) -> Title {
    Title::parse(text).unwrap()
}

/// Description with this text.
pub(crate) fn note(text: &str) -> Description {
    Description::parse(text).unwrap()
}

/// Tags with these texts.
pub(crate) fn tags(texts: &[&str]) -> Tags {
    Tags::parse(texts).unwrap()
}

/// The position that is so many whole steps after the first.
pub(crate) fn position(steps: u8) -> Position {
    let mut position = Position::between(None, None).unwrap();
    for _ in 0..steps {
        position = Position::between(Some(&position), None).unwrap();
    }
    position
}

/// Content that has nothing but a title and a position.
pub(crate) fn content(text: &str, steps: u8) -> Content {
    draft(text).content(None, position(steps))
}

/// Draft that has nothing but a title.
pub(crate) fn draft(text: &str) -> TaskDraft {
    TaskDraft {
        title: title(text),
        description: None,
        priority: Priority::None,
        due: None,
        tags: Tags::default(),
    }
}

/// Task whose title is its number.
pub(crate) fn task(number: u128) -> Arc<Task> {
    let steps = u8::try_from(number % 200).unwrap();
    Arc::new(Task::new(id(number), content(&number.to_string(), steps), (at(0), at(0)), version(1)))
}

/// Command that adds a task.
pub(crate) fn creation(number: u128, text: &str) -> Command {
    let new = New { id: id(number), draft: draft(text), completed: false };
    Command::one(Action::Create(new), stamp(0))
}
