//! Source of variables: this process, or a map in tests.
//!
//! Invariant: nothing else in the crate reads the environment of the process.

use std::collections::BTreeMap;
use std::env::VarError;

/// A set of named values.
pub trait Environment {
    /// Value of `name`.
    ///
    /// # Errors
    /// [`VarError::NotPresent`] if it is not set, [`VarError::NotUnicode`] if it is not valid UTF-8.
    fn get(&self, name: &str) -> Result<String, VarError>;

    /// Names of all variables that are set.
    fn names(&self) -> Vec<String>;
}

/// Environment of this process, read at each call.
#[derive(Clone, Copy, Debug)]
pub struct ProcessEnvironment;

#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
impl Environment for ProcessEnvironment {
    fn get(&self, name: &str) -> Result<String, VarError> {
        std::env::var(name)
    }

    fn names(&self) -> Vec<String> {
        std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned()).collect()
    }
}

impl Environment for BTreeMap<String, String> {
    fn get(&self, name: &str) -> Result<String, VarError> {
        self.get(name).cloned().ok_or(VarError::NotPresent)
    }

    fn names(&self) -> Vec<String> {
        self.keys().cloned().collect()
    }
}
