//! A model of a list of tasks, as simple as possible.

use std::collections::BTreeMap;

/// A task of the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Task {
    pub(super) title: String,
    pub(super) completed: bool,
}

/// Something to do with tasks that exist.
#[derive(Debug, Clone)]
pub(super) enum Command {
    Create(String, Task),
    Rename(String, String),
    Complete(String, bool),
    /// Right before another task, or right after it.
    Move(String, String, bool),
    Delete(String),
}

impl Command {
    /// The task it is about.
    pub(super) fn task(&self) -> &str {
        match self {
            Self::Create(id, _)
            | Self::Rename(id, _)
            | Self::Complete(id, _)
            | Self::Move(id, _, _)
            | Self::Delete(id) => id,
        }
    }
}

/// A list: its tasks, and the manual order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Model {
    pub(super) tasks: BTreeMap<String, Task>,
    pub(super) order: Vec<String>,
}

impl Model {
    /// Carries a command out; returns true if it changed anything.
    pub(super) fn run(&mut self, command: &Command) -> bool {
        match command {
            Command::Create(id, task) => {
                self.order.push(id.clone());
                self.tasks.insert(id.clone(), task.clone()).is_none()
            }
            Command::Rename(id, title) => {
                let task = self.tasks.get_mut(id).unwrap();
                std::mem::replace(&mut task.title, title.clone()) != *title
            }
            Command::Complete(id, completed) => {
                let task = self.tasks.get_mut(id).unwrap();
                std::mem::replace(&mut task.completed, *completed) != *completed
            }
            Command::Move(id, other, is_before) => self.relocate(id, other, *is_before),
            Command::Delete(id) => {
                self.order.retain(|present| present != id);
                self.tasks.remove(id).is_some()
            }
        }
    }

    fn relocate(&mut self, id: &str, other: &str, is_before: bool) -> bool {
        if id == other {
            return false;
        }
        let before = self.order.clone();
        self.order.retain(|present| present != id);
        let place = self.order.iter().position(|present| present == other).unwrap();
        self.order.insert(place + usize::from(!is_before), id.to_owned());
        self.order != before
    }
}
