//! A list as it was: at a version, or at a time.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use quick_cache::{DefaultHashBuilder, Weighter};
use tokio::sync::Semaphore;

use super::Tasks;
use super::read_model;
use super::task_list::TaskList;
use crate::clock::Timestamp;
use crate::eventlog::{Decider, Published, ReadError};
use crate::id::UserId;
use crate::telemetry::events;
use crate::telemetry::reason::Reason;
use crate::weighted_cache::{self, Size, WeightedCache};

/// When.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// After so many events; 0 is before the first.
    Version(i64),
    /// After everything that had happened by then.
    Time(Timestamp),
}

/// Why a list cannot be shown as it was.
#[derive(Debug, thiserror::Error)]
pub enum TravelError {
    /// The list has no such version yet.
    #[error("the list has {0} versions")]
    NotYet(i64),
    /// The list could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// A list as it was.
pub type Past = Arc<Published<TaskList>>;

/// Bytes of a usual list, and of its entry.
const USUAL: usize = 64 * 1024;
const ENTRY: u64 = 256;
/// Most lists of the past that are made at the same time, and how long to wait for a turn.
const MAX_AT_ONCE: usize = 2;
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Debug, Clone)]
struct ByBytes;

impl Weighter<(UserId, i64), Past> for ByBytes {
    fn weight(&self, _: &(UserId, i64), past: &Past) -> u64 {
        TaskList::weight(&past.state) as u64 + ENTRY
    }
}

/// Lists as they were, by their version: none of them is ever out of date. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Pasts {
    known: Arc<WeightedCache<(UserId, i64), Past, ByBytes, DefaultHashBuilder>>,
    turns: Arc<Semaphore>,
}

impl Pasts {
    /// None yet, and room for so many bytes of them: whoever pages through a list of the past does not have it made for
    /// every page. There is one part, so that the largest list has room.
    pub(super) fn new(bytes: usize) -> Self {
        let size = Size { bytes, usual: USUAL, part: bytes };
        let known = Arc::new(weighted_cache::of(size, ByBytes, DefaultHashBuilder::default()));
        Self { known, turns: Arc::new(Semaphore::new(MAX_AT_ONCE)) }
    }

    /// A list that is known, or that `make` makes when it is its turn. Whoever asks for the same meanwhile waits for it.
    async fn get_or(
        &self,
        key: (UserId, i64),
        make: impl Future<Output = Result<Past, ReadError>>,
    ) -> Result<Past, ReadError> {
        let make = async {
            let turn = tokio::time::timeout(PATIENCE, self.turns.acquire()).await;
            let _turn = turn.map_err(|_| {
                events::refused(Reason::FileQueue);
                ReadError::Overloaded
            })?;
            make.await
        };
        self.known.get_or_insert_async(&key, make).await
    }
}

impl Tasks {
    /// A user's list as it was.
    ///
    /// # Errors
    ///
    /// When it was not yet, or cannot be read.
    pub async fn as_of(&self, owner: UserId, moment: Moment) -> Result<Past, TravelError> {
        let now = self.of(owner).await?;
        let version = match moment {
            Moment::Version(version) if version > now.version => {
                return Err(TravelError::NotYet(now.version));
            }
            Moment::Version(version) => version.max(0),
            Moment::Time(at) if now.state.at.is_none_or(|last| last <= at) => now.version,
            Moment::Time(at) => {
                let _walk = self.walks.turn(owner).await?;
                read_model::version_at(&self.pool, &Self::stream(owner), at, now.version)
                    .await
                    .map_err(ReadError::from)?
            }
        };
        if version == now.version {
            return Ok(now);
        }
        let _walk = self.walks.turn(owner).await?;
        Ok(self.past(owner, version).await?)
    }

    /// A user's list as it was in a version, for who has the turn to walk.
    pub(super) async fn past(&self, owner: UserId, version: i64) -> Result<Past, ReadError> {
        let stream = Self::stream(owner);
        let make = async { Ok(Arc::new(self.log.hydrate_at(&stream, version).await?)) };
        self.pasts.get_or((owner, version), make).await
    }
}
