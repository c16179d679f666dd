//! Ends of sessions, published to services that verify access tokens by themselves.
//!
//! A signature says that a user signed in, not that they still are. A service that checks tokens without asking Keyfold reads
//! the ends of sessions here, as signed [`security_event`]s, a page at a time or as they happen, and refuses the tokens of
//! those sessions. Only ends that a valid access token may outlive matter: [`feed`] reads those, `ends` keeps the newest in
//! memory, `signatures` those that were requested.

mod ends;
pub mod feed;
mod read_model;
pub mod security_event;
pub mod signatures;

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError, RwLock};

use futures_util::Stream;
use futures_util::stream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use self::ends::{Ends, Later, Next, Relevance};
use self::security_event::SessionEnd;
use self::signatures::Signatures;
use self::signatures::SignedEnd;
use crate::eventlog::{Point, StoreError};
use crate::keys::{IssueError, Keys};
use crate::postgres::Pool;
use crate::telemetry::audit_events;
use crate::telemetry::reason::Reason;

/// Most streams at once: a tenth of the connections that a node accepts.
const MAX_LISTENERS: usize = 1_000;
/// Most ends on a page: each may have to be signed.
const PAGE: u16 = 100;

/// The ends of sessions, signed on demand. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Revocations {
    /// Ends in memory, which the feed's task fills.
    feed: Arc<Feed>,
    /// Signal of new ends, or that reading them failed; each stream waits on a clone of it.
    changed: watch::Receiver<()>,
    /// Signing keys, of which an end is signed with the present one.
    keys: Keys,
    /// Permits of streams, which bound the connections that readers hold.
    listeners: Arc<Semaphore>,
}

/// The ends, as all readers share them.
#[derive(Debug)]
struct Feed {
    /// Connections for ends that have left memory.
    pool: Pool,
    /// Rule that decides for how long an end matters.
    relevance: Relevance,
    /// Newest ends. Written by the feed's task alone; a reader holds the lock for one page.
    ends: RwLock<Ends>,
    /// Signed ends, so that each is signed once for all readers.
    signatures: Signatures,
    /// Sender of the signal that wakes streams.
    changed: watch::Sender<()>,
}

impl Feed {
    /// Makes an empty feed that takes at most this many bytes.
    fn new(pool: Pool, relevance: Relevance, bytes: usize) -> Self {
        Self {
            pool,
            relevance,
            ends: RwLock::new(Ends::new(bytes / 2 / ends::BYTES)),
            signatures: Signatures::new(bytes / 2),
            changed: watch::Sender::new(()),
        }
    }
}

/// Reasons for which ends cannot be returned.
#[derive(Debug, thiserror::Error)]
pub enum TellError {
    /// The log, or an end in it, cannot be read: there may be ends that are unknown.
    #[error("the ends of sessions cannot be read")]
    Doubtful,
    /// Ends that have left memory could not be read from the log.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// All permits of streams are taken.
    #[error("the limit of open streams is reached")]
    Crowded,
    /// An end could not be signed.
    #[error(transparent)]
    Issue(#[from] IssueError),
}

/// Some ends in the order of the log.
#[derive(Debug)]
pub struct EndsPage {
    /// Signed ends, at most a page of them.
    pub ends: Vec<SignedEnd>,
    /// Cursor of the next page.
    pub next: Point,
    /// True if the next page has ends already.
    pub is_more: bool,
}

/// State of a stream: its cursor, and at most a page of ends that it has not sent.
struct Listener {
    /// Handle with this stream's own subscription to the signal.
    revocations: Revocations,
    /// Cursor: the last end that was read for this stream.
    since: Point,
    /// Ends that were read and not sent yet; a slow client holds no more than a page.
    waiting: VecDeque<SessionEnd>,
    /// Permit of the stream, released with it.
    _place: OwnedSemaphorePermit,
}

impl Revocations {
    fn new(feed: Arc<Feed>, keys: Keys) -> Self {
        let changed = feed.changed.subscribe();
        Self { feed, changed, keys, listeners: Arc::new(Semaphore::new(MAX_LISTENERS)) }
    }

    /// Returns a page of the ends after `since`. If this log does not have `since`, as for none: all that still matter.
    ///
    /// # Errors
    ///
    /// If the log cannot be read, or too many signatures wait already.
    pub async fn page(&self, since: Point) -> Result<EndsPage, TellError> {
        let (later, next) = self.later(since).await?;
        let mut ends = Vec::with_capacity(later.len());
        for end in &later {
            ends.push(self.feed.signatures.of(end, &self.keys).await?);
        }
        Ok(EndsPage { ends, next: next.since, is_more: next.is_more })
    }

    /// Streams every end after `since`, as it happens. A stream holds its cursor and at most a page of ends, however slowly its
    /// client reads. It ends if the log cannot be read or an end cannot be signed: silence would be taken for good news.
    ///
    /// # Errors
    ///
    /// If all permits of streams are taken.
    pub fn stream(
        &self,
        since: Point,
    ) -> Result<impl Stream<Item = SignedEnd> + Send + use<>, TellError> {
        let place = Arc::clone(&self.listeners).try_acquire_owned();
        let place = place.map_err(|_| {
            audit_events::refused(Reason::RevocationReaders);
            TellError::Crowded
        })?;
        let (revocations, waiting) = (self.clone(), VecDeque::new());
        let listener = Listener { revocations, since, waiting, _place: place };
        Ok(stream::unfold(listener, Listener::next))
    }

    /// Returns at most a page of the ends after `since`: from memory, or from the log if they have left memory.
    async fn later(&self, since: Point) -> Result<(Vec<SessionEnd>, Next), TellError> {
        let (since, horizon) = match self.known(since) {
            Later::Known(ends, next) => return Ok((ends, next)),
            Later::Doubtful => return Err(TellError::Doubtful),
            Later::InLog { since, horizon } => (since, horizon),
        };
        let mut page = match since {
            // Read including `since` itself: the log may have another end in its place.
            Some(since) => self.recorded_after(since.number - 1).await?,
            None => Vec::new(),
        };
        if since.is_some() && page.first().map(SessionEnd::point) == since {
            page.remove(0);
        } else {
            page = self.recorded_after(horizon).await?;
        }
        page.truncate(PAGE.into());
        // There is at least the one that has left memory.
        let last = page.last().ok_or(TellError::Doubtful)?.point();
        Ok((page, Next { since: last, is_more: true }))
    }

    /// Reads the ends after a position of the log, one more than a page of them.
    async fn recorded_after(&self, position: i64) -> Result<Vec<SessionEnd>, TellError> {
        let page = read_model::after(&self.feed.pool, position, i64::from(PAGE) + 1).await?;
        // An end that cannot be read must not be left out.
        page.into_iter().map(|recorded| recorded.end.ok_or(TellError::Doubtful)).collect()
    }

    fn known(&self, since: Point) -> Later {
        self.feed.ends.read().unwrap_or_else(PoisonError::into_inner).after(since, PAGE.into())
    }
}

impl Listener {
    async fn next(mut self) -> Option<(SignedEnd, Self)> {
        loop {
            if let Some(end) = self.waiting.pop_front() {
                let Revocations { feed, keys, .. } = &self.revocations;
                let signed = feed.signatures.of(&end, keys).await.ok()?;
                return Some((signed, self));
            }
            // Before the reading: a change after it is not missed.
            self.revocations.changed.mark_unchanged();
            let (later, next) = self.revocations.later(self.since).await.ok()?;
            self.since = next.since;
            self.waiting = later.into();
            if self.waiting.is_empty() && !next.is_more {
                self.revocations.changed.changed().await.ok()?;
            }
        }
    }
}
