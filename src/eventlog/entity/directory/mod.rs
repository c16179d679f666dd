//! Directory of mailboxes: the entities that this node holds.

pub(super) mod shared;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use self::shared::SharedWeights;
use super::mailbox::Mailbox;
use super::watch::Watch;
use crate::base::sharded_map::ShardedMap;
use crate::eventlog::model::decider::Decider;
use crate::eventlog::model::stream::StreamName;
use crate::eventlog::resources::Weights;

/// Divisor of the total weight: a kind of entity below that part of it is not the cause of an excess.
const SMALL_PART: usize = 8;

/// Mailboxes of one kind of entity.
pub(crate) struct Directory<D: Decider> {
    /// Mailboxes by stream, including those that wait to be admitted.
    mailboxes: ShardedMap<StreamName, Arc<Mailbox<D>>>,
    /// Weights and watches, which every mailbox updates.
    shared: Arc<SharedWeights>,
    /// Origin of the milliseconds that `now` counts.
    started: Instant,
    /// Number of admitted entities, as the supervisor last counted them.
    alive: AtomicUsize,
    /// True from asking the supervisor to make room until it looks, so that one message is under way.
    is_told: AtomicBool,
    /// True once the node is stopping: requests are refused from then on.
    closed: AtomicBool,
}

impl<D: Decider> Directory<D> {
    pub(super) fn new(weights: Arc<Weights>) -> Self {
        let shared =
            SharedWeights { watches: Arc::default(), weights, weight: AtomicUsize::new(0) };
        Self {
            mailboxes: ShardedMap::new(),
            shared: Arc::new(shared),
            started: Instant::now(),
            alive: AtomicUsize::new(0),
            is_told: AtomicBool::new(false),
            closed: AtomicBool::new(false),
        }
    }

    /// The mailbox of a stream, if this node holds the entity.
    pub(super) fn get(&self, stream: &StreamName) -> Option<Arc<Mailbox<D>>> {
        self.mailboxes.get(stream)
    }

    /// The mailbox of a stream, and true if it was made just now and needs to be admitted.
    pub(super) fn get_or_create(&self, stream: &StreamName) -> (Arc<Mailbox<D>>, bool) {
        if let Some(mailbox) = self.mailboxes.get(stream) {
            return (mailbox, false);
        }
        self.mailboxes.update(stream, |mailboxes| {
            let mut created = false;
            let mailbox = mailboxes.entry(stream.clone()).or_insert_with(|| {
                created = true;
                Arc::new(Mailbox::new(stream.clone(), Arc::clone(&self.shared)))
            });
            (Arc::clone(mailbox), created)
        })
    }

    /// Marks states of the stream older than `version` as stale.
    pub(super) fn require(&self, stream: &StreamName, version: i64) {
        if let Some(mailbox) = self.mailboxes.get(stream) {
            mailbox.require(version);
        } else {
            self.shared.watches.tell(stream, version);
        }
    }

    /// Begins to watch a stream, held by this node or not.
    pub(super) fn watch(&self, stream: &StreamName) -> Option<Watch> {
        let watch = self.shared.watches.begin(stream)?;
        if let Some(mailbox) = self.mailboxes.get(stream) {
            // Versions that the mailbox knows of so far may have been announced to no watch.
            self.shared.watches.tell(stream, mailbox.require(0));
        }
        Some(watch)
    }

    /// Removes a closed mailbox, so that the next look-up makes another.
    pub(super) fn remove(&self, stream: &StreamName) {
        self.mailboxes.update(stream, |mailboxes| mailboxes.remove(stream));
    }

    /// The mailboxes for which `are_meant` returns true.
    pub(super) fn mailboxes(
        &self,
        are_meant: impl FnMut(&Arc<Mailbox<D>>) -> bool,
    ) -> Vec<Arc<Mailbox<D>>> {
        self.mailboxes.values_where(are_meant)
    }

    /// Excess of this kind, as bytes that have to leave memory and bytes that it has there; `None` if all kinds together
    /// are within their limit. A kind that is a small part of the weight leaves the eviction to the others.
    pub(super) fn excess(&self) -> Option<(usize, usize)> {
        let SharedWeights { weights, weight, .. } = &*self.shared;
        let (used, own) = (weights.used(), weight.load(Ordering::Relaxed));
        if !weights.is_exceeded() || own < used / SMALL_PART {
            return None;
        }
        Some((used - weights.limit() / 10 * 9, own))
    }

    /// Returns true if the supervisor must be told of an excess: once, until it has looked.
    pub(super) fn must_tell_of_excess(&self) -> bool {
        self.excess().is_some() && !self.is_told.swap(true, Ordering::AcqRel)
    }

    /// Notes that the supervisor looks at the excess now; a later excess is announced again.
    pub(super) fn told_of_excess(&self) {
        self.is_told.store(false, Ordering::Release);
    }

    /// Milliseconds since the directory was made, with which a mailbox is stamped on use.
    pub(super) fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Takes no further requests and ends every watch, because the node is stopping.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.shared.watches.close();
    }

    pub(super) fn is_open(&self) -> bool {
        !self.closed.load(Ordering::Acquire)
    }

    /// Number of entities in memory.
    pub(crate) fn alive(&self) -> usize {
        self.alive.load(Ordering::Relaxed)
    }

    pub(super) fn set_alive(&self, alive: usize) {
        self.alive.store(alive, Ordering::Relaxed);
    }
}
