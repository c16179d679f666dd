//! Dates and times of requests (RFC 3339), restricted to those that other software can read too.

use std::ops::RangeInclusive;

use jiff::fmt::temporal::Pieces;
use jiff::tz::Offset;

use super::clock::Timestamp;

/// Years that are accepted: those of four digits, without the year 0, which never was.
pub const YEARS: RangeInclusive<i16> = 1..=9999;

/// Longest accepted text: more than any time with the longest name of a zone.
const MAX_BYTES: usize = 80;

/// The text is not a date and time with an offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a date and time with its offset (RFC 3339)")]
pub struct InvalidTime;

/// Parses a text into date, time, offset and zone, as far as it has them. Year and offset are in their range.
///
/// # Errors
///
/// Fails if the text is too long, or if any of its parts cannot be read or written.
pub fn pieces(text: &str) -> Result<Pieces<'_>, InvalidTime> {
    let fits = Some(text).filter(|text| text.len() <= MAX_BYTES).ok_or(InvalidTime)?;
    let pieces = Pieces::parse(fits).map_err(|_| InvalidTime)?;
    let can_write = pieces.to_numeric_offset().is_none_or(is_writable);
    let is_fit = can_write && YEARS.contains(&pieces.date().year());
    is_fit.then_some(pieces).ok_or(InvalidTime)
}

/// Parses the moment that a text names. Digits beyond milliseconds are dropped.
///
/// # Errors
///
/// Fails if the text does not name a moment.
pub fn moment(text: &str) -> Result<Timestamp, InvalidTime> {
    let pieces = pieces(text)?;
    let (time, offset) = pieces.time().zip(pieces.to_numeric_offset()).ok_or(InvalidTime)?;
    let moment = offset.to_timestamp(pieces.date().to_datetime(time)).map_err(|_| InvalidTime)?;
    Ok(moment.into())
}

/// Returns true for an offset that can be written: up to 23 hours, in whole minutes (section 5.6).
fn is_writable(offset: Offset) -> bool {
    offset.seconds().abs() < 24 * 3_600 && offset.seconds() % 60 == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_read_to_the_millisecond_and_never_later_than_it_was() {
        for (text, told) in [
            ("2025-11-22T13:00:00+01:00", "2025-11-22T12:00:00.000Z"),
            ("2025-11-22T12:00:00.123999Z", "2025-11-22T12:00:00.123Z"),
            ("1969-12-31T23:59:59.9999Z", "1969-12-31T23:59:59.999Z"),
            ("1969-12-31T23:59:59.9991Z", "1969-12-31T23:59:59.999Z"),
            ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z"),
            ("2025-11-22T13:00:00+01:00[Europe/Prague]", "2025-11-22T12:00:00.000Z"),
        ] {
            assert_eq!(moment(text).unwrap().to_string(), told);
        }
    }

    #[test]
    fn what_others_cannot_read_is_refused() {
        for text in [
            "",
            "2025-11-22",
            "2025-11-22T12:00:00",
            "2025-11-22T12:00:00[Europe/Prague]",
            "2025-11-22T12:00:00+24:00",
            "2025-11-22T12:00:00+01:00:30",
            "-000044-03-15T12:00:00Z",
            "0000-01-01T00:00:00Z",
            "9999-12-31T23:59:59-23:59",
            &format!("2025-11-22T12:00:00.{}Z", "1".repeat(90)),
        ] {
            assert_eq!(moment(text), Err(InvalidTime), "{text}");
        }
    }
}
