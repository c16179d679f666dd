//! Reading fields one by one, and telling everything that is wrong with them at once.

use std::fmt;

use crate::http::response::problem::Problem;
use crate::http::response::problem::field_problem::{FieldProblem, Flaw};
use crate::tasks::task_list::command::Draft;
use crate::tasks::values::{
    Description, Due, InvalidDue, InvalidPriority, InvalidTag, Priority, Tags, Title,
};

/// The fields of a task as they were sent.
#[derive(Debug)]
pub(crate) struct Said<'a> {
    /// The title.
    pub(crate) title: &'a str,
    /// The description.
    pub(crate) description: Option<&'a str>,
    /// The priority.
    pub(crate) priority: Priority,
    /// The due date.
    pub(crate) due: Option<&'a str>,
    /// The tags.
    pub(crate) tags: &'a [String],
}

/// Fields that are read, and the problems found so far.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    /// The place of the fields: empty, or the path to them with its last dot.
    path: String,
    problems: Vec<FieldProblem>,
}

impl Reading {
    /// The fields that stand below a path from now on.
    pub(crate) fn at(&mut self, path: impl Into<String>) {
        self.path = path.into();
    }

    /// The path of a field.
    pub(crate) fn path_of(&self, name: &str) -> String {
        format!("{}{name}", self.path)
    }

    /// The value of a field, if it is one.
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

    /// The tags of a field, if they all are some.
    pub(crate) fn tags<T: AsRef<str>>(&mut self, name: &str, texts: &[T]) -> Option<Tags> {
        let tags = Tags::parse(texts).map_err(|(index, error)| {
            let name = index.map_or(name.to_owned(), |index| format!("{name}[{index}]"));
            self.problems.push(FieldProblem::of(self.path_of(&name), error));
        });
        tags.ok()
    }

    /// The draft of a task, if every field of it can be read.
    pub(crate) fn draft(&mut self, said: &Said<'_>) -> Option<Draft> {
        let title = self.value("title", Title::parse(said.title));
        let description = said.description.map(Description::parse).transpose();
        let description = self.value("description", description);
        let due = self.value("due", said.due.map(str::parse::<Due>).transpose());
        let tags = self.tags("tags", said.tags);
        let (title, description, due, tags) = (title?, description?, due?, tags?);
        Some(Draft { title, description, priority: said.priority, due, tags })
    }

    /// A field is not as it should be.
    pub(crate) fn wrong(&mut self, name: &str, flaw: Flaw, message: impl fmt::Display) {
        self.problems.push(FieldProblem::new(self.path_of(name), flaw, message));
    }

    /// The number of problems so far.
    pub(crate) fn count(&self) -> usize {
        self.problems.len()
    }

    /// The value that was read, unless anything was wrong.
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
