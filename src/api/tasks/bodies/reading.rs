//! Parses fields one by one, and collects every error instead of stopping at the first.

use std::fmt;

use crate::http::response::problem::Problem;
use crate::http::response::problem::field_problem::{FieldProblem, Flaw};
use crate::tasks::task_list::command::TaskDraft;
use crate::tasks::values::{
    Description, Due, InvalidDue, InvalidPriority, InvalidTag, Priority, Tags, Title,
};

/// Fields of a task as they were sent.
#[derive(Debug)]
pub(crate) struct SentFields<'a> {
    /// Required text of one line.
    pub(crate) title: &'a str,
    /// Longer text, if there is one.
    pub(crate) description: Option<&'a str>,
    /// Parsed already, as an enum of the schema.
    pub(crate) priority: Priority,
    /// Date, or date and time, in text form.
    pub(crate) due: Option<&'a str>,
    /// Texts of the tags, in any order.
    pub(crate) tags: &'a [String],
}

/// Parser of fields, with the errors so far.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    /// Path of the fields: empty, or with its last dot.
    path: String,
    /// Errors so far; any of them makes [`Reading::finish`] fail.
    problems: Vec<FieldProblem>,
}

impl Reading {
    /// Sets the path of the fields that follow.
    pub(crate) fn at(&mut self, path: impl Into<String>) {
        self.path = path.into();
    }

    /// Full path of a field.
    pub(crate) fn path_of(&self, name: &str) -> String {
        format!("{}{name}", self.path)
    }

    /// Value of a field; records an error.
    pub(crate) fn value<T, E: Copy + fmt::Display>(
        &mut self,
        name: &str,
        value: Result<T, E>,
    ) -> Option<T>
    where
        Flaw: From<E>,
    {
        value.map_err(|error| self.problems.push(FieldProblem::of(self.path_of(name), error))).ok()
    }

    /// Tags of a field; records the first error among them.
    pub(crate) fn tags<T: AsRef<str>>(&mut self, name: &str, texts: &[T]) -> Option<Tags> {
        let tags = Tags::parse(texts).map_err(|(index, error)| {
            let name = index.map_or(name.to_owned(), |index| format!("{name}[{index}]"));
            self.problems.push(FieldProblem::of(self.path_of(&name), error));
        });
        tags.ok()
    }

    /// Draft of a task, if every field of it can be read.
    pub(crate) fn draft(&mut self, said: &SentFields<'_>) -> Option<TaskDraft> {
        let title = self.value("title", Title::parse(said.title));
        let description = said.description.map(Description::parse).transpose();
        let description = self.value("description", description);
        let due = self.value("due", said.due.map(str::parse::<Due>).transpose());
        let tags = self.tags("tags", said.tags);
        let (title, description, due, tags) = (title?, description?, due?, tags?);
        Some(TaskDraft { title, description, priority: said.priority, due, tags })
    }

    /// Records an error of a field.
    pub(crate) fn wrong(&mut self, name: &str, flaw: Flaw, message: impl fmt::Display) {
        self.problems.push(FieldProblem::new(self.path_of(name), flaw, message));
    }

    /// Number of errors so far.
    pub(crate) fn count(&self) -> usize {
        self.problems.len()
    }

    /// Returns the value that was read; fails with all errors, if there are any.
    pub(crate) fn finish<T>(self, read: Option<T>) -> Result<T, Problem> {
        match read {
            Some(read) if self.problems.is_empty() => Ok(read),
            Some(_) | None => Err(Problem::fields(self.problems)),
        }
    }
}

impl From<InvalidTag> for Flaw {
    fn from(error: InvalidTag) -> Self {
        match error {
            InvalidTag::TooMany => Self::TooMany,
            InvalidTag::Empty => Self::Empty,
            InvalidTag::TooLong => Self::TooLong,
            InvalidTag::Forbidden => Self::Invalid,
        }
    }
}

impl From<InvalidPriority> for Flaw {
    fn from(_: InvalidPriority) -> Self {
        Self::Invalid
    }
}

impl From<InvalidDue> for Flaw {
    fn from(_: InvalidDue) -> Self {
        Self::Invalid
    }
}
