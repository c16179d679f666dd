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
use tokio::sync::watch;

use self::feed::{Ends, Told};
use crate::keys::{IssueError, Keys};

/// Most ends on a page: each may have to be signed.
const PAGE: usize = 100;

/// The ends of sessions, signed when somebody asks for them. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Revocations {
    ends: watch::Receiver<Arc<Ends>>,
    keys: Keys,
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
    /// The ends after a position of the log.
    ///
    /// # Errors
    ///
    /// When too many signatures wait already.
    pub async fn page(&self, since: i64) -> Result<Page, IssueError> {
        let ends = Arc::clone(&self.ends.borrow());
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
    /// slowly it reads. Ends when the server stops, or when an end cannot be signed.
    pub fn stream(&self, since: i64) -> impl Stream<Item = SignedEnd> + Send + use<> {
        let listener = (self.clone(), since);
        stream::unfold(listener, async |(mut revocations, since)| {
            let told = revocations.next(since).await?;
            let end = told.signed(&revocations.keys).await.ok()?;
            let position = end.position;
            Some((end, (revocations, position)))
        })
    }

    async fn next(&mut self, since: i64) -> Option<Arc<Told>> {
        loop {
            let next = self.ends.borrow_and_update().after(since).first().cloned();
            if next.is_some() {
                return next;
            }
            self.ends.changed().await.ok()?;
        }
    }
}
