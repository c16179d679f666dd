//! What happens to a user's tasks, as it happens, on whatever node.
//!
//! A follower holds a version and a few events, read from the log when there are any: it can begin after any version and
//! neither misses nor repeats one, and however slowly it reads, it makes nobody hold more for it.

use std::collections::VecDeque;
use std::sync::Arc;

use futures_util::stream::{self, Stream};
use tokio::sync::OwnedSemaphorePermit;

use super::history::entry::Entry;
use super::history::moment::TravelError;
use super::lists::Tasks;
use crate::base::id::UserId;
use crate::eventlog::{ReadError, StoreError, StreamName, Watch, Within};
use crate::telemetry::audit_events;
use crate::telemetry::reason::Reason;

/// Events read at once.
const PAGE: i64 = 64;

/// Why a list cannot be followed.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// The list has no such version, or it is one of another history.
    #[error("the list has no such version")]
    NoSuchVersion,
    /// As many follow as may.
    #[error("too many follow already")]
    Crowded,
    /// The list could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl From<TravelError> for FollowError {
    fn from(error: TravelError) -> Self {
        match error {
            TravelError::NoSuchVersion => Self::NoSuchVersion,
            TravelError::Read(error) => Self::Read(error),
        }
    }
}

/// Somebody who follows a list.
struct Follower {
    tasks: Tasks,
    stream: StreamName,
    watch: Watch,
    version: i64,
    read: VecDeque<Entry>,
    /// Given back when the follower goes.
    _place: OwnedSemaphorePermit,
}

impl Tasks {
    /// Everything that happens to a user's tasks after a version; from now on, if there is none. Ends when the log cannot
    /// be read.
    ///
    /// # Errors
    ///
    /// When the list has no such version or cannot be read, or as many follow as may.
    pub async fn follow(
        &self,
        owner: UserId,
        after: Option<Within>,
    ) -> Result<impl Stream<Item = Entry> + Send + use<>, FollowError> {
        let place = Arc::clone(&self.places.0).try_acquire_owned();
        let place = place.map_err(|_| {
            audit_events::refused(Reason::Watchers);
            FollowError::Crowded
        })?;
        let stream = Self::stream(owner);
        let watch = self.entities.watch(&stream).ok_or(FollowError::Crowded)?;
        let now = self.of(owner).await?;
        let version = match after {
            Some(after) => self.number_of(owner, &now, after).await?,
            None => now.version,
        };
        let (tasks, read) = (self.clone(), VecDeque::new());
        let follower = Follower { tasks, stream, watch, version, read, _place: place };
        Ok(stream::unfold(follower, Follower::next))
    }
}

impl Follower {
    async fn next(mut self) -> Option<(Entry, Self)> {
        loop {
            if let Some(entry) = self.read.pop_front() {
                self.version = entry.version.number;
                return Some((entry, self));
            }
            let read = self.read_on().await.inspect_err(|error| {
                tracing::warn!(stream.name = %self.stream, %error, "a task list cannot be followed");
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
