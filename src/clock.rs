//! Injected time.
//!
//! Nothing in the crate reads the system clock except [`Clock::system`]; everything else is given a [`Clock`], so that
//! tests decide what time it is. Time has millisecond precision everywhere: in events, in tables and on the wire.

use std::fmt;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use jiff::fmt::temporal::DateTimePrinter;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use tokio::sync::watch;

/// A moment in UTC with millisecond precision.
///
/// Milliseconds since the earliest moment that a signed number can tell. It is never 0, so that an optional moment, of which
/// there are several in every task and session in memory, takes no more room than one that is there.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(NonZeroU64);

/// The sign of a signed number: with it changed, numbers are in the same order without it.
const SIGN: u64 = 1 << 63;

impl Timestamp {
    /// The moment this many milliseconds after 1970-01-01T00:00:00Z.
    pub const fn from_unix_millis(millis: i64) -> Self {
        match NonZeroU64::new(millis.cast_unsigned() ^ SIGN) {
            Some(ordered) => Self(ordered),
            None => Self(NonZeroU64::MIN),
        }
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub const fn unix_millis(self) -> i64 {
        (self.0.get() ^ SIGN).cast_signed()
    }

    /// Whole seconds since 1970-01-01T00:00:00Z: a `NumericDate` (RFC 7519, section 2).
    pub const fn unix_seconds(self) -> i64 {
        self.unix_millis().div_euclid(1000)
    }

    /// The moment `duration` later; saturates at the end of representable time.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self::from_unix_millis(self.unix_millis().saturating_add(millis))
    }

    /// The moment `duration` earlier; saturates at the beginning of representable time.
    #[must_use]
    pub fn before(self, duration: Duration) -> Self {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self::from_unix_millis(self.unix_millis().saturating_sub(millis))
    }

    /// How long after `earlier` this is; nothing if it is not after it.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.get().saturating_sub(earlier.0.get()))
    }

    /// The same moment for libraries that speak jiff.
    pub fn to_jiff(self) -> jiff::Timestamp {
        jiff::Timestamp::from_millisecond(self.unix_millis()).unwrap_or_default()
    }
}

impl From<jiff::Timestamp> for Timestamp {
    fn from(time: jiff::Timestamp) -> Self {
        Self::from_unix_millis(time.as_millisecond())
    }
}

/// ISO 8601 in UTC with exactly three fraction digits and `Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Written::of(*self).as_str())
    }
}

static PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(3));

/// A moment as it is written, on the stack: an answer may have thousands.
struct Written {
    /// Room for years of five digits and a sign.
    bytes: [u8; 32],
    length: usize,
}

impl Written {
    fn of(time: Timestamp) -> Self {
        let mut written = Self { bytes: [0; 32], length: 0 };
        // It fails only for want of room.
        let _ = PRINTER.print_timestamp(&time.to_jiff(), &mut written);
        written
    }

    fn as_str(&self) -> &str {
        self.bytes.get(..self.length).and_then(|bytes| str::from_utf8(bytes).ok()).unwrap_or("")
    }
}

impl jiff::fmt::Write for Written {
    fn write_str(&mut self, text: &str) -> Result<(), jiff::Error> {
        let end = self.length + text.len();
        let room = self.bytes.get_mut(self.length..end);
        let room =
            room.ok_or_else(|| jiff::Error::from_args(format_args!("no room for a moment")))?;
        room.copy_from_slice(text.as_bytes());
        self.length = end;
        Ok(())
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(Written::of(*self).as_str())
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse::<jiff::Timestamp>().map(Self::from).map_err(D::Error::custom)
    }
}

/// The longest that the system's clock is left alone while something waits for a moment: it may be set, and a machine may
/// sleep.
const LOOK: Duration = Duration::from_mins(1);

/// Tells the time.
#[derive(Clone)]
pub struct Clock(Source);

#[derive(Clone)]
enum Source {
    System,
    Manual(Arc<watch::Sender<i64>>),
}

impl Clock {
    /// The system's clock.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands still at `start` until [`Clock::advance`] moves it.
    pub fn manual(start: Timestamp) -> Self {
        Self(Source::Manual(Arc::new(watch::Sender::new(start.unix_millis()))))
    }

    /// The current time.
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::System =>
            {
                #[expect(
                    clippy::disallowed_methods,
                    reason = "the one place that reads the system clock"
                )]
                jiff::Timestamp::now().into()
            }
            Source::Manual(millis) => Timestamp::from_unix_millis(*millis.borrow()),
        }
    }

    /// Moves a manual clock forward, for every holder of a clone of it. The system clock is left alone.
    pub fn advance(&self, by: Duration) {
        if let Source::Manual(millis) = &self.0 {
            let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
            millis.send_modify(|millis| *millis = millis.saturating_add(by));
        }
    }

    /// Waits until it is `at`.
    pub async fn sleep_until(&self, at: Timestamp) {
        match &self.0 {
            Source::System => {
                while self.now() < at {
                    tokio::time::sleep(at.since(self.now()).min(LOOK)).await;
                }
            }
            Source::Manual(millis) => {
                // The sender is this clock's own, so it cannot have gone.
                let _ = millis.subscribe().wait_for(|millis| *millis >= at.unix_millis()).await;
            }
        }
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = match &self.0 {
            Source::System => "system",
            Source::Manual(_) => "manual",
        };
        write!(f, "Clock({source}, {})", self.now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_is_written_with_exactly_three_fraction_digits() {
        assert_eq!(Timestamp::from_unix_millis(0).to_string(), "1970-01-01T00:00:00.000Z");
        assert_eq!(
            Timestamp::from_unix_millis(1_763_812_800_007).to_string(),
            "2025-11-22T12:00:00.007Z"
        );
    }

    #[test]
    fn a_timestamp_survives_its_own_notation() {
        for millis in [-100_000_000_000_000, 1_763_812_800_123, 253_402_128_000_000] {
            let time = Timestamp::from_unix_millis(millis);
            let json = serde_json::to_string(&time).unwrap();
            assert_eq!(serde_json::from_str::<Timestamp>(&json).unwrap(), time);
        }
    }

    #[test]
    fn moments_are_in_order_and_an_optional_one_takes_no_more_room() {
        let all = [i64::MIN + 1, -1, 0, 1, i64::MAX].map(Timestamp::from_unix_millis);
        assert!(all.is_sorted_by(|one, next| one < next));
        assert_eq!(all.map(Timestamp::unix_millis), [i64::MIN + 1, -1, 0, 1, i64::MAX]);
        assert_eq!(Timestamp::from_unix_millis(i64::MIN), all[0], "the earliest of all");
        assert_eq!(size_of::<Option<Timestamp>>(), size_of::<Timestamp>());
    }

    #[test]
    fn a_manual_clock_moves_for_every_holder() {
        let clock = Clock::manual(Timestamp::from_unix_millis(1_000));
        let holder = clock.clone();
        clock.advance(Duration::from_secs(2));
        assert_eq!(holder.now(), Timestamp::from_unix_millis(3_000));
    }

    #[tokio::test]
    async fn a_sleeper_wakes_when_its_moment_has_come_and_not_before() {
        let start = Timestamp::from_unix_millis(1_000);
        let clock = Clock::manual(start);
        let sleeper = clock.sleep_until(start.after(Duration::from_secs(2)));
        tokio::pin!(sleeper);
        for _ in 0..2 {
            assert!(futures_util::poll!(sleeper.as_mut()).is_pending());
            clock.advance(Duration::from_secs(1));
        }
        assert!(futures_util::poll!(sleeper.as_mut()).is_ready());
        Clock::system().sleep_until(start).await;
    }

    #[test]
    fn the_time_between_two_moments_is_never_negative() {
        let (early, late) =
            (Timestamp::from_unix_millis(1_000), Timestamp::from_unix_millis(1_250));
        assert_eq!(late.since(early), Duration::from_millis(250));
        assert_eq!(early.since(late), Duration::ZERO);
    }
}
