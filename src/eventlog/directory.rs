//! The directory of seats: which entities this node holds.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use super::decider::Decider;
use super::seat::Seat;
use super::stream::StreamName;
use super::watch::{Watch, Watches};
use crate::sharded::ShardedMap;

/// The seats of one kind of entity.
pub(super) struct Directory<D: Decider> {
    seats: ShardedMap<StreamName, Arc<Seat<D>>>,
    watches: Arc<Watches>,
    started: Instant,
    alive: AtomicUsize,
    closed: AtomicBool,
}

impl<D: Decider> Directory<D> {
    pub(super) fn new() -> Self {
        Self {
            seats: ShardedMap::new(),
            watches: Arc::default(),
            started: Instant::now(),
            alive: AtomicUsize::new(0),
            closed: AtomicBool::new(false),
        }
    }

    /// The seat of a stream, if this node holds it.
    pub(super) fn get(&self, stream: &StreamName) -> Option<Arc<Seat<D>>> {
        self.seats.get(stream)
    }

    /// The seat of a stream, and whether it was made just now and needs an actor.
    pub(super) fn get_or_create(&self, stream: &StreamName) -> (Arc<Seat<D>>, bool) {
        if let Some(seat) = self.seats.get(stream) {
            return (seat, false);
        }
        self.seats.update(stream, |seats| {
            let mut created = false;
            let seat = seats.entry(stream.clone()).or_insert_with(|| {
                created = true;
                Arc::new(Seat::new(stream.clone(), Arc::clone(&self.watches)))
            });
            (Arc::clone(seat), created)
        })
    }

    /// States of the stream older than `version` are stale from now on.
    pub(super) fn require(&self, stream: &StreamName, version: i64) {
        if let Some(seat) = self.seats.get(stream) {
            seat.require(version);
        } else {
            self.watches.tell(stream, version);
        }
    }

    /// Begins to watch a stream, whether or not this node holds it.
    pub(super) fn watch(&self, stream: &StreamName) -> Option<Watch> {
        let watch = self.watches.begin(stream)?;
        if let Some(seat) = self.seats.get(stream) {
            // What the seat has heard of so far, it may have told nobody.
            self.watches.tell(stream, seat.require(0));
        }
        Some(watch)
    }

    /// Takes a closed seat out.
    pub(super) fn remove(&self, stream: &StreamName) {
        self.seats.update(stream, |seats| seats.remove(stream));
    }

    /// Every seat.
    pub(super) fn seats(&self) -> Vec<Arc<Seat<D>>> {
        self.seats.values()
    }

    /// Milliseconds since the directory was made: what seats are stamped with when they are used.
    pub(super) fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Takes no further requests and ends every watch: the node is stopping.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.watches.close();
    }

    pub(super) fn is_open(&self) -> bool {
        !self.closed.load(Ordering::Acquire)
    }

    /// How many actors are alive.
    pub(super) fn alive(&self) -> usize {
        self.alive.load(Ordering::Relaxed)
    }

    pub(super) fn set_alive(&self, alive: usize) {
        self.alive.store(alive, Ordering::Relaxed);
    }
}
