//! Dates and times as requests have them (RFC 3339): only what others can read too.

use std::ops::RangeInclusive;

use jiff::fmt::temporal::Pieces;
use jiff::tz::Offset;

use super::clock::Timestamp;

/// Years of four digits. There was no year 0.
pub const YEARS: RangeInclusive<i16> = 1..=9999;

/// Longer than any time with the longest name of a zone.
const MAX_BYTES: usize = 80;

/// The text is no date and time with its offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a date and time with its offset (RFC 3339)")]
pub struct InvalidTime;

/// Date, time, offset and zone of a text, as far as it has them. Year and offset are in their range.
///
/// # Errors
///
/// When it is too long, or anything of it cannot be read or written.
pub fn pieces(text: &str) -> Result<Pieces<'_>, InvalidTime> {
    let fits = Some(text).filter(|text| text.len() <= MAX_BYTES).ok_or(InvalidTime)?;
    let pieces = Pieces::parse(fits).map_err(|_| InvalidTime)?;
    let can_write = pieces.to_numeric_offset().is_none_or(is_writable);
    let is_fit = can_write && YEARS.contains(&pieces.date().year());
    is_fit.then_some(pieces).ok_or(InvalidTime)
}

/// The moment that a text names. What is finer than milliseconds is dropped.
///
/// # Errors
///
/// When it does not name one.
pub fn moment(text: &str) -> Result<Timestamp, InvalidTime> {
    let pieces = pieces(text)?;
    let (time, offset) = pieces.time().zip(pieces.to_numeric_offset()).ok_or(InvalidTime)?;
    let moment = offset.to_timestamp(pieces.date().to_datetime(time)).map_err(|_| InvalidTime)?;
    Ok(moment.into())
}

/// True for an offset that can be written: hours to 23, and whole minutes (section 5.6).
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
