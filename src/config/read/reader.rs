//! Reads variables one by one and collects every problem instead of stopping at the first.
//!
//! Invariant: [`Reader::finish`] succeeds only if no variable had a problem, so a default that stands in for a bad value
//! never reaches the server.

use std::env::VarError;

use super::environment::Environment;
use super::error::{ConfigError, InvalidValue, InvalidVariable};
use super::nearest::nearest;
use super::platform;
use crate::config::variables::{VARIABLES, Variable};

/// Prefix of our names: an unknown one is a platform's or a typing mistake.
const OWN_PREFIX: &str = "KEYFOLD_";

/// Variables being read, with the problems found so far.
pub(crate) struct Reader<'a> {
    /// Source of the variables.
    environment: &'a dyn Environment,
    /// Problems so far; any of them makes [`Reader::finish`] fail.
    problems: Vec<InvalidVariable>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(environment: &'a dyn Environment) -> Self {
        Self { environment, problems: Vec::new() }
    }

    /// Source of the variables, for readers with rules of their own.
    pub(crate) fn environment(&self) -> &'a dyn Environment {
        self.environment
    }

    /// Value of a variable; `None` if it is not set or has a problem. An empty value is a problem.
    pub(crate) fn read<T>(
        &mut self,
        variable: &Variable,
        parse: impl FnOnce(&str) -> Result<T, InvalidValue>,
    ) -> Option<T> {
        let (name, value) = self.value(variable)?;
        let parsed = if value.trim().is_empty() {
            Err(InvalidValue::new("is empty", "a value, or that the variable is not set at all"))
        } else {
            parse(&value)
        };
        parsed.map_err(|reason| self.problem(name, reason)).ok()
    }

    /// As [`Reader::read`], for variables whose empty value counts as unset.
    pub(crate) fn read_unless_empty<T>(
        &mut self,
        variable: &Variable,
        parse: impl FnOnce(&str) -> Result<T, InvalidValue>,
    ) -> Option<T> {
        let (name, value) = self.value(variable)?;
        if value.trim().is_empty() {
            return None;
        }
        parse(&value).map_err(|reason| self.problem(name, reason)).ok()
    }

    /// True if a variable is set under any of its names, whatever its value.
    pub(crate) fn is_set(&self, variable: &Variable) -> bool {
        variable.names().any(|name| self.environment.get(name) != Err(VarError::NotPresent))
    }

    /// Records a problem, once.
    pub(crate) fn problem(&mut self, name: &str, reason: InvalidValue) {
        let problem = InvalidVariable { name: name.to_owned(), reason };
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    /// Ends the reading; fails with all problems, if there are any.
    pub(crate) fn finish(mut self) -> Result<(), ConfigError> {
        self.refuse_unknown_names();
        if self.problems.is_empty() { Ok(()) } else { Err(ConfigError::new(self.problems)) }
    }

    /// Name under which a variable is set, and its value.
    fn value(&mut self, variable: &Variable) -> Option<(&'static str, String)> {
        let first = self.value_of(variable.name);
        let Some(alias) = variable.alias else { return first };
        let second = self.value_of(alias);
        if let (Some((_, first)), Some((_, second))) = (&first, &second)
            && first != second
        {
            let wrong = format!("differs from {alias}, which is another name for it");
            self.problem(
                variable.name,
                InvalidValue::new(wrong, "only one of the two, or the same value"),
            );
        }
        first.or(second)
    }

    fn value_of(&mut self, name: &'static str) -> Option<(&'static str, String)> {
        match self.environment.get(name) {
            Ok(value) => Some((name, value)),
            Err(VarError::NotPresent) => None,
            Err(VarError::NotUnicode(_)) => {
                self.problem(name, InvalidValue::new("is not valid UTF-8", "text in UTF-8"));
                None
            }
        }
    }

    fn refuse_unknown_names(&mut self) {
        let mut names = self.environment.names();
        names.retain(|name| name.starts_with(OWN_PREFIX) && !is_known(name));
        names.retain(|name| !platform::wrote(self.environment, name));
        names.sort_unstable();
        for name in names {
            let known = nearest(&name, VARIABLES.iter().map(|variable| variable.name));
            let expected = format!("a known name, perhaps {}", known.unwrap_or_default());
            self.problem(&name, InvalidValue::new("is not a variable of this program", expected));
        }
    }
}

fn is_known(name: &str) -> bool {
    VARIABLES.iter().any(|variable| variable.names().any(|known| known == name))
}
