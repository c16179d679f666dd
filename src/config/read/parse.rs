//! Parsers that several variables share: numbers, durations, booleans, URLs.
//!
//! Invariant: an error names the fault and the expectation, and repeats a value only where it cannot hold a password (a URL
//! can).

use std::fmt::{Debug, Display};
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use url::Url;

use super::error::InvalidValue;

/// Units of a duration, longest first.
const UNITS: [(char, u64); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

/// Most characters of a value that an error repeats.
const QUOTED_CHARACTERS: usize = 60;

/// Quotes a value, shortened and without control characters, for an error on a terminal.
pub(crate) fn quoted(value: &str) -> String {
    let short: String = value.chars().take(QUOTED_CHARACTERS).collect();
    if short.len() < value.len() { format!("{short:?}…") } else { format!("{short:?}") }
}

/// Parser of a whole number inside `range`.
pub(crate) fn number<T>(range: RangeInclusive<T>) -> impl Fn(&str) -> Result<T, InvalidValue>
where
    T: FromStr + PartialOrd + Display + Debug,
{
    move |value| {
        let expected = format!("a whole number from {} to {}", range.start(), range.end());
        let number = value
            .trim()
            .parse::<T>()
            .map_err(|_| InvalidValue::new(format!("is {}", quoted(value)), expected.clone()))?;
        if range.contains(&number) {
            Ok(number)
        } else {
            Err(InvalidValue::new(format!("is {number}"), expected))
        }
    }
}

/// Parser of a duration inside `range`: a whole number of seconds, or one with a unit (`30s`, `15m`, `12h`, `7d`).
pub(crate) fn duration(
    range: RangeInclusive<Duration>,
) -> impl Fn(&str) -> Result<Duration, InvalidValue> {
    move |value| {
        let expected = || {
            let (least, most) = (written(*range.start()), written(*range.end()));
            format!("a duration from {least} to {most}, such as 30s, 15m, 12h or 7d")
        };
        seconds(value.trim())
            .map(Duration::from_secs)
            .filter(|duration| range.contains(duration))
            .ok_or_else(|| InvalidValue::new(format!("is {}", quoted(value)), expected()))
    }
}

/// Seconds of a number with or without a unit, unless they overflow.
fn seconds(value: &str) -> Option<u64> {
    let unit = UNITS.iter().find_map(|&(unit, seconds)| Some((value.strip_suffix(unit)?, seconds)));
    let (digits, seconds) = unit.unwrap_or((value, 1));
    // `u64::from_str` would take a leading `+`.
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse::<u64>().ok()?.checked_mul(seconds)
}

/// Writes a duration as an operator would write it into a variable.
pub(crate) fn written(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (unit, size) = UNITS
        .into_iter()
        .find(|(_, size)| seconds >= *size && seconds.is_multiple_of(*size))
        .unwrap_or(('s', 1));
    format!("{}{unit}", seconds / size)
}

/// Parses `true` or `false`, also as `1` or `0`.
pub(crate) fn boolean(value: &str) -> Result<bool, InvalidValue> {
    match value.trim() {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(InvalidValue::new(format!("is {}", quoted(value)), "true or false")),
    }
}

/// Parses a URL of one of `schemes` that names only a server: no path, query, fragment, user or password.
pub(crate) fn server_url(value: &str, schemes: &[&str]) -> Result<Url, &'static str> {
    let url = Url::parse(value.trim()).map_err(|_| "is not a URL")?;
    if !schemes.contains(&url.scheme()) {
        return Err("has a scheme that cannot be used");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("contains a user name or password");
    }
    if !matches!(url.path(), "" | "/") {
        return Err("has a path");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("has a query or a fragment");
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);
    const DAY: Duration = Duration::from_hours(24);

    #[test]
    fn durations_are_seconds_or_a_number_with_a_unit() {
        let cases =
            [("90", 90), ("60s", 60), (" 15m ", 900), ("12h", 43_200), ("1d", 86_400), ("060", 60)];
        for (value, seconds) in cases {
            assert_eq!(
                duration(MINUTE..=DAY)(value),
                Ok(Duration::from_secs(seconds)),
                "{value:?}"
            );
        }
    }

    #[test]
    fn a_duration_outside_its_bounds_or_in_another_form_is_refused() {
        let refused = [
            "59s",
            "2d",
            "",
            "m",
            "1.5h",
            "-1m",
            "+1m",
            "1h30m",
            "1 h",
            "1w",
            "1M",
            "１m",
            "99999999999999999999",
            "18446744073709551615d",
        ];
        for value in refused {
            let error = duration(MINUTE..=DAY)(value).unwrap_err();
            assert_eq!(error.expected, "a duration from 1m to 1d, such as 30s, 15m, 12h or 7d");
        }
    }

    #[test]
    fn numbers_must_be_whole_and_inside_their_bounds() {
        assert_eq!(number(1..=10)("10"), Ok(10));
        for (value, wrong) in [("11", "is 11"), ("ten", "is \"ten\""), ("1.0", "is \"1.0\"")] {
            let expected = InvalidValue::new(wrong, "a whole number from 1 to 10");
            assert_eq!(number(1_u32..=10)(value), Err(expected));
        }
    }

    #[test]
    fn only_true_false_one_and_zero_are_truth_values() {
        assert_eq!([boolean("true"), boolean("1")], [Ok(true), Ok(true)]);
        assert_eq!([boolean("false"), boolean("0")], [Ok(false), Ok(false)]);
        assert_eq!(boolean("yes").unwrap_err().to_string(), "is \"yes\"; expected true or false");
    }

    #[test]
    fn a_quoted_value_is_short_and_harmless_to_a_terminal() {
        assert_eq!(quoted("a\u{1b}[2Jb"), "\"a\\u{1b}[2Jb\"");
        assert_eq!(quoted(&"x".repeat(61)), format!("\"{}\"…", "x".repeat(60)));
    }
}
