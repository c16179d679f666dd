//! Moments of a list, and a cache of lists as of such moments.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use quick_cache::{DefaultHashBuilder, Weighter};
use tokio::sync::Semaphore;

use crate::base::clock::Timestamp;
use crate::base::id::UserId;
use crate::base::weighted_cache;
use crate::base::weighted_cache::{CacheSize, WeightedCache};
use crate::eventlog::{Decider, Published, ReadError, VersionInHistory};
use crate::tasks::task_list::TaskList;
use crate::telemetry::audit_events;
use crate::telemetry::reason::Reason;

/// Moment of a list's past.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// The state in a version.
    Version(VersionInHistory),
    /// The state after everything that had happened by this time.
    Time(Timestamp),
}

/// Reasons for which a list cannot be shown as it was.
#[derive(Debug, thiserror::Error)]
pub enum TravelError {
    /// The list has no such version, or the version is of another history.
    #[error("the list has no such version")]
    NoSuchVersion,
    /// The list could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// A list as of an earlier version.
pub type Past = Arc<Published<TaskList>>;

/// Bytes of a usual list, from which the cache estimates its number of entries.
const USUAL: usize = 64 * 1024;

/// Bytes of a cache entry beside its list.
const ENTRY: u64 = 256;

/// Most earlier lists that are made at the same time.
const MAX_AT_ONCE: usize = 2;

/// Longest wait for the permit to make one.
const PATIENCE: Duration = Duration::from_secs(5);

/// Weighs the entries of the cache by their bytes in memory.
#[derive(Debug, Clone)]
struct PastWeight;

impl Weighter<(UserId, i64), Past> for PastWeight {
    fn weight(&self, _: &(UserId, i64), past: &Past) -> u64 {
        TaskList::weight(&past.state) as u64 + ENTRY
    }
}

/// Cache of lists as of earlier versions, none of which ever goes out of date. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Pasts {
    /// Lists by owner and version, so that a client that pages through one does not have it made for every page.
    known: Arc<WeightedCache<(UserId, i64), Past, PastWeight, DefaultHashBuilder>>,
    /// Permits to make a list, because making one reads its events and holds them in memory.
    permits: Arc<Semaphore>,
}

impl Pasts {
    /// An empty cache of so many bytes. It has one part, so that the largest list has room.
    pub(crate) fn new(bytes: usize) -> Self {
        let size = CacheSize { bytes, usual: USUAL, part: bytes };
        let known = Arc::new(weighted_cache::of(size, PastWeight, DefaultHashBuilder::default()));
        Self { known, permits: Arc::new(Semaphore::new(MAX_AT_ONCE)) }
    }

    /// The list from the cache, or from `make` once there is a permit. Concurrent requests for one list wait for the first
    /// of them.
    pub(super) async fn get_or(
        &self,
        key: (UserId, i64),
        make: impl Future<Output = Result<Past, ReadError>>,
    ) -> Result<Past, ReadError> {
        let make = async {
            let permit = tokio::time::timeout(PATIENCE, self.permits.acquire()).await;
            let _turn = permit.map_err(|_| {
                audit_events::refused(Reason::FileQueue);
                ReadError::Overloaded
            })?;
            make.await
        };
        self.known.get_or_insert_async(&key, make).await
    }
}
