//! Due dates: a day, or a moment.
//!
//! A moment keeps the zone in which it was given: a UTC offset (RFC 3339), or an offset and the name of a time zone (RFC
//! 9557). The name is checked on input. Afterwards the offset counts, so that a later change of that zone's rules moves
//! nothing.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use jiff::fmt::temporal::{DateTimePrinter, Pieces};
use jiff::tz::{Offset, TimeZone};
use jiff::{RoundMode, Unit, Zoned, ZonedRound};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::base::clock::Timestamp;
use crate::base::rfc3339::{YEARS, pieces};

/// Due date of a task. Moments have millisecond precision. Boxed, because most tasks have none.
#[derive(Clone, PartialEq, Eq)]
pub struct Due(Box<DueTime>);

#[derive(Clone, PartialEq, Eq)]
struct DueTime {
    /// Text as shown: `2026-12-24`, `2026-12-24T18:00:00+01:00`, `2026-12-24T18:00:00+01:00[Europe/Prague]`.
    text: Box<str>,
    /// Day in the zone of the due date, for ranges of days.
    date: Date,
    /// Moment, for sorting and for ranges of moments; `None` if the task is due on a day as a whole.
    moment: Option<Timestamp>,
}

/// Error: the text is not a due date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be a date such as 2026-12-24, or a date and time with its zone such as 2026-12-24T18:00:00+01:00 \
     or 2026-12-24T18:00:00+01:00[Europe/Prague]"
)]
pub struct InvalidDue;

/// End of a range of due dates. A day is compared with the day in the task's zone, a moment with the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Bound {
    /// A day, all of which is in the range.
    Day(Date),
    /// A moment, which is in the range.
    Moment(Timestamp),
}

impl Due {
    /// The moment of the due date; for a day, the beginning of that day in UTC.
    pub fn instant(&self) -> Timestamp {
        self.0.moment.unwrap_or_else(|| beginning(self.0.date))
    }

    /// True if the due date is not before the start of a range.
    pub fn is_from(&self, bound: Bound) -> bool {
        match bound {
            Bound::Day(day) => self.0.date >= day,
            Bound::Moment(moment) => self.instant() >= moment,
        }
    }

    /// True if the due date is not after the end of a range.
    pub fn is_until(&self, bound: Bound) -> bool {
        match bound {
            Bound::Day(day) => self.0.date <= day,
            Bound::Moment(moment) => self.instant() <= moment,
        }
    }

    /// The due date as an end of a range.
    pub fn bound(&self) -> Bound {
        self.0.moment.map_or(Bound::Day(self.0.date), Bound::Moment)
    }

    /// Text as shown, which is also the stored form.
    pub fn as_str(&self) -> &str {
        &self.0.text
    }

    /// Bytes on the heap, beside the size of the value itself.
    pub fn bytes(&self) -> usize {
        size_of::<DueTime>() + self.0.text.len()
    }

    /// Reads the text of [`Self::as_str`], even if its time zone is not known any more.
    fn stored(text: &str) -> Option<Self> {
        let pieces = Pieces::parse(text).ok()?;
        let date = pieces.date();
        let moment = match pieces.time() {
            None => None,
            Some(time) => {
                let offset = pieces.to_numeric_offset()?;
                Some(offset.to_timestamp(date.to_datetime(time)).ok()?.into())
            }
        };
        Some(Self(Box::new(DueTime { text: text.into(), date, moment })))
    }
}

fn beginning(date: Date) -> Timestamp {
    // The last days of the calendar are beyond the last timestamp.
    let moment = Offset::UTC.to_timestamp(date.at(0, 0, 0, 0));
    moment.unwrap_or(jiff::Timestamp::MAX).into()
}

impl FromStr for Due {
    type Err = InvalidDue;

    fn from_str(text: &str) -> Result<Self, InvalidDue> {
        let pieces = pieces(text).map_err(|_| InvalidDue)?;
        let is_named = pieces.time_zone_annotation().is_some();
        let shown = match (pieces.time(), pieces.to_numeric_offset()) {
            (None, None) if !is_named => Ok(pieces.date().to_string()),
            (Some(_), _) if is_named => text.parse().and_then(|zoned| shown(&zoned)),
            (Some(time), Some(offset)) => pieces
                .date()
                .to_datetime(time)
                .to_zoned(TimeZone::fixed(offset))
                .and_then(|zoned| shown(&zoned)),
            _ => return Err(InvalidDue),
        };
        // The shown text is parsed again, because it counts: offsets of the time before whole-minute zones are shown
        // rounded.
        let due = shown.ok().and_then(|text| Self::stored(&text));
        due.filter(|due| YEARS.contains(&due.0.date.year())).ok_or(InvalidDue)
    }
}

/// Text of a moment in its zone, to the millisecond.
fn shown(zoned: &Zoned) -> Result<String, jiff::Error> {
    let rounding = ZonedRound::new().smallest(Unit::Millisecond).mode(RoundMode::Trunc);
    let zoned = zoned.round(rounding)?;
    match zoned.time_zone().to_fixed_offset() {
        Ok(Offset::UTC) => Ok(zoned.timestamp().to_string()),
        Ok(offset) => {
            let printer = DateTimePrinter::new();
            Ok(printer.timestamp_with_offset_to_string(&zoned.timestamp(), offset))
        }
        Err(_named) => Ok(zoned.to_string()),
    }
}

impl fmt::Debug for Due {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.text)
    }
}

impl Serialize for Due {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.text)
    }
}

impl<'de> Deserialize<'de> for Due {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        Self::stored(&text).ok_or_else(|| serde::de::Error::custom(InvalidDue))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(text: &str) -> Due {
        text.parse().unwrap()
    }

    fn shown(text: &str) -> String {
        due(text).as_str().to_owned()
    }

    #[test]
    fn a_day_is_shown_as_it_was_given() {
        assert_eq!(shown("2026-12-24"), "2026-12-24");
        assert_eq!(due("2026-12-24").instant().to_string(), "2026-12-24T00:00:00.000Z");
        assert!(due("9999-12-31").instant() > due("9999-12-30").instant());
    }

    #[test]
    fn a_moment_keeps_its_zone_and_its_milliseconds() {
        for (given, kept) in [
            ("2026-12-24T18:00:00Z", "2026-12-24T18:00:00Z"),
            ("2026-12-24T18:00+01:00", "2026-12-24T18:00:00+01:00"),
            ("2026-12-24T18:00:00.123456-05:30", "2026-12-24T18:00:00.123-05:30"),
            ("2026-12-24T18:00[Europe/Prague]", "2026-12-24T18:00:00+01:00[Europe/Prague]"),
            (
                "2026-07-24T18:00:00+02:00[Europe/Prague]",
                "2026-07-24T18:00:00+02:00[Europe/Prague]",
            ),
        ] {
            assert_eq!(shown(given), kept);
        }
        assert_eq!(due("2026-12-24T00:30+01:00").instant().to_string(), "2026-12-23T23:30:00.000Z");
    }

    #[test]
    fn what_was_stored_is_read_back_the_same() {
        for text in
            ["2026-12-24", "2026-12-24T18:00:00Z", "2026-12-24T18:00:00.5+01:00[Europe/Prague]"]
        {
            let stored = serde_json::to_string(&due(text)).unwrap();
            assert_eq!(serde_json::from_str::<Due>(&stored).unwrap(), due(text));
        }
    }

    #[test]
    fn a_zone_whose_rules_have_changed_does_not_make_the_past_unreadable() {
        let stored = "\"2026-12-24T18:00:00+03:00[Europe/Atlantis]\"";
        let due: Due = serde_json::from_str(stored).unwrap();
        assert_eq!(due.instant().to_string(), "2026-12-24T15:00:00.000Z");
    }

    #[test]
    fn a_day_bounds_by_the_day_where_the_task_is_due_and_a_moment_by_the_moment() {
        let prague = due("2026-12-24T00:30+01:00");
        assert!(prague.is_from(due("2026-12-24").bound()));
        assert!(prague.is_until(due("2026-12-24").bound()));
        assert!(!prague.is_from(due("2026-12-24T00:00Z").bound()));
        assert!(prague.is_until(due("2026-12-23T23:30Z").bound()));
        assert!(due("2026-12-24").is_until(due("2026-12-24T10:00Z").bound()));
        assert!(!due("2026-12-25").is_until(due("2026-12-24").bound()));
    }

    #[test]
    fn what_says_no_day_or_no_zone_is_refused() {
        for text in [
            "2026-12-24T23:00:00+24:00",
            "2026-12-24T23:00:00-24:00",
            "2026-12-24T23:00:00+25:59",
            "2026-12-24T23:00:00+01:00:30",
            "",
            "tomorrow",
            "2026-02-30",
            "2026-12-24T18:00:00",
            "2026-12-24T18:00:00 01:00",
            "2026-12-24T25:00:00Z",
            "2026-12-24[Europe/Prague]",
            "2026-12-24T18:00[Europe/Atlantis]",
            "2026-12-24T18:00:00+05:00[Europe/Prague]",
            "-002026-12-24",
            "0000-01-01",
            &"1".repeat(100),
        ] {
            assert_eq!(text.parse::<Due>(), Err(InvalidDue), "{text}");
        }
    }
}
