//! Live events of a user's tasks, whichever node they happen on.
//!
//! A follower holds a version and a few events that were read from the log. It can begin after any version, and neither
//! misses nor repeats an event; a slow client makes the server hold no more for it.

use std::collections::VecDeque;
use std::sync::Arc;

use futures_util::stream::{self, Stream};
use tokio::sync::OwnedSemaphorePermit;

use super::history::entry::Entry;
use super::history::moment::TravelError;
use super::lists::Tasks;
use crate::base::id::UserId;
use crate::eventlog::{ReadError, StoreError, StreamName, VersionInHistory, Watch};
use crate::telemetry::audit_events;
use crate::telemetry::reason::Reason;

/// Events that a follower reads and holds at once.
const PAGE: i64 = 64;

/// Reasons for which a list cannot be followed.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// The list has no such version, or the version is of another history.
    #[error("the list has no such version")]
    NoSuchVersion,
    /// The node has as many followers as it may.
    #[error("the limit of open streams is reached")]
    Crowded,
    /// The list could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl From<TravelError> for FeedError {
    fn from(error: TravelError) -> Self {
        match error {
            TravelError::NoSuchVersion => Self::NoSuchVersion,
            TravelError::Read(error) => Self::Read(error),
        }
    }
}

/// A client that follows a list.
struct FeedReader {
    /// Task lists, for reads of the log.
    tasks: Tasks,
    /// Stream of the list.
    stream: StreamName,
    /// Wakes the follower once the list has a newer version.
    watch: Watch,
    /// Version of the last event that was passed on: the next read begins after it.
    version: i64,
    /// Events that were read but not passed on yet.
    read: VecDeque<Entry>,
    /// Permit of the follower, released with it.
    _place: OwnedSemaphorePermit,
}

impl Tasks {
    /// Events of a user's tasks after a version; from now on, if there is none. Ends when the log cannot be read.
    ///
    /// # Errors
    ///
    /// If the list has no such version or cannot be read, or the node has as many followers as it may.
    pub async fn follow(
        &self,
        owner: UserId,
        after: Option<VersionInHistory>,
    ) -> Result<impl Stream<Item = Entry> + Send + use<>, FeedError> {
        let place = Arc::clone(&self.places.0).try_acquire_owned();
        let place = place.map_err(|_| {
            audit_events::refused(Reason::Watchers);
            FeedError::Crowded
        })?;
        let stream = Self::stream(owner);
        let watch = self.entities.watch(&stream).ok_or(FeedError::Crowded)?;
        let now = self.of(owner).await?;
        let version = match after {
            Some(after) => self.number_of(owner, &now, after).await?,
            None => now.version,
        };
        let (tasks, read) = (self.clone(), VecDeque::new());
        let follower = FeedReader { tasks, stream, watch, version, read, _place: place };
        Ok(stream::unfold(follower, FeedReader::next))
    }
}

impl FeedReader {
    async fn next(mut self) -> Option<(Entry, Self)> {
        loop {
            if let Some(entry) = self.read.pop_front() {
                self.version = entry.version.number;
                return Some((entry, self));
            }
            let read = self.read_on().await.inspect_err(|error| {
                tracing::warn!(stream.name = %self.stream, %error, "failed to read changes of a task list; closing its stream");
            });
            self.read = read.ok()?;
            if self.read.is_empty() {
                self.watch.newer_than(self.version).await?;
            }
        }
    }

    async fn read_on(&self) -> Result<VecDeque<Entry>, StoreError> {
        let events = self.tasks.log.read_stream(&self.stream, self.version, PAGE).await?;
        events.iter().map(Entry::of).collect()
    }
}
