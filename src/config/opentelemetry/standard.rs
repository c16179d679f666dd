//! Reads the standard variables as their specification asks: an empty value counts as unset, and an unusable one is ignored
//! with a remark, never a reason not to start.
//!
//! Invariant: a remark repeats no value that may hold a secret, which those of endpoints and headers may.

use std::env::VarError;
use std::time::Duration;

use super::signal::Signal;
use super::table::{EXEMPLAR_FILTER, HISTOGRAM_AGGREGATION, STANDARD_VARIABLES, StandardVariable};
use crate::config::read::environment::Environment;
use crate::config::read::error::InvalidValue;
use crate::config::read::parse::{number, quoted};
use crate::config::read::platform;

/// Prefix of every standard variable.
const PREFIX: &str = "OTEL_";
/// Most names in the remark about variables that are not obeyed.
const MOST_NAMES: usize = 64;
/// Longest duration in milliseconds, which also stands for no limit.
pub(super) const LONGEST: u32 = 2_147_483_647;
/// Values of disobeyed variables that describe the actual behaviour, and so need no remark.
const HOLDS: [(&str, &str); 2] = [
    (EXEMPLAR_FILTER.name, "always_off"),
    (HISTOGRAM_AGGREGATION.name, "explicit_bucket_histogram"),
];

/// Variables being read, with the remarks so far.
pub(crate) struct Standard<'a> {
    /// Source of the variables.
    environment: &'a dyn Environment,
    /// Values that were ignored, a line each.
    remarks: Vec<String>,
    /// Variables that were set and are not obeyed, each with its reason.
    not_obeyed: Vec<String>,
}

impl<'a> Standard<'a> {
    pub(crate) fn new(environment: &'a dyn Environment) -> Self {
        Self { environment, remarks: Vec::new(), not_obeyed: Vec::new() }
    }

    /// Value of a variable, unless it is empty.
    pub(super) fn value(&mut self, name: &str) -> Option<String> {
        match self.environment.get(name) {
            Ok(value) => Some(value).filter(|value| !value.trim().is_empty()),
            Err(VarError::NotPresent) => None,
            Err(VarError::NotUnicode(_)) => {
                self.ignore(name, &InvalidValue::new("is not valid UTF-8", "text in UTF-8"));
                None
            }
        }
    }

    /// Parsed value of a variable. A value that cannot be parsed is ignored.
    pub(super) fn read<T>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, InvalidValue>,
    ) -> Option<T> {
        let value = self.value(name)?;
        parse(&value).map_err(|reason| self.ignore(name, &reason)).ok()
    }

    /// Value of a signal's own variable, or else of the general one. Both are parsed, so that each is remarked on.
    pub(super) fn of_signal<T>(
        &mut self,
        variable: &StandardVariable,
        signal: Signal,
        parse: impl Fn(&str) -> Result<T, InvalidValue>,
    ) -> Option<T> {
        let own = self.read(&variable.of(signal), &parse);
        let general = self.read(variable.name, &parse);
        own.or(general)
    }

    /// Unparsed value of a signal's own variable or the general one, with the variable's name.
    pub(super) fn text_of_signal(
        &mut self,
        variable: &StandardVariable,
        signal: Signal,
    ) -> Option<(String, String)> {
        let names = [variable.of(signal), variable.name.to_owned()];
        names.into_iter().find_map(|name| self.value(&name).map(|value| (name, value)))
    }

    /// Reads a boolean: only `true`, in upper or lower case, is true.
    pub(super) fn is_true(&mut self, name: &str) -> Option<bool> {
        let value = self.value(name)?;
        if !["true", "false"].iter().any(|known| value.eq_ignore_ascii_case(known)) {
            let wrong = format!("is {}, which counts as false", quoted(&value));
            self.ignore(name, &InvalidValue::new(wrong, "true or false"));
        }
        Some(value.eq_ignore_ascii_case("true"))
    }

    /// Known words of a list, each once. Unknown ones are ignored; if none is left, so is the whole list.
    pub(super) fn list(
        &mut self,
        name: &str,
        known: &'static [&'static str],
    ) -> Option<Vec<&'static str>> {
        let value = self.value(name)?;
        let mut listed = Vec::new();
        for word in value.split(',').map(str::trim).filter(|word| !word.is_empty()) {
            match known.iter().find(|known| known.eq_ignore_ascii_case(word)) {
                Some(known) if listed.contains(known) => {}
                Some(known) => listed.push(*known),
                None => self.ignore(name, &not_among(word, known)),
            }
        }
        Some(listed).filter(|listed| !listed.is_empty())
    }

    /// Remarks that a value, or a part of it, is ignored.
    pub(super) fn ignore(&mut self, name: &str, reason: &InvalidValue) {
        let remark = format!("ignored {name}: {reason}");
        // General variables are read once for each signal.
        if !self.remarks.contains(&remark) {
            self.remarks.push(remark);
        }
    }

    /// Records that a variable is not obeyed, with the reason.
    pub(crate) fn disobey(&mut self, name: &str, reason: &str) {
        self.not_obeyed.push(format!("{name} ({reason})"));
    }

    /// True if a variable has a value.
    pub(crate) fn is_set(&self, name: &str) -> bool {
        self.environment.get(name).is_ok_and(|value| !value.trim().is_empty())
    }

    /// Ends the reading, and returns all remarks, a line each.
    pub(crate) fn finish(mut self) -> Vec<String> {
        let mut names = self.environment.names();
        names.retain(|name| name.starts_with(PREFIX) && !self.is_obeyed(name));
        names.sort_unstable();
        self.not_obeyed.extend(names);
        if self.not_obeyed.is_empty() {
            return self.remarks;
        }
        let more = self.not_obeyed.len().saturating_sub(MOST_NAMES);
        self.not_obeyed.truncate(MOST_NAMES);
        if more > 0 {
            self.not_obeyed.push(format!("{more} more"));
        }
        self.remarks.push(format!("not obeyed: {}", self.not_obeyed.join(", ")));
        self.remarks
    }

    /// True if a variable needs no remark: it is obeyed, empty, or a platform's.
    fn is_obeyed(&self, name: &str) -> bool {
        let row = STANDARD_VARIABLES.iter().find(|row| row.names().any(|known| known == name));
        let value = self.environment.get(name).unwrap_or_default();
        row.is_some_and(|row| row.is_obeyed)
            || value.trim().is_empty()
            || HOLDS.iter().any(|held| held.0 == name && held.1.eq_ignore_ascii_case(&value))
            || (row.is_none() && platform::wrote(self.environment, name))
    }
}

/// Error for a word that is not among the known ones.
pub(super) fn not_among(word: &str, known: &[&str]) -> InvalidValue {
    let (last, others) = known.split_last().unwrap_or((&"", &[]));
    let expected = if others.is_empty() {
        (*last).to_owned()
    } else {
        format!("{} or {last}", others.join(", "))
    };
    InvalidValue::new(format!("is {}", quoted(word)), expected)
}

/// Parser of one of several words, in upper or lower case.
pub(super) fn word<T: Copy>(
    known: &'static [(&'static str, T)],
) -> impl Fn(&str) -> Result<T, InvalidValue> {
    move |value| {
        let found = known.iter().find(|(word, _)| word.eq_ignore_ascii_case(value));
        let words: Vec<_> = known.iter().map(|(word, _)| *word).collect();
        found.map(|(_, meant)| *meant).ok_or_else(|| not_among(value, &words))
    }
}

/// Parser of a duration in milliseconds, at least `least`.
pub(super) fn milliseconds(least: u32) -> impl Fn(&str) -> Result<Duration, InvalidValue> {
    move |value| number(least..=LONGEST)(value).map(|it| Duration::from_millis(it.into()))
}

/// Parses a timeout in milliseconds, of which 0 is no limit.
pub(super) fn time_limit(value: &str) -> Result<Duration, InvalidValue> {
    let limit = milliseconds(0)(value)?;
    Ok(if limit.is_zero() { Duration::from_millis(LONGEST.into()) } else { limit })
}
