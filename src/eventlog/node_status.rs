//! What a node knows of itself and its database: whether it follows the log, whether its clock is right, whether changes are
//! taken.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use tokio::sync::watch;

use crate::base::clock::Clock;
use crate::base::skew::{Round, Verdict};
use crate::telemetry::metrics::instrument::number;
use crate::telemetry::metrics::{
    CLOCK_SKEW, LOG_FOLLOWING, LOG_HEAD, LOG_WRITABLE, NOTIFICATION_QUEUE_USED,
};

/// Says whether the node may answer.
#[derive(Debug, Clone)]
pub struct Follower(pub(crate) Arc<Status>);

/// Whether the node follows: to be looked at by every request, and to be waited for.
#[derive(Debug)]
pub(crate) struct Status {
    has_link: AtomicBool,
    /// Whether it may answer, as of the last look.
    told: watch::Sender<bool>,
    /// Position of the last event that was heard of.
    head: AtomicI64,
    clock: Clock,
    /// What the clock was found to be last: its own answer may be newer.
    was_right: AtomicBool,
    /// How far it is ahead of the database's, in milliseconds.
    ahead: AtomicI64,
    writable: Writable,
}

impl Follower {
    /// Whether the node holds its lock, has seen every event up to now, and knows what time it is.
    pub fn is_following(&self) -> bool {
        self.0.has_link.load(Ordering::Acquire) && self.0.clock.is_right()
    }

    /// Whether changes can be made, as far as anybody has tried.
    pub fn takes_changes(&self) -> bool {
        self.0.writable.is_so()
    }

    /// Waits until the node does not follow: what is told as it happens is not told any more.
    pub async fn lost(self) {
        // The sender is this value's own, so it cannot have gone.
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

    /// Whether the node has its lock and hears of every event.
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

    /// The database has told the time. A clock that is no machine's is compared with none.
    pub(crate) fn compare(&self, ask: impl FnOnce(&Clock) -> Round) {
        if !self.clock.is_machines() {
            return;
        }
        let round = ask(&self.clock);
        self.ahead.store(round.ahead(), Ordering::Relaxed);
        let is_right = match round.verdict() {
            Verdict::Right => true,
            Verdict::Wrong => false,
            Verdict::Unknown => return,
        };
        self.clock.judge(is_right);
        let was_right = self.was_right.swap(is_right, Ordering::AcqRel);
        match (was_right, is_right) {
            (true, false) => tracing::warn!(
                "this machine's clock is {} the database's: until it is right (set it by NTP) nothing is ended or issued \
                 because of the time, and nobody is answered",
                round.text()
            ),
            (false, true) => {
                tracing::info!("this machine's clock agrees with the database's again");
            }
            (true, true) | (false, false) => {}
        }
        self.tell();
    }

    /// Shows it, for as long as the node runs.
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

/// Whether the database takes changes: what the appender meets, and what the follower sees when it looks. Clones share it.
#[derive(Debug, Clone)]
pub struct Writable(Arc<Found>);

#[derive(Debug)]
struct Found {
    takes_changes: AtomicBool,
    /// How much of PostgreSQL's queue of notifications is used: the bits of a number from 0 to 1.
    queue: AtomicU64,
}

impl Default for Writable {
    fn default() -> Self {
        Self(Arc::new(Found { takes_changes: AtomicBool::new(true), queue: AtomicU64::new(0) }))
    }
}

impl Writable {
    pub(crate) fn is_so(&self) -> bool {
        self.0.takes_changes.load(Ordering::Acquire)
    }

    /// A change was made, or refused whatever it says.
    pub(crate) fn set(&self, takes_changes: bool) {
        let did = self.0.takes_changes.swap(takes_changes, Ordering::AcqRel);
        match (did, takes_changes) {
            (true, false) => {
                tracing::warn!(
                    "the database takes no changes; they are answered 503 until it does"
                );
            }
            (false, true) => tracing::info!("the database takes changes again"),
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
