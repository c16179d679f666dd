//! Timeouts of clients: for a request's head, for its body, and for receiving the answer.
//!
//! A timeout that begins anew with every byte is none: a client that sends a byte now and then holds a connection for ever. So
//! a head has a deadline, and anything longer has a [`LeastRate`] beside it.

use std::time::Duration;

use tokio::time::Instant;

/// Timeouts of clients, from the configuration.
#[derive(Debug, Clone, Copy)]
pub struct TimeLimits {
    /// From the first byte of a request's head to its last; from the opening of a connection to the end of its first head.
    pub head: Duration,
    /// From one answer to the end of the next request's head.
    pub idle: Duration,
    /// The whole body of a request.
    pub body: Duration,
    /// The whole file of an import.
    pub file: Duration,
    /// Least rate at which a body must arrive.
    pub receiving: LeastRate,
    /// Least rate at which an answer must be received, while the client holds it up.
    pub sending: LeastRate,
}

impl Default for TimeLimits {
    fn default() -> Self {
        let patience = Duration::from_secs(10);
        Self {
            head: Duration::from_secs(30),
            idle: Duration::from_secs(75),
            body: Duration::from_secs(30),
            file: Duration::from_mins(2),
            receiving: LeastRate { bytes_per_second: 1_024, patience },
            sending: LeastRate { bytes_per_second: 1_024, patience: 2 * patience },
        }
    }
}

/// Least rate of a transfer.
#[derive(Debug, Clone, Copy)]
pub struct LeastRate {
    /// Bytes in a second, over any time that is longer than the patience.
    pub bytes_per_second: u32,
    /// Longest pause in which nothing may move at all.
    pub patience: Duration,
}

/// Deadline of a transfer at a least rate. Every byte buys time, never more than the patience.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Rate by which bytes buy time.
    rate: LeastRate,
    /// Deadline up to which the transfer may stand still.
    until: Instant,
}

impl Pace {
    /// Starts the deadline of a transfer that begins now.
    pub fn begin(rate: LeastRate, now: Instant) -> Self {
        Self { rate, until: now + rate.patience }
    }

    /// Moves the deadline on, after this many bytes have moved by now.
    pub fn moved(&mut self, bytes: usize, now: Instant) {
        let (bytes, rate) = (bytes as u64, u64::from(self.rate.bytes_per_second.max(1)));
        let bought = Duration::from_millis(bytes.saturating_mul(1_000) / rate);
        self.until = (self.until + bought).min(now + self.rate.patience);
    }

    /// Time at which the transfer has stood still for too long, unless more moves before.
    pub fn until(&self) -> Instant {
        self.until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn pace(now: Instant) -> Pace {
        Pace::begin(LeastRate { bytes_per_second: 100, patience: 10 * SECOND }, now)
    }

    #[test]
    fn what_moves_at_the_least_rate_never_runs_out_of_time() {
        let mut now = Instant::now();
        let mut pace = pace(now);
        for _ in 0..1_000 {
            now += SECOND;
            assert!(pace.until() > now);
            pace.moved(100, now);
        }
    }

    #[test]
    fn what_drips_runs_out_of_time() {
        let began = Instant::now();
        let (mut now, mut pace) = (began, pace(began));
        while pace.until() > now {
            now += SECOND;
            pace.moved(10, now);
        }
        assert_eq!(now - began, 12 * SECOND);
    }

    #[test]
    fn a_burst_buys_no_more_than_the_patience() {
        let now = Instant::now();
        let mut pace = pace(now);
        pace.moved(1_000_000, now);
        assert_eq!(pace.until(), now + 10 * SECOND);
        pace.moved(usize::MAX, now);
        assert_eq!(pace.until(), now + 10 * SECOND);
    }
}
