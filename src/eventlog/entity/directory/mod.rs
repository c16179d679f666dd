//! The directory of seats: which entities this node holds.

pub(super) mod shared;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use self::shared::Shared;
use super::mailbox::Seat;
use super::watch::Watch;
use crate::base::sharded_map::ShardedMap;
use crate::eventlog::model::decider::Decider;
use crate::eventlog::model::stream::StreamName;
use crate::eventlog::resources::Weights;

/// A kind with less than this part of the weight of all is not what makes it too much.
const SMALL_PART: usize = 8;

/// The seats of one kind of entity.
pub(crate) struct Directory<D: Decider> {
    seats: ShardedMap<StreamName, Arc<Seat<D>>>,
    shared: Arc<Shared>,
    started: Instant,
    alive: AtomicUsize,
    /// Whether the supervisor has been asked to make room, and has not looked yet.
    is_told: AtomicBool,
    closed: AtomicBool,
}

impl<D: Decider> Directory<D> {
    pub(super) fn new(weights: Arc<Weights>) -> Self {
        let shared = Shared { watches: Arc::default(), weights, weight: AtomicUsize::new(0) };
        Self {
            seats: ShardedMap::new(),
            shared: Arc::new(shared),
            started: Instant::now(),
            alive: AtomicUsize::new(0),
            is_told: AtomicBool::new(false),
            closed: AtomicBool::new(false),
        }
    }

    /// The seat of a stream, if this node holds it.
    pub(super) fn get(&self, stream: &StreamName) -> Option<Arc<Seat<D>>> {
        self.seats.get(stream)
    }

    /// The seat of a stream, and whether it was made just now and needs to be admitted.
    pub(super) fn get_or_create(&self, stream: &StreamName) -> (Arc<Seat<D>>, bool) {
        if let Some(seat) = self.seats.get(stream) {
            return (seat, false);
        }
        self.seats.update(stream, |seats| {
            let mut created = false;
            let seat = seats.entry(stream.clone()).or_insert_with(|| {
                created = true;
                Arc::new(Seat::new(stream.clone(), Arc::clone(&self.shared)))
            });
            (Arc::clone(seat), created)
        })
    }

    /// States of the stream older than `version` are stale from now on.
    pub(super) fn require(&self, stream: &StreamName, version: i64) {
        if let Some(seat) = self.seats.get(stream) {
            seat.require(version);
        } else {
            self.shared.watches.tell(stream, version);
        }
    }

    /// Begins to watch a stream, whether or not this node holds it.
    pub(super) fn watch(&self, stream: &StreamName) -> Option<Watch> {
        let watch = self.shared.watches.begin(stream)?;
        if let Some(seat) = self.seats.get(stream) {
            // What the seat has heard of so far, it may have told nobody.
            self.shared.watches.tell(stream, seat.require(0));
        }
        Some(watch)
    }

    /// Takes a closed seat out.
    pub(super) fn remove(&self, stream: &StreamName) {
        self.seats.update(stream, |seats| seats.remove(stream));
    }

    /// The seats that are meant.
    pub(super) fn seats(&self, are_meant: impl FnMut(&Arc<Seat<D>>) -> bool) -> Vec<Arc<Seat<D>>> {
        self.seats.values_where(are_meant)
    }

    /// The part of the states of this kind that has to leave memory, so that all of them together weigh what they may: so many
    /// bytes of so many. A kind that is a small part of the weight leaves it to the others.
    pub(super) fn excess(&self) -> Option<(usize, usize)> {
        let Shared { weights, weight, .. } = &*self.shared;
        let (used, own) = (weights.used(), weight.load(Ordering::Relaxed));
        if !weights.is_exceeded() || own < used / SMALL_PART {
            return None;
        }
        Some((used - weights.limit() / 10 * 9, own))
    }

    /// Whether the supervisor must be told that there is an excess. True once until it has looked.
    pub(super) fn must_tell_of_excess(&self) -> bool {
        self.excess().is_some() && !self.is_told.swap(true, Ordering::AcqRel)
    }

    /// The supervisor looks at the excess.
    pub(super) fn told_of_excess(&self) {
        self.is_told.store(false, Ordering::Release);
    }

    /// Milliseconds since the directory was made: what seats are stamped with when they are used.
    pub(super) fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Takes no further requests and ends every watch: the node is stopping.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.shared.watches.close();
    }

    pub(super) fn is_open(&self) -> bool {
        !self.closed.load(Ordering::Acquire)
    }

    /// How many actors are alive.
    pub(crate) fn alive(&self) -> usize {
        self.alive.load(Ordering::Relaxed)
    }

    pub(super) fn set_alive(&self, alive: usize) {
        self.alive.store(alive, Ordering::Relaxed);
    }
}
