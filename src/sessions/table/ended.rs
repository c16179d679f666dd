//! Ends of sessions that this node has heard of lately: as many as there is room for, the oldest are evicted first.
//!
//! # A bounded number is enough
//!
//! A session that is not in the table of live sessions is looked up in the database, which has no row of a session that has
//! ended. So an end has to be remembered only against a row that was *read before* it was committed and arrives after it was
//! heard of. Ends are numbered in the order in which this node hears of them ([`EndSequence`]); the reader of a row notes the
//! moment before it asks. A row is admitted if its session is not among the remembered ends *and* no end since that moment
//! has been forgotten. Otherwise the row says nothing, and is read again. So nothing depends on how long a read takes or on
//! the time a clock shows, and if more sessions end than fit, reads that are under way are repeated.
//!
//! Beyond that, remembering saves a look-up for each request with a token of an ended session; that is why ends stay for as
//! long as an access token lives, if there is room.

use std::collections::{HashSet, VecDeque};

use foldhash::quality::RandomState;

use crate::base::clock::Timestamp;
use crate::base::id::SessionId;

/// Bytes of a remembered end: its entry, its place in the set, and the room that both grow in.
pub(super) const BYTES: usize = 128;

/// A place in the order in which this node hears of ends and doubts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct EndSequence(pub(super) u64);

/// End of a session that this node has heard of and not forgotten yet.
#[derive(Debug, Clone, Copy)]
struct RememberedEnd {
    /// Key in the set of identifiers, from which it is removed with this entry.
    id: SessionId,
    /// Place in the order of ends, which becomes `forgotten` once this entry leaves.
    moment: EndSequence,
    /// Time at which this node heard of it, by which the sweep decides.
    noticed: Timestamp,
}

/// The remembered ends of one part of the sessions.
#[derive(Debug)]
pub(super) struct Ended {
    /// Ends in the order of their moments, so that the oldest is found at once.
    ends: VecDeque<RememberedEnd>,
    /// Sessions of `ends`, for the check on every look-up.
    ids: HashSet<SessionId, RandomState>,
    /// Most ends that are remembered: beyond it the oldest is evicted.
    most: usize,
    /// Moment of the newest end that has been forgotten: rows read before it are not admitted.
    forgotten: EndSequence,
}

impl Ended {
    /// Makes an empty set with room for `most` ends.
    pub(super) fn new(most: usize) -> Self {
        let (ends, ids) = (VecDeque::new(), HashSet::default());
        Self { ends, ids, most: most.max(1), forgotten: EndSequence::default() }
    }

    /// Remembers an end, and evicts the oldest if there is no room.
    pub(super) fn remember(&mut self, id: SessionId, moment: EndSequence, noticed: Timestamp) {
        if !self.ids.insert(id) {
            return;
        }
        if self.ends.len() >= self.most {
            self.forget_first();
        }
        self.ends.push_back(RememberedEnd { id, moment, noticed });
    }

    /// Returns true if the end of this session is remembered.
    pub(super) fn contains(&self, id: SessionId) -> bool {
        self.ids.contains(&id)
    }

    /// Returns true if an end that was heard of after `moment` has been forgotten.
    pub(super) fn has_forgotten_since(&self, moment: EndSequence) -> bool {
        self.forgotten > moment
    }

    /// Forgets ends that were noticed until `until`, at most `most` of them; returns their number.
    pub(super) fn forget(&mut self, until: Timestamp, most: usize) -> usize {
        let is_over = |end: &&RememberedEnd| end.noticed <= until;
        let count = self.ends.iter().take(most).take_while(is_over).count();
        (0..count).for_each(|_| self.forget_first());
        count
    }

    fn forget_first(&mut self) {
        if let Some(end) = self.ends.pop_front() {
            self.ids.remove(&end.id);
            self.forgotten = end.moment;
        }
    }

    /// Number of remembered ends.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn id(number: u64) -> SessionId {
        SessionId::from_uuid(Uuid::from_u128(number.into()))
    }

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_unix_millis(millis)
    }

    fn ended(most: usize, number: u64) -> Ended {
        let mut ended = Ended::new(most);
        for number in 1..=number {
            ended.remember(id(number), EndSequence(number), at(number.try_into().unwrap()));
        }
        ended
    }

    #[test]
    fn a_million_ends_take_the_room_of_those_that_fit() {
        let ended = ended(1_000, 1_000_000);
        assert_eq!((ended.ends.len(), ended.ids.len()), (1_000, 1_000));
        assert!(ended.ends.capacity() <= 2_048 && ended.ids.capacity() <= 4_096);
        assert!(ended.contains(id(1_000_000)) && !ended.contains(id(999_000)));
    }

    #[test]
    fn what_was_read_before_a_forgotten_end_says_nothing() {
        let ended = ended(10, 30);
        assert!(ended.has_forgotten_since(EndSequence(19)));
        assert!(!ended.has_forgotten_since(EndSequence(20)));
    }

    #[test]
    fn a_step_of_the_sweep_forgets_no_more_than_it_may() {
        let mut ended = ended(10_000, 10_000);
        let steps: Vec<_> = (0..6).map(|_| ended.forget(at(4_500), 1_000)).collect();
        assert_eq!(steps, [1_000, 1_000, 1_000, 1_000, 500, 0]);
        assert_eq!((ended.len(), ended.forgotten), (5_500, EndSequence(4_500)));
    }

    #[test]
    fn an_end_that_is_told_twice_is_remembered_once() {
        let mut ended = ended(10, 3);
        ended.remember(id(1), EndSequence(4), at(4));
        assert_eq!((ended.len(), ended.forget(at(1), 10)), (3, 1));
    }
}
