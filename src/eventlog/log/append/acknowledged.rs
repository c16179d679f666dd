//! Registry of the batches of this node that the database has acknowledged.
//!
//! The follower skips these, because their entities have published them; it reads every other batch. A batch that timed
//! out or lost its connection was published by no entity. If it is committed after all, however late, its notification
//! names positions that were never acknowledged, and its entities learn of it as of any other node's.
//!
//! A batch is noted before any of its appends is answered. To read one that was acknowledged is harmless, so if there are
//! too many gaps the oldest are forgotten.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

/// Longest time a notification waits for the acknowledgement of its batch, before the batch is read.
const PATIENCE: Duration = Duration::from_millis(100);

/// Most ranges that are kept. Those of batches that follow one another are one.
const MAX_RANGES: usize = 1_024;

/// Shared by the appender, which notes, and the follower, which asks. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Acknowledged(Arc<AcknowledgedBatches>);

#[derive(Debug, Default)]
struct AcknowledgedBatches {
    /// Ranges and the batch under way, which change together under one lock.
    noted: Mutex<BatchRanges>,
    /// Notified when a batch has ended, acknowledged or not, so that `holds` looks again.
    changed: Notify,
}

#[derive(Debug, Default)]
struct BatchRanges {
    /// True from before a batch is sent until it has ended: its notification may come before its answer.
    is_writing: bool,
    /// Acknowledged ranges in order: positions after the first number up to the second.
    ranges: VecDeque<(i64, i64)>,
}

impl BatchRanges {
    fn holds(&self, after: i64, last: i64) -> bool {
        self.ranges.iter().rev().any(|(begin, end)| *begin <= after && last <= *end)
    }

    fn note(&mut self, after: i64, last: i64) {
        match self.ranges.back_mut() {
            Some((_, end)) if *end == after => *end = last,
            _ => self.ranges.push_back((after, last)),
        }
        if self.ranges.len() > MAX_RANGES {
            self.ranges.pop_front();
        }
    }
}

impl Acknowledged {
    /// Notes that a batch is about to be sent.
    pub(super) fn begin(&self) {
        self.noted().is_writing = true;
    }

    /// Notes that the batch has ended, with the positions of its events if it was acknowledged and has any.
    pub(super) fn end(&self, positions: Option<(i64, i64)>) {
        let mut noted = self.noted();
        noted.is_writing = false;
        if let Some((after, last)) = positions {
            noted.note(after, last);
        }
        drop(noted);
        self.0.changed.notify_waiters();
    }

    /// Returns true if the events after one position up to another were acknowledged. While a batch is under way, waits a
    /// moment for its answer: the notification may have come first.
    pub(crate) async fn holds(&self, after: i64, last: i64) -> bool {
        let waiting = async {
            loop {
                let changed = self.0.changed.notified();
                {
                    let noted = self.noted();
                    if noted.holds(after, last) {
                        return true;
                    }
                    if !noted.is_writing {
                        return false;
                    }
                }
                changed.await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.unwrap_or(false)
    }

    /// Forgets the ranges up to a position that the follower has seen.
    pub(crate) fn forget(&self, position: i64) {
        let mut noted = self.noted();
        while noted.ranges.front().is_some_and(|(_, end)| *end <= position) {
            noted.ranges.pop_front();
        }
    }

    fn noted(&self) -> MutexGuard<'_, BatchRanges> {
        self.0.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_acknowledged_is_held_until_it_is_forgotten() {
        let acknowledged = Acknowledged::default();
        for (after, last) in [(0, 3), (3, 5), (7, 9)] {
            acknowledged.begin();
            acknowledged.end(Some((after, last)));
        }
        for (after, last) in [(0, 3), (3, 5), (1, 4), (7, 9)] {
            assert!(acknowledged.holds(after, last).await, "{after} to {last}");
        }
        for (after, last) in [(5, 7), (4, 6), (6, 9), (9, 10)] {
            assert!(!acknowledged.holds(after, last).await, "{after} to {last}");
        }
        acknowledged.forget(5);
        assert!(!acknowledged.holds(0, 3).await && acknowledged.holds(7, 9).await);
    }

    #[tokio::test]
    async fn a_notification_that_comes_before_the_answer_waits_for_it() {
        for positions in [Some((0, 1)), None] {
            let acknowledged = Acknowledged::default();
            acknowledged.begin();
            let answered = async {
                tokio::task::yield_now().await;
                acknowledged.end(positions);
            };
            let (held, ()) = tokio::join!(acknowledged.holds(0, 1), answered);
            assert_eq!(held, positions.is_some());
        }
    }

    #[tokio::test]
    async fn a_batch_that_is_not_answered_is_not_waited_for_for_long() {
        let acknowledged = Acknowledged::default();
        acknowledged.begin();
        assert!(!acknowledged.holds(0, 1).await);
    }

    #[test]
    fn gaps_are_bounded() {
        let acknowledged = Acknowledged::default();
        for number in 0..10_000 {
            acknowledged.end(Some((2 * number, 2 * number + 1)));
        }
        assert_eq!(acknowledged.noted().ranges.len(), MAX_RANGES);
    }
}
