//! Injected time.
//!
//! Nothing in the crate reads the system clock except [`Clock::system`]; everything else is given a [`Clock`], so that
//! tests decide what time it is. Time has millisecond precision everywhere: in events, in tables and on the wire.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use tokio::sync::watch;

/// Longest sleep without a look at the system's clock, which may be set or stand still with the machine.
const LONGEST_SLEEP: Duration = Duration::from_mins(1);

/// A moment in UTC with millisecond precision.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The moment this many milliseconds after 1970-01-01T00:00:00Z.
    pub const fn from_unix_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub const fn unix_millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since 1970-01-01T00:00:00Z: a `NumericDate` (RFC 7519, section 2).
    pub const fn unix_seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// The moment `duration` later; saturates at the end of representable time.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// How long it is from `earlier` until this moment; nothing if it is not earlier.
    fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// The same moment for libraries that speak jiff.
    pub fn to_jiff(self) -> jiff::Timestamp {
        jiff::Timestamp::from_millisecond(self.0).unwrap_or_default()
    }
}

impl From<jiff::Timestamp> for Timestamp {
    fn from(time: jiff::Timestamp) -> Self {
        Self(time.as_millisecond())
    }
}

/// ISO 8601 in UTC with exactly three fraction digits and `Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.to_jiff())
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse::<jiff::Timestamp>().map(Self::from).map_err(D::Error::custom)
    }
}

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
            Source::Manual(millis) => Timestamp(*millis.borrow()),
        }
    }

    /// Moves a manual clock forward, for every holder of a clone of it. The system clock is left alone.
    pub fn advance(&self, by: Duration) {
        if let Source::Manual(millis) = &self.0 {
            let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
            millis.send_modify(|now| *now = now.saturating_add(by));
        }
    }

    /// Waits until it is `at` or later. By a manual clock that is when [`Clock::advance`] has moved it there.
    pub async fn sleep_until(&self, at: Timestamp) {
        match &self.0 {
            Source::System => loop {
                let left = at.since(self.now());
                if left.is_zero() {
                    return;
                }
                tokio::time::sleep(left.min(LONGEST_SLEEP)).await;
            },
            Source::Manual(millis) => {
                // The sender is held here, so that it cannot be gone.
                let _ = millis.subscribe().wait_for(|now| *now >= at.0).await;
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
        let time = Timestamp::from_unix_millis(1_763_812_800_123);
        let json = serde_json::to_string(&time).unwrap();
        assert_eq!(serde_json::from_str::<Timestamp>(&json).unwrap(), time);
    }

    #[test]
    fn a_manual_clock_moves_for_every_holder() {
        let clock = Clock::manual(Timestamp::from_unix_millis(1_000));
        let holder = clock.clone();
        clock.advance(Duration::from_secs(2));
        assert_eq!(holder.now(), Timestamp::from_unix_millis(3_000));
    }

    #[tokio::test]
    async fn who_sleeps_by_a_manual_clock_wakes_when_it_is_moved_far_enough() {
        let clock = Clock::manual(Timestamp::from_unix_millis(0));
        let second = Duration::from_secs(1);
        clock.sleep_until(Timestamp::from_unix_millis(0)).await;
        let mut sleep = std::pin::pin!(clock.sleep_until(Timestamp::from_unix_millis(2_000)));
        for _ in 0..2 {
            assert!(futures_util::poll!(&mut sleep).is_pending());
            clock.advance(second);
        }
        sleep.await;
    }

    #[tokio::test]
    async fn nobody_sleeps_by_the_system_clock_for_what_is_over() {
        let clock = Clock::system();
        clock.sleep_until(clock.now()).await;
        clock.sleep_until(clock.now().after(Duration::from_millis(5))).await;
    }
}
