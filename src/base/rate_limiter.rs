//! Rate limiter with fixed windows. It bounds logs and telemetry about requests of which strangers can send thousands.

use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Time from which this process counts periods.
static BEGINNING: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Limit on permits per period.
#[derive(Debug)]
pub struct RateLimiter {
    /// Permits in one period.
    most: u32,
    /// Length of a period.
    period: Duration,
    /// Number of the current period, and the permits given in it. The first period begins with none.
    passed: Mutex<(u128, u32)>,
}

impl RateLimiter {
    /// Creates a limit of `most` permits per second.
    pub const fn per_second(most: u32) -> Self {
        Self::of(most, Duration::from_secs(1))
    }

    /// Creates a limit of one permit per minute.
    pub const fn once_a_minute() -> Self {
        Self::of(1, Duration::from_mins(1))
    }

    const fn of(most: u32, period: Duration) -> Self {
        Self { most, period, passed: Mutex::new((0, 0)) }
    }

    /// Returns true and counts a permit if the limit of the current period is not reached.
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

    /// Results of requests that come at these seconds.
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
