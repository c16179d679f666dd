//! Ends of sessions, told to those who verify access tokens by themselves.
//!
//! A signature says who signed in, not that they still are. A service that checks tokens without asking Keyfold reads the
//! ends of sessions here, as signed [`security_event`]s, a page at a time or as they happen, and refuses the
//! tokens of those sessions. Only ends that a valid access token may outlive matter: [`feed`] reads those, `ends` keeps the newest
//! in memory, `signatures` those that were asked for.

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
use self::security_event::End;
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

/// The ends of sessions, signed when somebody asks for them. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Revocations {
    feed: Arc<Feed>,
    /// Changes when there is something to tell.
    changed: watch::Receiver<()>,
    keys: Keys,
    listeners: Arc<Semaphore>,
}

/// The ends, as everybody who reads them shares them.
#[derive(Debug)]
struct Feed {
    pool: Pool,
    relevance: Relevance,
    ends: RwLock<Ends>,
    signatures: Signatures,
    changed: watch::Sender<()>,
}

impl Feed {
    /// No ends yet. In memory they take so many bytes at most.
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

/// Why ends cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum TellError {
    /// The log cannot be read, or an end in it: nobody knows whether there are others.
    #[error("the ends of sessions cannot be read")]
    Doubtful,
    /// The log could not be asked for ends that are not in memory any more.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// As many listen as may.
    #[error("too many listen already")]
    Crowded,
    /// An end could not be signed.
    #[error(transparent)]
    Issue(#[from] IssueError),
}

/// Some ends in the order of the log.
#[derive(Debug)]
pub struct Page {
    /// The ends.
    pub ends: Vec<SignedEnd>,
    /// Ask for what comes after this end next.
    pub next: Point,
    /// Whether there is more already.
    pub is_more: bool,
}

/// A reader of the stream: where it stands, and at most a page of ends that it has not been told.
struct Listener {
    revocations: Revocations,
    since: Point,
    waiting: VecDeque<End>,
    /// Given back when the reader goes.
    _place: OwnedSemaphorePermit,
}

impl Revocations {
    fn new(feed: Arc<Feed>, keys: Keys) -> Self {
        let changed = feed.changed.subscribe();
        Self { feed, changed, keys, listeners: Arc::new(Semaphore::new(MAX_LISTENERS)) }
    }

    /// The ends after one of them. After one that this log does not have, as after none: all that still matter.
    ///
    /// # Errors
    ///
    /// When the log cannot be read, or too many signatures wait already.
    pub async fn page(&self, since: Point) -> Result<Page, TellError> {
        let (later, next) = self.later(since).await?;
        let mut ends = Vec::with_capacity(later.len());
        for end in &later {
            ends.push(self.feed.signatures.of(end, &self.keys).await?);
        }
        Ok(Page { ends, next: next.since, is_more: next.is_more })
    }

    /// Every end after one of them, as it happens. Whoever listens holds where it stands and at most a page of ends, however
    /// slowly it reads. Ends when the log cannot be read or an end not be signed: silence would be taken for good news.
    ///
    /// # Errors
    ///
    /// When as many listen as may.
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

    /// At most a page of the ends after one of them: from memory, or from the log if they have left memory.
    async fn later(&self, since: Point) -> Result<(Vec<End>, Next), TellError> {
        let (since, horizon) = match self.known(since) {
            Later::Known(ends, next) => return Ok((ends, next)),
            Later::Doubtful => return Err(TellError::Doubtful),
            Later::InLog { since, horizon } => (since, horizon),
        };
        let mut page = match since {
            // Read with it: another one may stand in its place.
            Some(since) => self.recorded_after(since.number - 1).await?,
            None => Vec::new(),
        };
        if since.is_some() && page.first().map(End::point) == since {
            page.remove(0);
        } else {
            page = self.recorded_after(horizon).await?;
        }
        page.truncate(PAGE.into());
        // There is at least the one that has left memory.
        let last = page.last().ok_or(TellError::Doubtful)?.point();
        Ok((page, Next { since: last, is_more: true }))
    }

    /// The ends after a position of the log, one more than a page of them.
    async fn recorded_after(&self, position: i64) -> Result<Vec<End>, TellError> {
        let page = read_model::after(&self.feed.pool, position, i64::from(PAGE) + 1).await?;
        // One that cannot be read must not be left out.
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
            // Before the look: what changes after it is not missed.
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
