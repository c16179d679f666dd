//! Progress of a connection, and the deadlines by which it must move.
//!
//! The socket, the requests and the answers of a connection are noted here; [`Traffic::overdue`] resolves once something
//! has taken longer than it may, and the connection is closed.
//!
//! # Design
//!
//! Notes are relaxed atomics, because every request makes some, and none of them wakes a task. A waiting task looks again
//! at the earliest time at which the next deadline could come.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use crate::http::limits::{Pace, TimeLimits};

/// Time for which a connection without requests must be quiet before a stopping server closes it.
const LULL: Duration = Duration::from_millis(200);

/// Interval of looking for the first request of a connection that is about to be closed.
const GLANCE: Duration = Duration::from_millis(5);

/// Progress of one connection. Its deadlines:
///
/// | requests | protocol | deadline |
/// |---|---|---|
/// | none yet | any | the first head, after its opening |
/// | none in flight | HTTP/1 | the next head, after its first byte, or the idle timeout: the earlier one |
/// | none in flight | HTTP/2 | the idle timeout |
/// | some in flight | HTTP/1 | none but that of unsent bytes |
/// | some in flight | HTTP/2 | the answer that has waited longest for its client |
///
/// Unsent bytes have their deadline in every row.
#[derive(Debug)]
pub(super) struct Traffic {
    /// Timeouts of the server.
    limits: TimeLimits,
    /// Time to which every [`AtomicMoment`] is relative.
    opened: Instant,
    /// Requests whose answers have not been handed on completely.
    in_flight: AtomicUsize,
    /// Begin of the next request's head; none while no byte of it has come.
    head_began: AtomicMoment,
    /// Time since which nothing is in flight; none before the first request.
    idle_since: AtomicMoment,
    /// Deadline of unsent bytes; none if nothing waits to be sent.
    blocked_until: AtomicMoment,
    /// True once it is HTTP/2: several requests at once, and frames that belong to none.
    is_multiplexed: AtomicBool,
    /// For each answer of an HTTP/2 connection, the time of its last piece, unless more has been asked for since.
    answers: Mutex<Vec<Weak<AtomicMoment>>>,
}

/// Milliseconds since a connection was opened; 0 is none.
#[derive(Debug, Default)]
pub(super) struct AtomicMoment(AtomicU64);

impl AtomicMoment {
    const NONE: u64 = 0;

    fn get(&self) -> Option<Duration> {
        let millis = self.0.load(Ordering::Relaxed);
        (millis != Self::NONE).then(|| Duration::from_millis(millis))
    }

    fn set(&self, after: Duration) {
        let millis = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
        self.0.store(millis.max(1), Ordering::Relaxed);
    }

    fn clear(&self) {
        self.0.store(Self::NONE, Ordering::Relaxed);
    }
}

impl Traffic {
    /// Traffic of a connection that opens now.
    pub(super) fn new(limits: TimeLimits) -> Arc<Self> {
        Arc::new(Self {
            limits,
            opened: Instant::now(),
            in_flight: AtomicUsize::new(0),
            head_began: AtomicMoment::default(),
            idle_since: AtomicMoment::default(),
            blocked_until: AtomicMoment::default(),
            is_multiplexed: AtomicBool::new(false),
            answers: Mutex::default(),
        })
    }

    /// Notes that bytes have arrived.
    pub(super) fn received(&self) {
        if self.in_flight.load(Ordering::Relaxed) == 0 && self.head_began.get().is_none() {
            self.head_begins(self.opened.elapsed());
        }
    }

    /// Notes the first byte of a head.
    fn head_begins(&self, now: Duration) {
        self.head_began.set(now);
    }

    /// Notes that a request's head is complete; the request is in flight until the guard is dropped.
    pub(super) fn request(self: &Arc<Self>, is_multiplexed: bool) -> InFlight {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        self.head_began.clear();
        if is_multiplexed {
            self.is_multiplexed.store(true, Ordering::Relaxed);
        }
        InFlight { traffic: Arc::clone(self), progress: None }
    }

    /// True if the connection has shown that it speaks HTTP/2.
    pub(super) fn is_multiplexed(&self) -> bool {
        self.is_multiplexed.load(Ordering::Relaxed)
    }

    /// Begins the pace at which unsent bytes must move.
    pub(super) fn sending(&self) -> Pace {
        Pace::begin(self.limits.sending, Instant::now())
    }

    /// Notes that unsent bytes wait for the client.
    pub(super) fn blocked(&self, pace: &Pace) {
        self.blocked_until.set(pace.until().duration_since(self.opened));
    }

    /// Notes that nothing waits to be sent.
    pub(super) fn flushed(&self) {
        self.blocked_until.clear();
    }

    /// Resolves once something has taken longer than it may.
    pub(super) async fn overdue(&self) {
        // Nothing that begins now can be overdue before this time.
        let step = self.limits.head.min(self.limits.sending.patience).min(self.limits.idle);
        loop {
            let now = self.opened.elapsed();
            let deadline = self.deadline();
            if deadline.is_some_and(|deadline| deadline <= now) {
                return;
            }
            let next = deadline.map_or(now + step, |deadline| deadline.min(now + step));
            sleep_until(self.opened + next).await;
        }
    }

    /// Resolves once the first request has begun, or after a moment without one.
    pub(super) async fn asked(&self) {
        let latest = Instant::now() + LULL;
        while self.is_new() && Instant::now() < latest {
            sleep(GLANCE).await;
        }
    }

    /// True if there has been no request yet.
    fn is_new(&self) -> bool {
        self.in_flight.load(Ordering::Acquire) == 0 && self.idle_since.get().is_none()
    }

    /// Resolves once nothing is in flight and nothing waits to be sent.
    pub(super) async fn finished(&self) {
        let mut was_quiet = false;
        loop {
            sleep(LULL).await;
            let is_quiet =
                self.in_flight.load(Ordering::Relaxed) == 0 && self.blocked_until.get().is_none();
            if is_quiet && was_quiet {
                return;
            }
            was_quiet = is_quiet;
        }
    }

    /// Earliest deadline of the connection, as things are.
    fn deadline(&self) -> Option<Duration> {
        let deadlines = [self.blocked_until.get(), self.next_head(), self.oldest_answer()];
        deadlines.into_iter().flatten().min()
    }

    /// Deadline of the next request's head, if none is in flight.
    fn next_head(&self) -> Option<Duration> {
        if self.in_flight.load(Ordering::Relaxed) > 0 {
            return None;
        }
        let Some(idle_since) = self.idle_since.get() else { return Some(self.limits.head) };
        // In HTTP/2, what arrives may belong to no request: a ping buys no time and costs none.
        let began = self.head_began.get().filter(|_| !self.is_multiplexed());
        let complete = began.map(|began| began + self.limits.head);
        let idle = idle_since + self.limits.idle;
        Some(complete.map_or(idle, |complete| complete.min(idle)))
    }

    /// Deadline of the answer that has waited longest for its client.
    fn oldest_answer(&self) -> Option<Duration> {
        if !self.is_multiplexed() {
            return None;
        }
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let given = answers.iter().filter_map(|answer| answer.upgrade()?.get());
        given.min().map(|given| given + self.limits.sending.patience)
    }
}

/// Guard of a request in flight.
#[derive(Debug)]
pub(super) struct InFlight {
    /// Traffic of its connection.
    traffic: Arc<Traffic>,
    /// Time of the answer's last piece, in HTTP/2 only: there each stream waits for its client alone.
    progress: Option<Arc<AtomicMoment>>,
}

impl InFlight {
    /// True if its connection may carry others at the same time.
    pub(super) fn is_one_of_many(&self) -> bool {
        self.traffic.is_multiplexed()
    }

    /// Notes that the answer has given a piece, which now waits for the client.
    pub(super) fn gave(&mut self) {
        let Self { traffic, progress } = self;
        if !traffic.is_multiplexed() {
            return;
        }
        let progress = progress.get_or_insert_with(|| {
            let progress = Arc::new(AtomicMoment::default());
            let mut answers = traffic.answers.lock().unwrap_or_else(PoisonError::into_inner);
            answers.retain(|answer| answer.strong_count() > 0);
            answers.push(Arc::downgrade(&progress));
            progress
        });
        progress.set(traffic.opened.elapsed());
    }

    /// Notes that the answer is asked for more.
    pub(super) fn taken(&self) {
        if let Some(progress) = &self.progress {
            progress.clear();
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let traffic = &self.traffic;
        // Noted first: without it, a connection that nothing is in flight on would look like a new one.
        traffic.idle_since.set(traffic.opened.elapsed());
        traffic.in_flight.fetch_sub(1, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn traffic() -> Arc<Traffic> {
        Traffic::new(TimeLimits::default())
    }

    /// The second after its opening in which a connection is overdue.
    fn second(traffic: &Traffic) -> Option<u64> {
        traffic.deadline().map(|deadline| deadline.as_secs())
    }

    #[test]
    fn the_first_head_is_complete_in_time_whatever_drips() {
        let traffic = traffic();
        assert_eq!(second(&traffic), Some(30));
        traffic.head_begins(20 * SECOND);
        traffic.received();
        assert_eq!(second(&traffic), Some(30));
    }

    #[test]
    fn a_later_head_is_complete_in_time_from_its_first_byte() {
        let traffic = traffic();
        drop(traffic.request(false));
        traffic.head_begins(40 * SECOND);
        traffic.received();
        assert_eq!(second(&traffic), Some(70));
    }

    #[test]
    fn an_idle_connection_is_closed_whatever_it_pings() {
        for is_multiplexed in [false, true] {
            let traffic = traffic();
            drop(traffic.request(is_multiplexed));
            assert_eq!(second(&traffic), Some(75));
            traffic.head_begins(70 * SECOND);
            assert_eq!(second(&traffic), Some(75));
        }
    }

    #[test]
    fn a_request_may_be_in_flight_for_as_long_as_it_takes() {
        let traffic = traffic();
        let requests = (traffic.request(false), traffic.request(false));
        traffic.received();
        assert_eq!(second(&traffic), None);
        drop(requests.0);
        assert_eq!(second(&traffic), None);
        drop(requests.1);
        assert_eq!(second(&traffic), Some(75));
    }

    #[test]
    fn a_client_that_takes_nothing_of_an_answer_is_given_up() {
        let traffic = traffic();
        let _request = traffic.request(false);
        let mut pace = Pace::begin(traffic.limits.sending, traffic.opened);
        traffic.blocked(&pace);
        assert_eq!(second(&traffic), Some(20));
        pace.moved(5 * 1_024, traffic.opened + 10 * SECOND);
        traffic.blocked(&pace);
        assert_eq!(second(&traffic), Some(25));
        traffic.flushed();
        assert_eq!(second(&traffic), None);
    }

    #[test]
    fn each_answer_of_a_connection_must_be_taken_whatever_becomes_of_the_others() {
        let traffic = traffic();
        let (mut slow, mut quick) = (traffic.request(true), traffic.request(true));
        slow.gave();
        quick.gave();
        quick.taken();
        assert_eq!(second(&traffic), Some(20));
        slow.taken();
        assert_eq!(second(&traffic), None, "both wait for the server");
        slow.gave();
        drop((slow, quick));
        assert_eq!(second(&traffic), Some(75));
    }

    #[tokio::test]
    async fn a_connection_is_finished_when_nothing_is_in_flight() {
        let traffic = traffic();
        let request = traffic.request(false);
        let finished = traffic.finished();
        let mut finished = std::pin::pin!(finished);
        assert!(futures_util::poll!(&mut finished).is_pending());
        drop(request);
        finished.await;
    }
}
