//! Ends of sessions, told to those who verify access tokens by themselves.
//!
//! A signature says who signed in, not that they still are. A service that checks tokens without asking Keyfold reads the
//! ends of sessions here, as signed [`security_event`]s, a page at a time or as they happen ([`api`]), and refuses the
//! tokens of those sessions. Only ends within the lifetime of an access token matter: [`feed`] keeps those and no others.

pub mod api;
pub mod feed;
mod read_model;
pub mod security_event;

use std::sync::Arc;

use futures_util::Stream;
use futures_util::stream;
use tokio::sync::{Semaphore, watch};

use self::feed::{Ends, Told};
use crate::keys::{IssueError, Keys};
use crate::telemetry::events;
use crate::telemetry::reason::Reason;

/// Most streams at once: a tenth of the connections that a node accepts.
const MAX_LISTENERS: usize = 1_000;
/// Most ends on a page: each may have to be signed.
const PAGE: usize = 100;

/// The ends of sessions, signed when somebody asks for them. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Revocations {
    ends: watch::Receiver<Arc<Ends>>,
    keys: Keys,
    listeners: Arc<Semaphore>,
}

/// Why ends cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum TellError {
    /// The log cannot be read: nobody knows whether there are others.
    #[error("the ends of sessions cannot be read")]
    Doubtful,
    /// As many listen as may.
    #[error("too many listen already")]
    Crowded,
    /// An end could not be signed.
    #[error(transparent)]
    Issue(#[from] IssueError),
}

/// A signed end of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedEnd {
    /// Its position in the log.
    pub position: i64,
    /// Identifies it (the `jti` claim).
    pub id: String,
    /// The security event token.
    pub token: String,
}

/// Some ends in the order of the log.
#[derive(Debug)]
pub struct Page {
    /// The ends.
    pub ends: Vec<SignedEnd>,
    /// Ask for what comes after this position next.
    pub next: i64,
    /// Whether there is more already.
    pub is_more: bool,
}

impl Revocations {
    fn new(ends: watch::Receiver<Arc<Ends>>, keys: Keys) -> Self {
        Self { ends, keys, listeners: Arc::new(Semaphore::new(MAX_LISTENERS)) }
    }

    /// The ends after a position of the log.
    ///
    /// # Errors
    ///
    /// When the log cannot be read, or too many signatures wait already.
    pub async fn page(&self, since: i64) -> Result<Page, TellError> {
        let ends = Arc::clone(&self.ends.borrow());
        if ends.is_doubtful() {
            return Err(TellError::Doubtful);
        }
        let later = ends.after(since);
        let mut signed = Vec::new();
        for told in later.iter().take(PAGE) {
            signed.push(told.signed(&self.keys).await?);
        }
        let is_more = later.len() > PAGE;
        let last = signed.last().map(|end| end.position);
        // What is forgotten need not be asked for again.
        let next = if is_more { last.unwrap_or(since) } else { since.max(ends.head()) };
        Ok(Page { ends: signed, next, is_more })
    }

    /// Every end after a position of the log, as it happens. Whoever listens holds a position and nothing else, however
    /// slowly it reads. Ends when the log cannot be read or an end not be signed: silence would be taken for good news.
    ///
    /// # Errors
    ///
    /// When as many listen as may.
    pub fn stream(
        &self,
        since: i64,
    ) -> Result<impl Stream<Item = SignedEnd> + Send + use<>, TellError> {
        let place = Arc::clone(&self.listeners).try_acquire_owned();
        let place = place.map_err(|_| {
            events::refused(Reason::RevocationReaders);
            TellError::Crowded
        })?;
        let listener = (self.clone(), since, place);
        Ok(stream::unfold(listener, async |(mut revocations, since, place)| {
            let told = revocations.next(since).await?;
            let end = told.signed(&revocations.keys).await.ok()?;
            let position = end.position;
            Some((end, (revocations, position, place)))
        }))
    }

    async fn next(&mut self, since: i64) -> Option<Arc<Told>> {
        loop {
            let ends = Arc::clone(&self.ends.borrow_and_update());
            if ends.is_doubtful() {
                return None;
            }
            if let Some(next) = ends.after(since).first() {
                return Some(Arc::clone(next));
            }
            self.ends.changed().await.ok()?;
        }
    }
}
