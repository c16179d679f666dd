//! A finding of a check, in one line.

use std::fmt;
use std::time::Duration;

/// Severity of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FindingLevel {
    /// As it should be; an operator has nothing to do.
    Ok,
    /// Works, but an operator should have a look.
    Warning,
    /// Broken, or about to lose data; the command fails.
    Error,
}

/// Result of one check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    /// Severity, which decides about the exit code.
    pub(super) level: FindingLevel,
    /// Short name of the check, in the second column.
    check: &'static str,
    /// Facts, and advice if something is to be done.
    text: String,
}

impl Finding {
    pub(super) fn ok(check: &'static str, text: impl Into<String>) -> Self {
        Self { level: FindingLevel::Ok, check, text: text.into() }
    }

    pub(super) fn warning(check: &'static str, text: impl Into<String>) -> Self {
        Self { level: FindingLevel::Warning, check, text: text.into() }
    }

    pub(super) fn error(check: &'static str, text: impl Into<String>) -> Self {
        Self { level: FindingLevel::Error, check, text: text.into() }
    }

    /// Error of a check that could not be made.
    pub(super) fn failed(check: &'static str, error: &dyn fmt::Display) -> Self {
        Self::error(check, format!("check failed: {error}"))
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            FindingLevel::Ok => "ok",
            FindingLevel::Warning => "warning",
            FindingLevel::Error => "error",
        };
        write!(f, "{level:<7}  {:<11}  {}", self.check, self.text)
    }
}

/// Writes a duration in its two largest units.
pub(super) fn span(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let units = [(seconds / 86_400, "d"), (seconds / 3_600 % 24, "h"), (seconds / 60 % 60, "m")];
    let units = units.into_iter().chain([(seconds % 60, "s")]);
    let told: Vec<_> = units.skip_while(|(count, _)| *count == 0).take(2).collect();
    let told = told.into_iter().filter(|(count, _)| *count > 0);
    let told: Vec<_> = told.map(|(count, unit)| format!("{count}{unit}")).collect();
    if told.is_empty() { "0s".to_owned() } else { told.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_a_line_that_begins_with_how_bad_it_is() {
        let finding = Finding::warning("clock", "it is late");
        assert_eq!(finding.to_string(), "warning  clock        it is late");
    }

    #[test]
    fn a_span_is_told_in_its_two_largest_units() {
        let told = [0, 59, 60, 3_601, 90_000, 86_400].map(|s| span(Duration::from_secs(s)));
        assert_eq!(told, ["0s", "59s", "1m", "1h", "1d 1h", "1d"]);
    }
}
