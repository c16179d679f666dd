//! A rate limiter: so many of something in each period. For logs and telemetry, where strangers cause thousands.

use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Since when this process counts periods.
static BEGINNING: LazyLock<Instant> = LazyLock::new(Instant::now);

/// A limit for each period.
#[derive(Debug)]
pub struct RateLimiter {
    most: u32,
    period: Duration,
    /// The period, and how many were let through in it. Nothing was before the first.
    passed: Mutex<(u128, u32)>,
}

impl RateLimiter {
    /// So many in a second.
    pub const fn per_second(most: u32) -> Self {
        Self::of(most, Duration::from_secs(1))
    }

    /// One in a minute.
    pub const fn once_a_minute() -> Self {
        Self::of(1, Duration::from_mins(1))
    }

    const fn of(most: u32, period: Duration) -> Self {
        Self { most, period, passed: Mutex::new((0, 0)) }
    }

    /// Whether one more is within the limit; it is counted then.
    pub fn permits(&self) -> bool {
        self.permits_at(BEGINNING.elapsed())
    }

    fn permits_at(&self, now: Duration) -> bool {
        let period = now.as_millis() / self.period.as_millis().max(1);
        let mut passed = self.passed.lock().unwrap_or_else(PoisonError::into_inner);
        if passed.0 != period {
            *passed = (period, 0);
        }
        let is_within = passed.1 < self.most;
        passed.1 += u32::from(is_within);
        is_within
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which of those that come at these seconds are permitted.
    fn permitted<const N: usize>(limiter: &RateLimiter, seconds: [u64; N]) -> [bool; N] {
        seconds.map(|second| limiter.permits_at(Duration::from_secs(second)))
    }

    #[test]
    fn as_many_as_may_be_are_permitted_in_each_second() {
        let permitted = permitted(&RateLimiter::per_second(2), [0, 0, 0, 1, 3, 3, 3]);
        assert_eq!(permitted, [true, true, false, true, true, true, false]);
    }

    #[test]
    fn one_is_permitted_in_each_minute() {
        let permitted = permitted(&RateLimiter::once_a_minute(), [0, 59, 60, 61, 179, 180]);
        assert_eq!(permitted, [true, false, true, false, true, true]);
    }
}
