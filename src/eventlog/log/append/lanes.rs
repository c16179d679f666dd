//! Lanes of the appends that wait, and the order in which batches take them.
//!
//! Short appends and long ones wait in lanes of their own. A batch takes the short ones first, up to a number of events and
//! bytes, and then a long one, or as many as are worth one. A long append that is worth several pays with turns: while short
//! ones wait, the lane of the long ones is left out for as many batches. So a short append waits for the running batch and
//! at most one long append, however many of those there are, and a long one for others like it.
//!
//! Appends of one stream are never in one batch: each depends on the version that the one before it leaves.

use std::collections::{HashSet, VecDeque};

use crate::eventlog::model::append::Append;
use crate::eventlog::model::stream::StreamName;

/// Most appends in one batch: beyond this the round trip no longer dominates.
pub(super) const MAX_APPENDS: usize = 512;

/// Size of one append or of several.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct AppendSize {
    /// Number of events in all of them.
    pub(super) events: usize,
    /// Bytes on the wire, approximately.
    pub(super) bytes: usize,
}

/// Largest size of a short append.
const SHORT: AppendSize = AppendSize { events: 64, bytes: 64 << 10 };

/// Limit of the short appends of one batch, in all.
const ALL_SHORT: AppendSize = AppendSize { events: 1_000, bytes: 1 << 20 };

/// One turn of the long appends. A single one that is longer is written alone among them.
const TURN: AppendSize = AppendSize { events: 250, bytes: 256 << 10 };

impl AppendSize {
    /// Size of an append, by which it gets its lane.
    pub(super) fn of(append: &Append) -> Self {
        Self { events: append.events.len(), bytes: append.wire_bytes() }
    }

    fn fits(self, limit: Self) -> bool {
        self.events <= limit.events && self.bytes <= limit.bytes
    }

    fn and(self, other: Self) -> Self {
        Self {
            events: self.events.saturating_add(other.events),
            bytes: self.bytes.saturating_add(other.bytes),
        }
    }

    /// Number of turns it is worth.
    fn turns(self) -> usize {
        self.events.div_ceil(TURN.events).max(self.bytes.div_ceil(TURN.bytes)).max(1)
    }
}

/// An append that waits.
pub(super) trait Waiting {
    /// Stream to which it is appended.
    fn stream(&self) -> &StreamName;
    /// Size that counts against the limits of a batch.
    fn size(&self) -> AppendSize;
}

/// Appends that wait for a batch, in two lanes.
#[derive(Debug)]
pub(super) struct Lanes<T> {
    /// Short appends, which every batch takes first.
    short: VecDeque<T>,
    /// Long appends, of which a batch takes one turn.
    long: VecDeque<T>,
    /// Number of turns that long appends had in advance, each paid by a batch of short ones alone.
    debt: usize,
}

impl<T> Default for Lanes<T> {
    fn default() -> Self {
        Self { short: VecDeque::new(), long: VecDeque::new(), debt: 0 }
    }
}

impl<T: Waiting> Lanes<T> {
    /// Adds an append to its lane.
    pub(super) fn push(&mut self, waiting: T) {
        if waiting.size().fits(SHORT) {
            self.short.push_back(waiting);
        } else {
            self.long.push_back(waiting);
        }
    }

    /// Returns true if no append waits.
    pub(super) fn is_empty(&self) -> bool {
        self.short.is_empty() && self.long.is_empty()
    }

    /// Takes the next batch; empty only if no append waits.
    pub(super) fn batch(&mut self) -> Vec<T> {
        let mut batch = BatchBuilder::default();
        batch.take(&mut self.short, ALL_SHORT);
        if self.debt > 0 && !batch.taken.is_empty() {
            self.debt -= 1;
            return batch.taken;
        }
        batch.size = AppendSize::default();
        let before = batch.taken.len();
        batch.take(&mut self.long, TURN);
        let has_long = batch.taken.len() > before;
        self.debt = if has_long { batch.size.turns() - 1 } else { 0 };
        batch.taken
    }
}

/// A batch that is put together.
struct BatchBuilder<T> {
    /// Appends of the batch, in the order in which they are written.
    taken: Vec<T>,
    /// Streams of these appends: none may be in the batch twice.
    streams: HashSet<StreamName>,
    /// Size of those from the present lane, which is compared with its limit.
    size: AppendSize,
}

impl<T> Default for BatchBuilder<T> {
    fn default() -> Self {
        Self { taken: Vec::new(), streams: HashSet::new(), size: AppendSize::default() }
    }
}

impl<T: Waiting> BatchBuilder<T> {
    /// Takes from the front of a lane as many appends as fit, and one in any case. The rest stays in its order.
    fn take(&mut self, lane: &mut VecDeque<T>, limit: AppendSize) {
        let mut later = VecDeque::new();
        while let Some(waiting) = lane.pop_front() {
            let size = self.size.and(waiting.size());
            let is_first = self.size == AppendSize::default();
            if self.taken.len() >= MAX_APPENDS || !(is_first || size.fits(limit)) {
                lane.push_front(waiting);
                break;
            }
            if self.streams.insert(waiting.stream().clone()) {
                self.size = size;
                self.taken.push(waiting);
            } else {
                later.push_back(waiting);
            }
        }
        later.append(lane);
        *lane = later;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq)]
    struct Job(StreamName, AppendSize);

    impl Waiting for Job {
        fn stream(&self) -> &StreamName {
            &self.0
        }

        fn size(&self) -> AppendSize {
            self.1
        }
    }

    fn job(stream: &str, events: usize, bytes: usize) -> Job {
        Job(StreamName::stored(stream), AppendSize { events, bytes })
    }

    fn names(batch: &[Job]) -> Vec<&str> {
        batch.iter().map(|job| job.0.as_str()).collect()
    }

    /// The batches until none waits, by the streams in each.
    fn batches(jobs: impl IntoIterator<Item = Job>) -> Vec<Vec<String>> {
        let mut lanes = Lanes::default();
        jobs.into_iter().for_each(|job| lanes.push(job));
        let mut batches = Vec::new();
        while !lanes.is_empty() {
            batches.push(names(&lanes.batch()).into_iter().map(str::to_owned).collect());
        }
        batches
    }

    #[test]
    fn a_batch_is_bounded_in_appends_events_and_bytes() {
        let sizes = |jobs: Vec<Job>| batches(jobs).iter().map(Vec::len).collect::<Vec<_>>();
        let many = |events, bytes| {
            (0..1_100).map(move |number| job(&number.to_string(), events, bytes)).collect()
        };
        assert_eq!(sizes(many(1, 300)), [512, 512, 76]);
        assert_eq!(sizes(many(10, 300)), [100; 11]);
        let large: Vec<_> = std::iter::repeat_n(16, 68).chain([12]).collect();
        assert_eq!(sizes(many(1, 64 << 10)), large);
    }

    #[test]
    fn appends_of_one_stream_are_in_batches_of_their_own_in_their_order() {
        let jobs = [job("a", 1, 1), job("a", 2, 1), job("b", 1, 1), job("a", 3, 1)];
        assert_eq!(batches(jobs), [vec!["a", "b"], vec!["a"], vec!["a"]]);
    }

    #[test]
    fn a_long_append_never_keeps_short_ones_waiting() {
        let long = (0..50).map(|number| job(&format!("long{number}"), 250, 1_000));
        let mut lanes = Lanes::default();
        long.for_each(|job| lanes.push(job));
        for round in 0..50 {
            lanes.push(job("short", 1, 300));
            assert_eq!(names(&lanes.batch()), ["short", &format!("long{round}")]);
        }
    }

    #[test]
    fn an_append_that_is_worth_several_pays_with_turns() {
        let mut lanes = Lanes::default();
        lanes.push(job("import", 1_000, 1_000));
        lanes.push(job("next", 250, 1_000));
        let mut seen = Vec::new();
        for _ in 0..5 {
            lanes.push(job("short", 1, 300));
            seen.push(names(&lanes.batch()).join(" "));
        }
        assert_eq!(seen, ["short import", "short", "short", "short", "short next"]);
        lanes.push(job("import", 1_000, 1_000));
        lanes.push(job("next", 250, 1_000));
        assert_eq!(batches([]), Vec::<Vec<String>>::new());
        assert_eq!(names(&lanes.batch()), ["import"]);
        assert_eq!(names(&lanes.batch()), ["next"], "nobody else waits, so nothing is paid");
    }

    #[test]
    fn long_appends_share_a_turn_if_they_fit() {
        let jobs = (0..7).map(|number| job(&number.to_string(), 75, 1_000));
        assert_eq!(batches(jobs), [vec!["0", "1", "2"], vec!["3", "4", "5"], vec!["6"]]);
    }
}
