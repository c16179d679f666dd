//! Moments of a list, and the lists as they were then.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use quick_cache::{DefaultHashBuilder, Weighter};
use tokio::sync::Semaphore;

use crate::base::clock::Timestamp;
use crate::base::id::UserId;
use crate::base::weighted_cache;
use crate::base::weighted_cache::{Size, WeightedCache};
use crate::eventlog::{Decider, Published, ReadError, Within};
use crate::tasks::task_list::TaskList;
use crate::telemetry::audit_events;
use crate::telemetry::reason::Reason;

/// When.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// In a version.
    Version(Within),
    /// After everything that had happened by then.
    Time(Timestamp),
}

/// Why a list cannot be shown as it was.
#[derive(Debug, thiserror::Error)]
pub enum TravelError {
    /// The list has no such version, or it is one of another history.
    #[error("the list has no such version")]
    NoSuchVersion,
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
pub(crate) struct Pasts {
    known: Arc<WeightedCache<(UserId, i64), Past, ByBytes, DefaultHashBuilder>>,
    turns: Arc<Semaphore>,
}

impl Pasts {
    /// None yet, and room for so many bytes of them: whoever pages through a list of the past does not have it made for
    /// every page. There is one part, so that the largest list has room.
    pub(crate) fn new(bytes: usize) -> Self {
        let size = Size { bytes, usual: USUAL, part: bytes };
        let known = Arc::new(weighted_cache::of(size, ByBytes, DefaultHashBuilder::default()));
        Self { known, turns: Arc::new(Semaphore::new(MAX_AT_ONCE)) }
    }

    /// A list that is known, or that `make` makes when it is its turn. Whoever asks for the same meanwhile waits for it.
    pub(super) async fn get_or(
        &self,
        key: (UserId, i64),
        make: impl Future<Output = Result<Past, ReadError>>,
    ) -> Result<Past, ReadError> {
        let make = async {
            let turn = tokio::time::timeout(PATIENCE, self.turns.acquire()).await;
            let _turn = turn.map_err(|_| {
                audit_events::refused(Reason::FileQueue);
                ReadError::Overloaded
            })?;
            make.await
        };
        self.known.get_or_insert_async(&key, make).await
    }
}
