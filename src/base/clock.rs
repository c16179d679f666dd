//! Injected time.
//!
//! Nothing in the crate reads the system clock except [`Clock::system`]; all other code gets a [`Clock`], so that tests
//! control the time. Time has millisecond precision everywhere: in events, in tables and on the wire.
//!
//! A clock may be wrong. A node compares its own with the database's ([`skew`](super::skew)) and records the result here;
//! code that ends or issues something because of the time asks [`Clock::is_right`] first. A clock that was set since the
//! comparison is noticed at once, by the monotonic clock.

use std::fmt;
use std::num::NonZeroU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::fmt::temporal::DateTimePrinter;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use tokio::sync::watch;

/// Moment in UTC with millisecond precision.
///
/// Milliseconds since the earliest moment that Unix time in an `i64` can tell. It is never 0, so that an optional moment, of
/// which there are several in every task and session in memory, takes no more space than a moment.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(NonZeroU64);

/// Sign bit of a signed number: flipping it makes unsigned numbers sort as the signed ones do.
const SIGN: u64 = 1 << 63;

impl Timestamp {
    /// Returns the moment this many milliseconds after 1970-01-01T00:00:00Z.
    pub const fn from_unix_millis(millis: i64) -> Self {
        match NonZeroU64::new(millis.cast_unsigned() ^ SIGN) {
            Some(ordered) => Self(ordered),
            None => Self(NonZeroU64::MIN),
        }
    }

    /// Milliseconds since 1970-01-01T00:00:00Z, negative before it.
    pub const fn unix_millis(self) -> i64 {
        (self.0.get() ^ SIGN).cast_signed()
    }

    /// Whole seconds since 1970-01-01T00:00:00Z: a `NumericDate` (RFC 7519, section 2).
    pub const fn unix_seconds(self) -> i64 {
        self.unix_millis().div_euclid(1000)
    }

    /// Returns the moment `duration` later; saturates at the end of representable time.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self::from_unix_millis(self.unix_millis().saturating_add(millis))
    }

    /// Returns the moment `duration` earlier; saturates at the beginning of representable time.
    #[must_use]
    pub fn before(self, duration: Duration) -> Self {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self::from_unix_millis(self.unix_millis().saturating_sub(millis))
    }

    /// Time elapsed since `earlier`; zero if this moment is not later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.get().saturating_sub(earlier.0.get()))
    }

    /// Converts to jiff's type, for libraries that use it.
    pub fn to_jiff(self) -> jiff::Timestamp {
        jiff::Timestamp::from_millisecond(self.unix_millis()).unwrap_or_default()
    }
}

/// Drops the digits beyond milliseconds.
impl From<jiff::Timestamp> for Timestamp {
    fn from(time: jiff::Timestamp) -> Self {
        // Rounds down, before 1970 too: no moment becomes later than it was.
        let millis = time.as_nanosecond().div_euclid(1_000_000);
        Self::from_unix_millis(i64::try_from(millis).unwrap_or(i64::MAX))
    }
}

/// ISO 8601 in UTC with exactly three fraction digits and `Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(FormattedTime::of(*self).as_str())
    }
}

static PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(3));

/// Formatted moment, on the stack: an answer may have thousands.
struct FormattedTime {
    /// Buffer with space for years of five digits and a sign.
    bytes: [u8; 32],
    /// Bytes of the buffer that are in use.
    length: usize,
}

impl FormattedTime {
    fn of(time: Timestamp) -> Self {
        let mut written = Self { bytes: [0; 32], length: 0 };
        // Printing fails only if the buffer is too small.
        let _ = PRINTER.print_timestamp(&time.to_jiff(), &mut written);
        written
    }

    fn as_str(&self) -> &str {
        self.bytes.get(..self.length).and_then(|bytes| str::from_utf8(bytes).ok()).unwrap_or("")
    }
}

impl jiff::fmt::Write for FormattedTime {
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
        serializer.serialize_str(FormattedTime::of(*self).as_str())
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse::<jiff::Timestamp>().map(Self::from).map_err(D::Error::custom)
    }
}

/// Longest sleep between two looks at the system's clock while a task waits for a moment: the clock may be set, and a
/// machine may sleep.
const LOOK: Duration = Duration::from_mins(1);

/// Source of the current time. Clones share what is known of its correctness.
#[derive(Clone)]
pub struct Clock {
    /// Origin of the time: the operating system, or a test.
    source: Source,
    /// Result of the latest comparison with the database's clock, shared by all clones.
    known: Arc<Mutex<ClockState>>,
}

#[derive(Clone)]
enum Source {
    System,
    /// The system's clock plus an offset in milliseconds, for tests.
    Wrong(Arc<watch::Sender<i64>>),
    Manual(Arc<watch::Sender<i64>>),
}

/// Result of the latest comparison of a clock.
#[derive(Clone, Copy)]
enum ClockState {
    Nothing,
    /// The clock was right at this moment, at which it showed this time.
    Right(Instant, Timestamp),
    Wrong,
}

/// Largest error of a clock, and so the largest drift or shift between two comparisons.
pub const MOST_DRIFT: Duration = Duration::from_secs(30);

impl Clock {
    /// Returns the system's clock.
    pub fn system() -> Self {
        Self::of(Source::System)
    }

    /// Returns a clock that follows the system's, and is right until [`Clock::advance`] or [`Clock::turn_back`] moves it.
    pub fn wrong() -> Self {
        Self::of(Source::Wrong(Arc::new(watch::Sender::new(0))))
    }

    /// Returns a clock that stands still at `start` until [`Clock::advance`] moves it. It is no machine's, and so is never
    /// wrong.
    pub fn manual(start: Timestamp) -> Self {
        Self::of(Source::Manual(Arc::new(watch::Sender::new(start.unix_millis()))))
    }

    fn of(source: Source) -> Self {
        Self { source, known: Arc::new(Mutex::new(ClockState::Nothing)) }
    }

    /// Returns the current time.
    pub fn now(&self) -> Timestamp {
        match &self.source {
            Source::System => system_now(),
            Source::Wrong(by) => {
                let now = system_now().unix_millis();
                Timestamp::from_unix_millis(now.saturating_add(*by.borrow()))
            }
            Source::Manual(millis) => Timestamp::from_unix_millis(*millis.borrow()),
        }
    }

    /// Moves a test's clock forward, for every holder of a clone of it. The system clock cannot be moved.
    pub fn advance(&self, by: Duration) {
        self.shift(i64::try_from(by.as_millis()).unwrap_or(i64::MAX));
    }

    /// Moves a test's clock back, as [`Clock::advance`] moves it forward.
    pub fn turn_back(&self, by: Duration) {
        self.shift(i64::try_from(by.as_millis()).map_or(i64::MIN, i64::wrapping_neg));
    }

    fn shift(&self, by: i64) {
        if let Source::Manual(millis) | Source::Wrong(millis) = &self.source {
            millis.send_modify(|millis| *millis = millis.saturating_add(by));
        }
    }

    /// Returns true for a machine's clock, which may be wrong.
    pub fn is_machines(&self) -> bool {
        !matches!(self.source, Source::Manual(_))
    }

    /// Records the result of a comparison that was made just now.
    pub fn judge(&self, is_right: bool) {
        let known = if is_right {
            ClockState::Right(Instant::now(), self.now())
        } else {
            ClockState::Wrong
        };
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = known;
    }

    /// Returns true if the clock may be relied on: no comparison has found it wrong, and it was not set since it was found
    /// right.
    pub fn is_right(&self) -> bool {
        match *self.known.lock().unwrap_or_else(PoisonError::into_inner) {
            ClockState::Nothing => true,
            ClockState::Right(at, showed) => {
                let (now, expected) = (self.now(), showed.after(at.elapsed()));
                now.since(expected).max(expected.since(now)) <= MOST_DRIFT
            }
            ClockState::Wrong => false,
        }
    }

    /// Waits until the clock reaches `at`, or until a machine's clock is set back, after which the caller has to decide
    /// anew.
    pub async fn sleep_until(&self, at: Timestamp) {
        match &self.source {
            Source::System | Source::Wrong(_) => {
                let mut latest = self.now();
                while latest < at {
                    tokio::time::sleep(at.since(latest).min(self.longest_sleep())).await;
                    let now = self.now();
                    if now.after(MOST_DRIFT) < latest {
                        return;
                    }
                    latest = latest.max(now);
                }
            }
            Source::Manual(millis) => {
                // The sender belongs to this clock, so the channel is open.
                let _ = millis.subscribe().wait_for(|millis| *millis >= at.unix_millis()).await;
            }
        }
    }

    /// Longest pause between two looks at the clock; short for a test's clock, so that a test sees the effect of moving it
    /// at once.
    fn longest_sleep(&self) -> Duration {
        if matches!(self.source, Source::System) { LOOK } else { Duration::from_millis(10) }
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the system clock")]
fn system_now() -> Timestamp {
    jiff::Timestamp::now().into()
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = match &self.source {
            Source::System => "system",
            Source::Wrong(_) => "wrong",
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

    #[tokio::test]
    async fn a_sleeper_wakes_when_a_machines_clock_is_turned_back() {
        let (clock, days) = (Clock::wrong(), Duration::from_hours(8 * 24));
        clock.advance(days);
        let sleeper = clock.sleep_until(clock.now().after(Duration::from_mins(1)));
        tokio::pin!(sleeper);
        assert!(futures_util::poll!(sleeper.as_mut()).is_pending());
        clock.turn_back(days);
        sleeper.await;
    }

    #[test]
    fn a_clock_is_relied_on_until_it_is_found_wrong_or_moved_and_again_when_found_right() {
        let clock = Clock::wrong();
        assert!(clock.is_right(), "nobody has looked");
        clock.advance(Duration::from_hours(1));
        assert!(clock.is_right(), "nobody has looked");
        clock.judge(false);
        assert!(!clock.clone().is_right());
        clock.judge(true);
        assert!(clock.is_right());
        let days = Duration::from_hours(8 * 24);
        clock.advance(days);
        assert!(!clock.is_right(), "it was moved since");
        clock.turn_back(days);
        assert!(clock.is_right());
        clock.turn_back(days);
        assert!(!clock.is_right());
        clock.judge(true);
        clock.advance(MOST_DRIFT / 2);
        assert!(clock.is_right(), "a little is nothing");
    }

    #[test]
    fn the_time_between_two_moments_is_never_negative() {
        let (early, late) =
            (Timestamp::from_unix_millis(1_000), Timestamp::from_unix_millis(1_250));
        assert_eq!(late.since(early), Duration::from_millis(250));
        assert_eq!(early.since(late), Duration::ZERO);
    }
}
