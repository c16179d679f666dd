//! What an honest client knows of its list: what was acknowledged must be there, and nothing may be there that it did not
//! ask for. What was never answered may be there or not.

use std::collections::{HashMap, HashSet};

/// What is known of a list.
#[derive(Debug, Default)]
pub struct Ledger {
    tasks: HashMap<String, Entry>,
    /// Titles of tasks that may have been added.
    perhaps_added: HashSet<String>,
}

#[derive(Debug, Default)]
struct Entry {
    title: String,
    /// Titles that it may have got since.
    perhaps: Vec<String>,
    perhaps_deleted: bool,
}

/// What came of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was made.
    Done,
    /// It was not made.
    Refused,
    /// Nobody knows.
    Unknown,
}

impl Ledger {
    /// How many tasks there are.
    pub fn len(&self) -> usize {
        self.tasks.len()
    }

    /// Some task, another one for another number.
    pub fn task(&self, number: usize) -> Option<String> {
        let mut ids: Vec<&String> = self.tasks.keys().collect();
        ids.sort();
        ids.get(number % ids.len().max(1)).map(|id| (*id).clone())
    }

    /// A task was to be added; `id` is known when it was.
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

    /// A task was to get a title.
    pub fn renamed(&mut self, id: &str, title: &str, outcome: Outcome) {
        let Some(entry) = self.tasks.get_mut(id) else { return };
        match outcome {
            // Whatever was in doubt before came before this, or never.
            Outcome::Done => {
                *entry = Entry { title: title.to_owned(), ..Entry::default() };
            }
            Outcome::Unknown => entry.perhaps.push(title.to_owned()),
            Outcome::Refused => {}
        }
    }

    /// A task was to be deleted.
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

    /// The server says that there is no such task: that may be, and is known from now on, or it is wrong.
    ///
    /// # Errors
    ///
    /// What is wrong.
    pub fn missing(&mut self, id: &str) -> Result<(), String> {
        match self.tasks.remove(id) {
            Some(entry) if !entry.perhaps_deleted => {
                Err(format!("the task {id} ({}) is lost", entry.title))
            }
            _ => Ok(()),
        }
    }

    /// The server shows this list.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
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
