//! Status of a node: it follows the log or not, its clock is right or not, changes are taken or not.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use tokio::sync::watch;

use crate::base::clock::Clock;
use crate::base::skew::{ClockVerdict, Round};
use crate::telemetry::metrics::instrument::number;
use crate::telemetry::metrics::{
    CLOCK_SKEW, LOG_FOLLOWING, LOG_HEAD, LOG_WRITABLE, NOTIFICATION_QUEUE_USED,
};

/// Handle by which requests find out if the node may answer.
#[derive(Debug, Clone)]
pub struct Follower(pub(crate) Arc<Status>);

/// Status of the node, which every request looks at and streams wait for.
#[derive(Debug)]
pub(crate) struct Status {
    /// True while the node has its lock and receives every event.
    has_link: AtomicBool,
    /// True if the node may answer, as of the last look; wakes the streams that wait for its loss.
    told: watch::Sender<bool>,
    /// Position of the last event that the follower has seen.
    head: AtomicI64,
    /// Clock of the node, in which the verdict on it is stored.
    clock: Clock,
    /// Last verdict on the clock, so that a change is logged once. The clock's own answer may be newer.
    was_right: AtomicBool,
    /// Milliseconds by which the clock is ahead of the database's.
    ahead: AtomicI64,
    /// Readiness of the database for changes, shared with the appender.
    writable: Writable,
}

impl Follower {
    /// Returns true if the node holds its lock, has seen every event up to now, and has a clock that is right.
    pub fn is_following(&self) -> bool {
        self.0.has_link.load(Ordering::Acquire) && self.0.clock.is_right()
    }

    /// Returns true if changes can be made, as far as that was tried.
    pub fn takes_changes(&self) -> bool {
        self.0.writable.is_so()
    }

    /// Waits until the node does not follow: events are not announced as they happen from then on.
    pub async fn lost(self) {
        // The sender is part of this value, so it cannot have gone.
        let _ = self.0.told.subscribe().wait_for(|is_following| !is_following).await;
    }
}

impl Status {
    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            has_link: AtomicBool::new(true),
            told: watch::Sender::new(true),
            head: AtomicI64::new(0),
            clock,
            was_right: AtomicBool::new(true),
            ahead: AtomicI64::new(0),
            writable: Writable::default(),
        }
    }

    pub(crate) fn writable(&self) -> &Writable {
        &self.writable
    }

    /// Notes that the node has its lock and receives every event, or has lost either.
    pub(crate) fn set_link(&self, has_link: bool) {
        self.has_link.store(has_link, Ordering::Release);
        self.tell();
    }

    pub(crate) fn set_head(&self, position: i64) {
        self.head.store(position, Ordering::Relaxed);
    }

    fn tell(&self) {
        let is_following = self.has_link.load(Ordering::Acquire) && self.clock.is_right();
        self.told.send_replace(is_following);
    }

    /// Compares the clock with the time that the database has told. Only a clock of the machine can be wrong.
    pub(crate) fn compare(&self, ask: impl FnOnce(&Clock) -> Round) {
        if !self.clock.is_machines() {
            return;
        }
        let round = ask(&self.clock);
        self.ahead.store(round.ahead(), Ordering::Relaxed);
        let is_right = match round.verdict() {
            ClockVerdict::Right => true,
            ClockVerdict::Wrong => false,
            ClockVerdict::Unknown => return,
        };
        self.clock.judge(is_right);
        let was_right = self.was_right.swap(is_right, Ordering::AcqRel);
        match (was_right, is_right) {
            (true, false) => tracing::warn!(
                "this machine's clock is {} the database's: until it is right (set it by NTP), requests are refused and \
                 nothing expires",
                round.text()
            ),
            (false, true) => {
                tracing::info!("this machine's clock agrees with the database's again");
            }
            (true, true) | (false, false) => {}
        }
        self.tell();
    }

    /// Observes the status as metrics, for as long as the node runs.
    pub(crate) fn observe(self: &Arc<Self>) {
        let status = Arc::downgrade(self);
        LOG_FOLLOWING.by(move |following| {
            if let Some(status) = status.upgrade() {
                following.observe(f64::from(status.has_link.load(Ordering::Acquire)), &[]);
            }
        });
        let status = Arc::downgrade(self);
        LOG_HEAD.by(move |head| {
            if let Some(status) = status.upgrade() {
                let position = status.head.load(Ordering::Relaxed);
                head.observe(number(position.try_into().unwrap_or_default()), &[]);
            }
        });
        let status = Arc::downgrade(self);
        CLOCK_SKEW.by(move |skew| {
            if let Some(status) = status.upgrade() {
                let millis = status.ahead.load(Ordering::Relaxed);
                let seconds = number(millis.unsigned_abs()) / 1_000.0;
                skew.observe(if millis < 0 { -seconds } else { seconds }, &[]);
            }
        });
        let status = Arc::downgrade(self);
        LOG_WRITABLE.by(move |writable| {
            if let Some(status) = status.upgrade() {
                writable.observe(f64::from(status.writable.is_so()), &[]);
            }
        });
        let status = Arc::downgrade(self);
        NOTIFICATION_QUEUE_USED.by(move |used| {
            if let Some(status) = status.upgrade() {
                used.observe(status.writable.queue(), &[]);
            }
        });
    }
}

/// Readiness of the database for changes: the experience of the appender, and the finding of the follower. Clones share
/// it.
#[derive(Debug, Clone)]
pub struct Writable(Arc<ProbeResult>);

#[derive(Debug)]
struct ProbeResult {
    /// True until the appender or the follower finds that no change is taken, and again once one is.
    takes_changes: AtomicBool,
    /// Used share of PostgreSQL's queue of notifications: the bits of a number from 0 to 1.
    queue: AtomicU64,
}

impl Default for Writable {
    fn default() -> Self {
        Self(Arc::new(ProbeResult {
            takes_changes: AtomicBool::new(true),
            queue: AtomicU64::new(0),
        }))
    }
}

impl Writable {
    pub(crate) fn is_so(&self) -> bool {
        self.0.takes_changes.load(Ordering::Acquire)
    }

    /// Notes that a change was made, or refused whatever it said.
    pub(crate) fn set(&self, takes_changes: bool) {
        let did = self.0.takes_changes.swap(takes_changes, Ordering::AcqRel);
        match (did, takes_changes) {
            (true, false) => {
                tracing::warn!(
                    "the database accepts no writes; changes are answered 503 until it does"
                );
            }
            (false, true) => tracing::info!("the database accepts writes again"),
            (true, true) | (false, false) => {}
        }
    }

    fn queue(&self) -> f64 {
        f64::from_bits(self.0.queue.load(Ordering::Relaxed))
    }

    pub(crate) fn set_queue(&self, used: f64) {
        self.0.queue.store(used.to_bits(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::FutureExt;

    use super::*;

    fn told(status: &Status, ahead: Duration) {
        status.clock.advance(ahead);
        status.compare(|clock| {
            let told = crate::base::clock::Clock::system().now();
            Round { told, heard: clock.now(), took: Duration::ZERO }
        });
    }

    #[test]
    fn a_node_answers_nobody_while_its_clock_is_wrong_and_again_when_it_is_right() {
        let status = Arc::new(Status::new(Clock::wrong()));
        let follower = Follower(Arc::clone(&status));
        told(&status, Duration::ZERO);
        assert!(follower.is_following());
        let days = Duration::from_hours(8 * 24);
        told(&status, days);
        assert!(!follower.is_following());
        assert!(follower.clone().lost().now_or_never().is_some(), "streams end");
        status.clock.turn_back(days);
        assert!(!follower.is_following(), "nobody has looked again");
        told(&status, Duration::ZERO);
        assert!(follower.is_following());
        assert!(follower.clone().lost().now_or_never().is_none());
        status.set_link(false);
        assert!(!follower.is_following());
    }

    #[test]
    fn a_clock_that_is_moved_counts_as_wrong_before_anybody_compares_it() {
        let status = Status::new(Clock::wrong());
        told(&status, Duration::ZERO);
        status.clock.advance(Duration::from_mins(1));
        assert!(!status.clock.is_right());
    }
}
