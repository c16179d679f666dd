//! Points of a history: a number of events, and the mark of the last of them.
//!
//! A number alone is a place in any history. Once a backup is restored, or a database goes on as two, the number stands
//! for another event, and a client that kept it would be answered as if nothing had happened. A mark is drawn for the
//! event itself, so a number with its mark stands for one event in every database that has it and for none in the others:
//! no restore has to be noticed or declared for that.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use crate::base::clock::Timestamp;
use crate::base::id::Id;

/// The digits of a mark (RFC 4648, section 5).
const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
/// Number of digits of a mark, which hold 48 bits.
const LENGTH: usize = 8;

/// Distinguishes an event from all others that could stand in its place: eight digits of base 64 URL.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mark([u8; LENGTH]);

/// A point of a history. As text the number, a dot and the mark, `31.Zk3x_9Qa` for instance; `0` is before the first event.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Point {
    /// Number of events up to the one that has the mark.
    pub number: i64,
    /// Mark of the last of these events.
    pub mark: Mark,
}

/// A number of events in the history that a point names: `7@31.Zk3x_9Qa` is after the seventh event of the history whose
/// 31st has that mark. A point by itself stands for its own number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VersionInHistory {
    /// Number of events, at most that of the point.
    pub number: i64,
    /// Point that names the history.
    pub point: Point,
}

/// The text is no point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a version as answers have it, such as 31.Zk3x_9Qa")]
pub struct InvalidPoint;

impl Mark {
    /// Draws a new mark, for events that are made at this time.
    pub fn draw(at: Timestamp) -> Self {
        Self::of(Id::<()>::at(at).uuid())
    }

    /// The mark of an event with this identifier: the random part of it.
    pub fn of(id: Uuid) -> Self {
        let mut rest = id.as_u128();
        Self(std::array::from_fn(|_| {
            let digit = usize::try_from(rest % 64).unwrap_or_default();
            rest /= 64;
            DIGITS.get(digit).copied().unwrap_or_default()
        }))
    }

    fn as_str(&self) -> &str {
        // All digits are ASCII.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl Default for Mark {
    fn default() -> Self {
        Self([b'A'; LENGTH])
    }
}

impl fmt::Debug for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Mark {
    type Err = InvalidPoint;

    fn from_str(text: &str) -> Result<Self, InvalidPoint> {
        let digits = <[u8; LENGTH]>::try_from(text.as_bytes()).map_err(|_| InvalidPoint)?;
        let is_mark = digits.iter().all(|digit| DIGITS.contains(digit));
        if is_mark { Ok(Self(digits)) } else { Err(InvalidPoint) }
    }
}

impl Point {
    /// The point after `number` events, the last of which has this mark.
    pub const fn new(number: i64, mark: Mark) -> Self {
        Self { number, mark }
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.number {
            0 => f.write_str("0"),
            number => write!(f, "{number}.{}", self.mark.as_str()),
        }
    }
}

impl FromStr for Point {
    type Err = InvalidPoint;

    fn from_str(text: &str) -> Result<Self, InvalidPoint> {
        if text == "0" {
            return Ok(Self::default());
        }
        let (number, mark) = text.split_once('.').ok_or(InvalidPoint)?;
        Ok(Self {
            number: counted(number).filter(|number| *number > 0).ok_or(InvalidPoint)?,
            mark: mark.parse()?,
        })
    }
}

impl From<Point> for VersionInHistory {
    fn from(point: Point) -> Self {
        Self { number: point.number, point }
    }
}

impl fmt::Display for VersionInHistory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, point } = self;
        if *number == point.number { point.fmt(f) } else { write!(f, "{number}@{point}") }
    }
}

impl FromStr for VersionInHistory {
    type Err = InvalidPoint;

    fn from_str(text: &str) -> Result<Self, InvalidPoint> {
        let Some((number, point)) = text.split_once('@') else {
            return text.parse().map(Point::into);
        };
        let (number, point): (_, Point) = (counted(number).ok_or(InvalidPoint)?, point.parse()?);
        if number <= point.number { Ok(Self { number, point }) } else { Err(InvalidPoint) }
    }
}

/// Parses a number in its canonical notation only.
fn counted(text: &str) -> Option<i64> {
    let number = text.parse::<i64>().ok().filter(|number| *number >= 0)?;
    (number.to_string() == text).then_some(number)
}

/// Implements `Deserialize` for types with a notation as text.
macro_rules! as_text {
    ($($type:ty),+) => {$(
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )+};
}

as_text!(Mark, Point, VersionInHistory);

impl Serialize for Mark {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl Serialize for Point {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(text: &str) -> Mark {
        text.parse().unwrap()
    }

    #[test]
    fn a_point_survives_its_own_notation() {
        for point in [
            Point::default(),
            Point::new(31, mark("Zk3x_9Q-")),
            Point::new(i64::MAX, Mark::default()),
        ] {
            assert_eq!(point.to_string().parse(), Ok(point));
            let json = serde_json::to_string(&point).unwrap();
            assert_eq!(serde_json::from_str::<Point>(&json).unwrap(), point);
        }
        assert_eq!(Point::new(31, mark("Zk3x_9Q-")).to_string(), "31.Zk3x_9Q-");
    }

    #[test]
    fn what_is_written_differently_is_no_point() {
        for text in [
            "",
            "31",
            "31.",
            "031.Zk3x_9Qa",
            "+31.Zk3x_9Qa",
            "-1.Zk3x_9Qa",
            "0.Zk3x_9Qa",
            "00",
            "31.Zk3x_9Q",
            "31.Zk3x_9Qaa",
            "31.Zk3x 9Qa",
            "31.Zk3x_9Qä",
            "31,Zk3x_9Qa",
            "9223372036854775808.Zk3x_9Qa",
            " 31.Zk3x_9Qa",
        ] {
            assert_eq!(text.parse::<Point>(), Err(InvalidPoint), "{text}");
        }
    }

    #[test]
    fn a_number_within_a_history_is_one_that_the_history_has() {
        let point = Point::new(31, mark("Zk3x_9Qa"));
        assert_eq!("31.Zk3x_9Qa".parse(), Ok(VersionInHistory { number: 31, point }));
        assert_eq!("7@31.Zk3x_9Qa".parse(), Ok(VersionInHistory { number: 7, point }));
        assert_eq!(VersionInHistory { number: 7, point }.to_string(), "7@31.Zk3x_9Qa");
        assert_eq!(VersionInHistory::from(point).to_string(), "31.Zk3x_9Qa");
        assert_eq!("0@31.Zk3x_9Qa".parse(), Ok(VersionInHistory { number: 0, point }));
        for text in ["32@31.Zk3x_9Qa", "-1@31.Zk3x_9Qa", "7@31", "07@31.Zk3x_9Qa", "@", "7@"] {
            assert_eq!(text.parse::<VersionInHistory>(), Err(InvalidPoint), "{text}");
        }
    }

    #[test]
    fn events_made_at_the_same_moment_have_different_marks() {
        let at = Timestamp::from_unix_millis(1_763_812_800_123);
        let marks: std::collections::HashSet<_> = (0..1_000).map(|_| Mark::draw(at)).collect();
        assert_eq!(marks.len(), 1_000);
    }
}
