//! Watching a stream: the holder of a [`Watch`] learns of newer versions without polling.
//!
//! A version is announced once this node has committed it, or has heard that another process wrote it; reading then finds
//! it. No version is missed between one look and the next: a watch is begun, then the state is read, then a version newer
//! than the one read is waited for.
//!
//! # Design
//!
//! Only streams that are watched have an entry here. Publishing costs one atomic load while there is no watch at all, and
//! a look-up beside it while there are some.
//!
//! No fence stands between a mailbox that publishes a version and then looks for a watch, and a watch that begins and then
//! reads the version of the mailbox. Both change the same number of the mailbox (`Mailbox::require`), so one of the two comes
//! second and sees what the first has done before.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::sync::watch;

use crate::base::sharded_map::ShardedMap;
use crate::eventlog::model::stream::StreamName;
use crate::telemetry::audit_events;
use crate::telemetry::reason::Reason;

/// Most watches of one stream.
pub const MAX_WATCHES: usize = 32;

/// Registry of the watched streams of one kind of entity.
#[derive(Debug, Default)]
pub(super) struct Watches {
    /// Watched streams only: an entry goes with its last watch.
    streams: ShardedMap<StreamName, WatchedStream>,
    /// Number of watched streams; while it is 0, publishing needs no look-up.
    watched: AtomicUsize,
    /// True once the node is stopping: no watch begins from then on.
    closed: AtomicBool,
}

/// A stream with at least one watch, and its newest version.
#[derive(Debug, Clone)]
struct WatchedStream {
    /// Sender of the newest announced version; 0 before the first.
    newest: watch::Sender<i64>,
    /// Number of watches, at most `MAX_WATCHES`.
    watches: usize,
}

impl Watches {
    /// Begins to watch a stream; `None` if it has too many watches, or the node is stopping.
    pub(super) fn begin(self: &Arc<Self>, stream: &StreamName) -> Option<Watch> {
        let newest = self.streams.update(stream, |streams| {
            if self.closed.load(Ordering::Acquire) {
                return Err(None);
            }
            let watched = streams.entry(stream.clone()).or_insert_with(|| {
                self.watched.fetch_add(1, Ordering::AcqRel);
                WatchedStream { newest: watch::Sender::new(0), watches: 0 }
            });
            if watched.watches >= MAX_WATCHES {
                return Err(Some(Reason::Watchers));
            }
            watched.watches += 1;
            Ok(watched.newest.subscribe())
        });
        let newest = newest.map_err(|full| full.map(audit_events::refused)).ok()?;
        Some(Watch { watches: Arc::clone(self), stream: stream.clone(), newest })
    }

    /// Announces a version of a stream to its watches.
    pub(super) fn tell(&self, stream: &StreamName, version: i64) {
        if self.watched.load(Ordering::Acquire) == 0 {
            return;
        }
        if let Some(watched) = self.streams.get(stream) {
            watched.newest.send_if_modified(|newest| {
                let is_newer = *newest < version;
                *newest = version.max(*newest);
                is_newer
            });
        }
    }

    /// Ends every watch, because the node is stopping.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.streams.retain(|_, _| {
            self.watched.fetch_sub(1, Ordering::AcqRel);
            false
        });
    }

    fn end(&self, stream: &StreamName) {
        self.streams.update(stream, |streams| {
            let Some(watched) = streams.get_mut(stream) else { return };
            watched.watches -= 1;
            if watched.watches == 0 {
                streams.remove(stream);
                self.watched.fetch_sub(1, Ordering::AcqRel);
            }
        });
    }
}

/// Subscription to newer versions of a stream. See the [module](self) for how to use it without missing one.
pub struct Watch {
    /// Registry from which the watch is removed on drop.
    watches: Arc<Watches>,
    /// Stream that is watched, the key of its entry there.
    stream: StreamName,
    /// Receiver of the newest announced version.
    newest: watch::Receiver<i64>,
}

impl Watch {
    /// Waits until the stream is known to have a version after `version`, and returns the newest one; at once if it has
    /// already. `None` if the node is stopping: no version is announced from then on.
    ///
    /// The wait is safe to cancel: it may be given up and begun again.
    pub async fn newer_than(&mut self, version: i64) -> Option<i64> {
        self.newest.wait_for(|newest| *newest > version).await.ok().map(|newest| *newest)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.watches.end(&self.stream);
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch")
            .field("stream", &self.stream)
            .field("newest", &*self.newest.borrow())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn stream(name: &str) -> StreamName {
        StreamName::stored(name)
    }

    /// The newer version that a watch announces now, if any.
    fn now(watch: &mut Watch, version: i64) -> Option<i64> {
        watch.newer_than(version).now_or_never().flatten()
    }

    #[tokio::test]
    async fn a_watch_tells_of_versions_of_its_stream_that_are_newer_than_the_one_seen() {
        let watches = Arc::new(Watches::default());
        let mut watch = watches.begin(&stream("a")).unwrap();
        assert_eq!(now(&mut watch, 0), None);
        watches.tell(&stream("b"), 9);
        assert_eq!(now(&mut watch, 0), None);
        watches.tell(&stream("a"), 3);
        assert_eq!((now(&mut watch, 2), now(&mut watch, 3)), (Some(3), None));
        watches.tell(&stream("a"), 2);
        assert_eq!((now(&mut watch, 2), now(&mut watch, 3)), (Some(3), None));
    }

    #[tokio::test]
    async fn what_is_told_before_anybody_waits_is_not_missed() {
        let watches = Arc::new(Watches::default());
        let mut watch = watches.begin(&stream("a")).unwrap();
        for version in 1..=5 {
            watches.tell(&stream("a"), version);
        }
        assert_eq!(watch.newer_than(4).await, Some(5));
        let (newer, ()) =
            tokio::join!(watch.newer_than(5), async { watches.tell(&stream("a"), 6) });
        assert_eq!(newer, Some(6));
    }

    #[test]
    fn a_stream_is_watched_until_its_last_watch_ends() {
        let watches = Arc::new(Watches::default());
        let count = || (watches.watched.load(Ordering::Acquire), watches.streams.values().len());
        let (first, second, other) =
            (watches.begin(&stream("a")), watches.begin(&stream("a")), watches.begin(&stream("b")));
        assert_eq!(count(), (2, 2));
        drop(first);
        assert_eq!(count(), (2, 2));
        drop(second);
        assert_eq!(count(), (1, 1));
        drop(other);
        assert_eq!(count(), (0, 0));
    }

    #[test]
    fn one_stream_has_so_many_watches_and_no_more() {
        let watches = Arc::new(Watches::default());
        let mut held: Vec<_> = (0..MAX_WATCHES).map(|_| watches.begin(&stream("a"))).collect();
        assert!(held.iter().all(Option::is_some));
        assert!(watches.begin(&stream("a")).is_none());
        assert!(watches.begin(&stream("b")).is_some(), "another stream may be watched");
        held.pop();
        assert!(watches.begin(&stream("a")).is_some());
    }

    #[test]
    fn every_watch_ends_when_the_node_stops() {
        let watches = Arc::new(Watches::default());
        let mut watch = watches.begin(&stream("a")).unwrap();
        watches.close();
        assert_eq!(watch.newer_than(0).now_or_never(), Some(None));
        assert!(watches.begin(&stream("a")).is_none());
        drop(watch);
        assert_eq!(watches.watched.load(Ordering::Acquire), 0);
    }
}
