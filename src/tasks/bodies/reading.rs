//! Reading fields one by one, and telling everything that is wrong with them at once.

use std::fmt;

use crate::http::field::{FieldProblem, Flaw};
use crate::http::problem::Problem;
use crate::tasks::values::{InvalidDue, InvalidTag, Tags};

/// What was found to be wrong so far.
#[derive(Debug, Default)]
pub(in crate::tasks) struct Reading {
    /// Where the fields stand: empty, or the path to them with its last dot.
    path: String,
    problems: Vec<FieldProblem>,
}

impl Reading {
    /// The fields that stand below a path from now on.
    pub(in crate::tasks) fn at(&mut self, path: impl Into<String>) {
        self.path = path.into();
    }

    /// The path of a field.
    pub(in crate::tasks) fn path_of(&self, name: &str) -> String {
        format!("{}{name}", self.path)
    }

    /// The value of a field, if it is one.
    pub(in crate::tasks) fn value<T, E: Copy + fmt::Display>(
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
    pub(in crate::tasks) fn tags<T: AsRef<str>>(
        &mut self,
        name: &str,
        texts: &[T],
    ) -> Option<Tags> {
        let tags = Tags::parse(texts).map_err(|(index, error)| {
            let name = index.map_or(name.to_owned(), |index| format!("{name}[{index}]"));
            self.problems.push(FieldProblem::of(self.path_of(&name), error));
        });
        tags.ok()
    }

    /// A field is not as it should be.
    pub(in crate::tasks) fn wrong(&mut self, name: &str, flaw: Flaw, message: impl fmt::Display) {
        self.problems.push(FieldProblem::new(self.path_of(name), flaw, message));
    }

    /// How many things were wrong so far.
    pub(in crate::tasks) fn count(&self) -> usize {
        self.problems.len()
    }

    /// What was read, unless anything was wrong.
    pub(in crate::tasks) fn finish<T>(self, read: Option<T>) -> Result<T, Problem> {
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

impl From<InvalidDue> for Flaw {
    fn from(_: InvalidDue) -> Self {
        Self::Invalid
    }
}
