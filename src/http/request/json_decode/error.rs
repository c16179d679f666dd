//! Errors of the strict reader, each with its flaw and its path.

use std::fmt;

use serde::de::{self, Expected, Unexpected};

use crate::http::response::problem::field_problem::{FieldProblem, Flaw};

/// Field name that stands for the body as a whole.
const BODY: &str = "body";

/// Begins a message that holds another error: its path, its flaw and its message follow, each behind one more.
const NESTED: char = '\u{1}';

/// A value that does not fit, classified by the method that `serde` calls and not by the text of its message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BodyError {
    /// The path of the value, from the inside out: the last step comes first.
    steps: Vec<PathStep>,
    /// Kind of the mistake, from which the code of the field is made.
    flaw: Flaw,
    /// Message for the client.
    message: String,
}

/// A step of the path from the body to a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PathStep {
    /// A member of an object.
    Member(String),
    /// An element of an array.
    Element(usize),
    /// The path of a value that was read by itself.
    Path(String),
}

impl BodyError {
    pub(super) fn new(flaw: Flaw, message: impl Into<String>) -> Self {
        Self { steps: Vec::new(), flaw, message: message.into() }
    }

    fn of_member(name: &str, flaw: Flaw, message: impl Into<String>) -> Self {
        Self::new(flaw, message).within(PathStep::Member(name.to_owned()))
    }

    /// Extends the path outwards: the error of a value becomes one of the value that holds it.
    pub(super) fn within(mut self, step: PathStep) -> Self {
        self.steps.push(step);
        self
    }

    /// Encodes the error in a text that `custom` decodes again.
    pub(super) fn nested(self) -> String {
        let path = self.path();
        format!("{NESTED}{path}{NESTED}{:?}{NESTED}{}", self.flaw, self.message)
    }

    /// Decodes an error that [`BodyError::nested`] has encoded.
    fn unnested(text: &str) -> Option<Self> {
        let mut parts = text.strip_prefix(NESTED)?.splitn(3, NESTED);
        let (path, flaw, message) = (parts.next()?, parts.next()?, parts.next()?);
        let flaw = Flaw::ALL.into_iter().find(|known| format!("{known:?}") == flaw)?;
        let error = Self::new(flaw, message);
        Some(if path.is_empty() { error } else { error.within(PathStep::Path(path.to_owned())) })
    }

    fn path(&self) -> String {
        let mut path = String::new();
        for step in self.steps.iter().rev() {
            match step {
                PathStep::Element(index) => path.extend(["[", &index.to_string(), "]"]),
                PathStep::Member(name) | PathStep::Path(name) => {
                    let separator = if path.is_empty() { "" } else { "." };
                    path.extend([separator, name]);
                }
            }
        }
        path
    }

    /// Turns the error into the problem of the field at its path.
    pub(super) fn problem(self) -> FieldProblem {
        let path = self.path();
        let field = if path.is_empty() { BODY.to_owned() } else { path };
        FieldProblem::new(field, self.flaw, self.message)
    }
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for BodyError {}

impl de::Error for BodyError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        let message = message.to_string();
        Self::unnested(&message).unwrap_or_else(|| Self::new(Flaw::Invalid, message))
    }

    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let expected = expected.to_string();
        if is_ours(&expected) {
            return Self::new(Flaw::WrongType, NO_OBJECT);
        }
        // The name in JSON.
        let found =
            if unexpected == Unexpected::Unit { "null".to_owned() } else { unexpected.to_string() };
        Self::new(Flaw::WrongType, format!("invalid type: {found}, expected {expected}"))
    }

    fn unknown_field(name: &str, known: &'static [&'static str]) -> Self {
        let known = match known {
            [] => "there are no fields".to_owned(),
            [one] => format!("expected `{one}`"),
            [one, other] => format!("expected `{one}` or `{other}`"),
            several => format!("expected one of `{}`", several.join("`, `")),
        };
        Self::of_member(name, Flaw::UnknownMember, format!("is not known, {known}"))
    }

    fn missing_field(name: &'static str) -> Self {
        Self::of_member(name, Flaw::Missing, "is missing")
    }

    fn duplicate_field(name: &'static str) -> Self {
        Self::of_member(name, Flaw::Duplicate, "is given more than once")
    }
}

/// Message for a value in the place of an object.
pub(super) const NO_OBJECT: &str = "must be a JSON object";

/// Returns true if `serde` names a type of this program as what it expected, which means nothing to a client. Only the
/// message depends on it.
fn is_ours(expected: &str) -> bool {
    ["struct ", "internally tagged enum ", "adjacently tagged enum "]
        .iter()
        .any(|kind| expected.starts_with(kind))
}
