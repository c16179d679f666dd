//! Difference between this machine's clock and the database's, which all nodes share.
//!
//! The database reads its clock at some time between the question and the answer, so the difference is known up to half of
//! the round trip.

use std::time::{Duration, Instant};

use super::clock::{Clock, MOST_DRIFT, Timestamp};

/// Question to the database that was sent just now.
#[derive(Debug)]
pub struct SkewProbe(Instant);

/// Question to the database and its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Round {
    /// Time by the database's clock.
    pub told: Timestamp,
    /// Time by this machine's clock at the arrival of the answer.
    pub heard: Timestamp,
    /// Duration of the round trip, by the monotonic clock.
    pub took: Duration,
}

/// Conclusion from a round about this machine's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockVerdict {
    /// The difference is within the limit for certain.
    Right,
    /// The difference is beyond the limit for certain.
    Wrong,
    /// The round trip took too long for a conclusion.
    Unknown,
}

impl SkewProbe {
    /// Starts the round trip.
    #[expect(clippy::new_without_default, reason = "it begins something")]
    pub fn new() -> Self {
        Self(Instant::now())
    }

    /// Ends the round trip with the database's answer.
    pub fn told(self, told: Timestamp, clock: &Clock) -> Round {
        Round { told, heard: clock.now(), took: self.0.elapsed() }
    }
}

impl Round {
    /// Milliseconds by which this machine's clock is ahead of the database's, give or take [`Round::error`].
    pub fn ahead(&self) -> i64 {
        let half = i64::try_from(self.error().as_millis()).unwrap_or(i64::MAX);
        self.heard.unix_millis().saturating_sub(half).saturating_sub(self.told.unix_millis())
    }

    /// Largest error of [`Round::ahead`]: half of the round trip.
    pub fn error(&self) -> Duration {
        self.took / 2
    }

    /// Approximate distance between the clocks, without its direction.
    pub fn apart(&self) -> Duration {
        Duration::from_millis(self.ahead().unsigned_abs())
    }

    /// Conclusion about this machine's clock, with the error taken into account.
    pub fn verdict(&self) -> ClockVerdict {
        if self.apart() + self.error() <= MOST_DRIFT {
            ClockVerdict::Right
        } else if self.apart().saturating_sub(self.error()) > MOST_DRIFT {
            ClockVerdict::Wrong
        } else {
            ClockVerdict::Unknown
        }
    }

    /// Describes the difference for log lines: `31.0s ahead of`.
    pub fn text(&self) -> String {
        let direction = if self.ahead() < 0 { "behind" } else { "ahead of" };
        format!("{:.1}s {direction}", self.apart().as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(told: i64, heard: i64, took: u64) -> Round {
        let at = |seconds| Timestamp::from_unix_millis(seconds * 1_000);
        Round { told: at(told), heard: at(heard), took: Duration::from_secs(took) }
    }

    #[test]
    fn the_database_told_the_time_half_way_between_question_and_answer() {
        let round = round(100, 110, 6);
        assert_eq!((round.ahead(), round.error()), (7_000, Duration::from_secs(3)));
        assert_eq!(round.text(), "7.0s ahead of");
        assert_eq!(self::round(110, 100, 0).text(), "10.0s behind");
    }

    #[test]
    fn a_clock_is_right_or_wrong_only_if_the_round_was_quick_enough_to_say_so() {
        for (told, heard, took, verdict) in [
            (100, 100, 0, ClockVerdict::Right),
            (100, 130, 0, ClockVerdict::Right),
            (100, 70, 0, ClockVerdict::Right),
            (100, 131, 0, ClockVerdict::Wrong),
            (100, 69, 0, ClockVerdict::Wrong),
            (100, 100, 60, ClockVerdict::Unknown),
            (100, 135, 10, ClockVerdict::Unknown),
            (100, 150, 10, ClockVerdict::Wrong),
            (0, 8 * 86_400, 2, ClockVerdict::Wrong),
        ] {
            assert_eq!(round(told, heard, took).verdict(), verdict, "{told} {heard} {took}");
        }
    }
}
