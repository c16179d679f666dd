//! An honest client's model of its list: acknowledged changes must be visible, and nothing else may be, except changes of
//! unknown outcome.

use std::collections::{HashMap, HashSet};

/// Model of a list.
#[derive(Debug, Default)]
pub struct Ledger {
    tasks: HashMap<String, Entry>,
    /// Titles of tasks whose creation has an unknown outcome.
    perhaps_added: HashSet<String>,
}

#[derive(Debug, Default)]
struct Entry {
    title: String,
    /// Titles of renames whose outcome is unknown.
    perhaps: Vec<String>,
    perhaps_deleted: bool,
}

/// Outcome of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Acknowledged as done.
    Done,
    /// Rejected.
    Refused,
    /// Undecidable for the client.
    Unknown,
}

impl Ledger {
    /// Number of tasks that are known to exist.
    pub fn len(&self) -> usize {
        self.tasks.len()
    }

    /// A task chosen by number; `None` if there are none.
    pub fn task(&self, number: usize) -> Option<String> {
        let mut ids: Vec<&String> = self.tasks.keys().collect();
        ids.sort();
        ids.get(number % ids.len().max(1)).map(|id| (*id).clone())
    }

    /// Records the creation of a task; `id` is known if it was acknowledged.
    pub fn added(&mut self, id: Option<String>, title: &str, outcome: Outcome) {
        match (outcome, id) {
            (Outcome::Done, Some(id)) => {
                let entry = Entry { title: title.to_owned(), ..Entry::default() };
                self.tasks.insert(id, entry);
            }
            (Outcome::Done | Outcome::Unknown, _) => {
                self.perhaps_added.insert(title.to_owned());
            }
            (Outcome::Refused, _) => {}
        }
    }

    /// Records a rename.
    pub fn renamed(&mut self, id: &str, title: &str, outcome: Outcome) {
        let Some(entry) = self.tasks.get_mut(id) else { return };
        match outcome {
            // Earlier renames of unknown outcome were applied before this one, or never will be.
            Outcome::Done => {
                *entry = Entry { title: title.to_owned(), ..Entry::default() };
            }
            Outcome::Unknown => entry.perhaps.push(title.to_owned()),
            Outcome::Refused => {}
        }
    }

    /// Records a deletion.
    pub fn deleted(&mut self, id: &str, outcome: Outcome) {
        match outcome {
            Outcome::Done => drop(self.tasks.remove(id)),
            Outcome::Unknown => {
                if let Some(entry) = self.tasks.get_mut(id) {
                    entry.perhaps_deleted = true;
                }
            }
            Outcome::Refused => {}
        }
    }

    /// Records a 404 for a task. It is correct if a deletion of unknown outcome explains it, and the task is then known to
    /// be deleted.
    ///
    /// # Errors
    ///
    /// Describes the contradiction if no deletion explains the 404.
    pub fn missing(&mut self, id: &str) -> Result<(), String> {
        match self.tasks.remove(id) {
            Some(entry) if !entry.perhaps_deleted => {
                Err(format!("the task {id} ({}) is lost", entry.title))
            }
            _ => Ok(()),
        }
    }

    /// Compares a list returned by the server with the model.
    ///
    /// # Errors
    ///
    /// Describes the contradiction between the list and the model.
    pub fn seen(&mut self, list: &[(String, String)]) -> Result<(), String> {
        for (id, title) in list {
            match self.tasks.get(id) {
                Some(entry) if entry.title == *title || entry.perhaps.contains(title) => {}
                Some(entry) => {
                    let known = &entry.title;
                    return Err(format!("the task {id} is shown as {title:?} and was {known:?}"));
                }
                None if self.perhaps_added.remove(title) => {
                    let entry = Entry { title: title.clone(), ..Entry::default() };
                    self.tasks.insert(id.clone(), entry);
                }
                None => {
                    return Err(format!("the task {id} ({title:?}) was never added, or deleted"));
                }
            }
        }
        let shown: HashSet<&String> = list.iter().map(|(id, _)| id).collect();
        let absent =
            self.tasks.iter().find(|(id, task)| !shown.contains(id) && !task.perhaps_deleted);
        absent.map_or(Ok(()), |(id, entry)| Err(format!("the task {id} ({}) is lost", entry.title)))
    }
}
