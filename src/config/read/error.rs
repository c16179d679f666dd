//! Errors in a configuration, in words for the operator who has to correct it.
//!
//! Invariant: no text here contains the secret or a database password. Parsers describe what is wrong with such a value
//! without repeating it.

use std::fmt;

/// Reason for which a value is unusable, and a description of usable ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidValue {
    /// Fault of the value, continuing "the value …".
    pub wrong: String,
    /// Description of a usable value.
    pub expected: String,
}

impl InvalidValue {
    /// Makes an error from the fault and the expectation.
    pub fn new(wrong: impl Into<String>, expected: impl Into<String>) -> Self {
        Self { wrong: wrong.into(), expected: expected.into() }
    }
}

impl fmt::Display for InvalidValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; expected {}", self.wrong, self.expected)
    }
}

impl std::error::Error for InvalidValue {}

/// One variable with one thing wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidVariable {
    /// Name under which the variable was set.
    pub name: String,
    /// Fault of its value.
    pub reason: InvalidValue,
}

impl fmt::Display for InvalidVariable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.reason)
    }
}

/// All problems of a configuration; its text has one line for each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// At least one, in the order of reading.
    problems: Vec<InvalidVariable>,
}

impl ConfigError {
    pub(super) fn new(problems: Vec<InvalidVariable>) -> Self {
        Self { problems }
    }

    /// Problems in the order in which they were found. There is at least one.
    pub fn problems(&self) -> &[InvalidVariable] {
        &self.problems
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}
