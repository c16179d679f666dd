//! Positions in the manual order of a list.
//!
//! # Design
//!
//! A position is a fraction written in base 36, so text order is number order and there is always another position between
//! two others: a task is moved without touching any other. The first eight digits count whole steps. Adding to either end
//! takes the next step, and only what is put between two neighbours needs further digits.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Number of digits that count whole steps.
const WHOLE: usize = 8;
/// Most digits of a position: enough for about three hundred moves into one gap.
const MAX_DIGITS: usize = 64;
const BASE: u64 = 36;
/// Steps of the first position in a list: the middle, with room on both sides.
const START: u64 = 18 * 36_u64.pow(7);
const END: u64 = 36_u64.pow(8);

/// A position in the manual order. Compares like its text. Cheap to clone.
#[derive(Clone)]
pub struct Position(Digits);

/// Digits of a position. Nearly all positions are whole steps, which need no memory on the heap.
#[derive(Clone)]
enum Digits {
    Whole([u8; WHOLE]),
    Further(Arc<Box<str>>),
}

/// Error: the text is not a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be the position of an exported task")]
pub struct InvalidPosition;

impl Position {
    /// Parses the text of a position.
    ///
    /// # Errors
    ///
    /// If the text is not one that this module produces.
    pub fn parse(text: &str) -> Result<Self, InvalidPosition> {
        let fits = (WHOLE..=MAX_DIGITS).contains(&text.len())
            && text.bytes().all(|byte| digit(byte).is_some())
            // The smallest text, or a longer one that ends in zero, would leave no room beside it.
            && text != "00000000"
            && (text.len() == WHOLE || !text.ends_with('0'));
        if fits { Ok(Self::of(text)) } else { Err(InvalidPosition) }
    }

    /// A position between two others, beyond one of them, or the first of all. `None` if there is no room left.
    pub fn between(lower: Option<&Self>, upper: Option<&Self>) -> Option<Self> {
        match (lower, upper) {
            (None, None) => Some(Self::whole(START)),
            (Some(lower), None) if lower.steps() + 1 < END => Some(Self::whole(lower.steps() + 1)),
            (None, Some(upper)) if upper.steps() > 1 => Some(Self::whole(upper.steps() - 1)),
            (Some(lower), Some(upper)) if upper.steps() > lower.steps() + 1 => {
                Some(Self::whole(u64::midpoint(lower.steps(), upper.steps())))
            }
            (lower, upper) => Self::fraction(lower, upper),
        }
    }

    /// So many positions in order between two others. `None` if there is no room left.
    pub fn spread(lower: Option<&Self>, upper: Option<&Self>, count: usize) -> Option<Vec<Self>> {
        if count == 0 {
            return Some(Vec::new());
        }
        let middle = Self::between(lower, upper)?;
        let mut positions = Self::spread(lower, Some(&middle), count / 2)?;
        let after = Self::spread(Some(&middle), upper, count - count / 2 - 1)?;
        positions.push(middle);
        positions.extend(after);
        Some(positions)
    }

    /// The position as text, which is also the stored form.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            // All digits are ASCII.
            Digits::Whole(digits) => std::str::from_utf8(digits).unwrap_or_default(),
            Digits::Further(text) => text,
        }
    }

    /// Estimated bytes on the heap, beside the size of the value itself.
    pub fn bytes(&self) -> usize {
        match &self.0 {
            Digits::Whole(_) => 0,
            Digits::Further(text) => size_of::<[usize; 4]>() + text.len(),
        }
    }

    fn of(text: &str) -> Self {
        Self(match <[u8; WHOLE]>::try_from(text.as_bytes()) {
            Ok(digits) if text.is_ascii() => Digits::Whole(digits),
            Ok(_) | Err(_) => Digits::Further(Arc::new(text.into())),
        })
    }

    fn whole(steps: u64) -> Self {
        let mut digits = [0; WHOLE];
        let mut rest = steps;
        for place in digits.iter_mut().rev() {
            *place = rest % BASE;
            rest /= BASE;
        }
        Self::of(&text(&digits))
    }

    /// Number of whole steps, without the further digits.
    fn steps(&self) -> u64 {
        self.digits().take(WHOLE).fold(0, |steps, digit| steps * BASE + digit)
    }

    fn digits(&self) -> impl Iterator<Item = u64> {
        self.as_str().bytes().filter_map(digit)
    }

    /// The shortest fraction between two positions whose whole steps are equal or neighbours.
    fn fraction(lower: Option<&Self>, upper: Option<&Self>) -> Option<Self> {
        let mut low = lower.into_iter().flat_map(Self::digits);
        let mut high = upper.map(Self::digits);
        let mut digits = Vec::new();
        while digits.len() < MAX_DIGITS {
            let least = low.next().unwrap_or(0);
            // After a digit that is below the upper one, all further digits stay below it.
            let most = high.as_mut().map_or(BASE, |high| high.next().unwrap_or(0));
            if most > least + 1 {
                digits.push(u64::midpoint(least, most));
                return Some(Self::of(&text(&digits)));
            }
            digits.push(least);
            if most > least {
                high = None;
            }
        }
        None
    }
}

fn digit(byte: u8) -> Option<u64> {
    match byte {
        b'0'..=b'9' => Some(u64::from(byte - b'0')),
        b'a'..=b'z' => Some(u64::from(byte - b'a') + 10),
        _ => None,
    }
}

fn text(digits: &[u64]) -> String {
    let digit = |digit: &u64| {
        u32::try_from(*digit).ok().and_then(|digit| char::from_digit(digit, 36)).unwrap_or('0')
    };
    digits.iter().map(digit).collect()
}

impl PartialEq for Position {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Position {}

impl PartialOrd for Position {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Position {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl Serialize for Position {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl fmt::Debug for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl<'de> Deserialize<'de> for Position {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Position {
        Position::parse(text).unwrap()
    }

    fn between(lower: Option<&str>, upper: Option<&str>) -> Option<String> {
        let (lower, upper) = (lower.map(at), upper.map(at));
        Position::between(lower.as_ref(), upper.as_ref())
            .map(|position| position.as_str().to_owned())
    }

    #[test]
    fn adding_to_either_end_takes_the_next_whole_step() {
        assert_eq!(between(None, None).unwrap(), "i0000000");
        assert_eq!(between(Some("i0000000"), None).unwrap(), "i0000001");
        assert_eq!(between(Some("i000000zk"), None).unwrap(), "i0000010");
        assert_eq!(between(None, Some("i0000000")).unwrap(), "hzzzzzzz");
        assert_eq!(between(None, Some("i0000000k")).unwrap(), "hzzzzzzz");
    }

    #[test]
    fn between_two_is_the_middle_with_as_few_digits_as_it_takes() {
        assert_eq!(between(Some("i0000000"), Some("i0000008")).unwrap(), "i0000004");
        assert_eq!(between(Some("i0000000"), Some("i0000001")).unwrap(), "i0000000i");
        assert_eq!(between(Some("i000000z"), Some("i0000010")).unwrap(), "i000000zi");
        assert_eq!(between(Some("i0000000i"), Some("i0000000j")).unwrap(), "i0000000ii");
        assert_eq!(between(Some("i0000000z"), Some("i0000001")).unwrap(), "i0000000zi");
        assert_eq!(between(Some("i0000000"), Some("i00000001")).unwrap(), "i00000000i");
    }

    #[test]
    fn there_is_room_at_both_ends_of_everything() {
        assert_eq!(between(None, Some("00000001")).unwrap(), "00000000i");
        assert_eq!(between(None, Some("00000000i")).unwrap(), "000000009");
        assert_eq!(between(Some("zzzzzzzz"), None).unwrap(), "zzzzzzzzi");
    }

    #[test]
    fn hundreds_of_moves_fit_into_one_gap_and_then_there_is_no_room() {
        let (lower, mut upper) = (at("i0000000"), at("i0000001"));
        let mut moves = 0;
        while let Some(position) = Position::between(Some(&lower), Some(&upper)) {
            assert!(lower < position && position < upper, "{position:?}");
            upper = Position::parse(position.as_str()).unwrap();
            moves += 1;
        }
        assert!(moves > 250, "{moves}");
    }

    #[test]
    fn many_are_spread_in_order() {
        let (lower, upper) = (at("i0000000"), at("i0000001"));
        let spread = Position::spread(Some(&lower), Some(&upper), 1_000).unwrap();
        let all: Vec<_> = [vec![lower], spread, vec![upper]].concat();
        assert!(all.is_sorted_by(|one, next| one < next) && all.len() == 1_002);
        assert!(all.iter().all(|position| position.as_str().len() <= 11));
    }

    #[test]
    fn what_would_leave_no_room_is_no_position() {
        for text in ["", "i", "00000000", "i00000000", "i000000A", "i000000-", &"i".repeat(65)] {
            assert_eq!(Position::parse(text), Err(InvalidPosition), "{text}");
        }
    }
}
