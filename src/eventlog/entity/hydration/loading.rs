//! Loading: events that an entity's published state lacks are read from the log, by the request that needs them.
//!
//! State that was valid once is caught up with: only the events after it are read. A stream is hydrated from the start
//! only if there is no state, if the stream does not continue from it, or if so much is missing that a snapshot is nearer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::eventlog::entity::mailbox::{Mailbox, QUEUE};
use crate::eventlog::log::reader::EventLog;
use crate::eventlog::log::snapshot::SnapshotInfo;
use crate::eventlog::model::decider::Decider;
use crate::eventlog::model::error::{ReadError, StoreError};
use crate::eventlog::model::published::Published;
use crate::telemetry::audit_events;
use crate::telemetry::reason::Reason;

/// Number of events that are always worth reading rather than a snapshot.
const FEW: i64 = 1_000;
/// Approximate bytes of an event. Divides the weight of a state into the events that are worth reading rather than it.
const EVENT: usize = 512;

impl<D: Decider> Mailbox<D> {
    /// Returns the newest state to a reader. The number of readers that wait is bounded.
    pub(crate) async fn read(&self, log: &EventLog) -> Result<Arc<Published<D>>, ReadError> {
        if let Some(current) = self.current() {
            return Ok(current);
        }
        let _place = LoadPermit::take(&self.readers).ok_or_else(|| {
            audit_events::refused(Reason::EntityQueue);
            ReadError::Overloaded
        })?;
        self.newest(log).await
    }

    /// The newest state that this node knows of: the published one or, if that is older, the one in the log.
    pub(crate) async fn newest(&self, log: &EventLog) -> Result<Arc<Published<D>>, ReadError> {
        let _turn = self.loading.acquire().await.map_err(|_closed| ReadError::Overloaded)?;
        loop {
            // The state may be current by now: the request that had the turn before may have loaded it.
            if let Some(current) = self.current() {
                return Ok(current);
            }
            let forgotten = self.forgotten();
            let loaded = self.load(log).await.map_err(|error| ReadError::Store(error.of_read()));
            let (loaded, snapshot) = loaded.inspect_err(|error| {
                tracing::error!(stream.name = %self.stream, %error, "failed to load an entity");
            })?;
            let loaded = Arc::new(loaded);
            if self.publish_read(&loaded, snapshot, forgotten) {
                return Ok(loaded);
            }
        }
    }

    async fn load(
        &self,
        log: &EventLog,
    ) -> Result<(Published<D>, Option<SnapshotInfo>), StoreError> {
        let required = self.required();
        if let Some(known) = self.published().filter(|known| is_near(known, required)) {
            let caught_up = log.catch_up::<D>(&self.stream, &known).await?;
            if let Some(caught_up) = caught_up.filter(|caught_up| caught_up.version >= required) {
                return Ok((caught_up, None));
            }
        }
        let hydrated = log.hydrate::<D>(&self.stream).await?;
        Ok((hydrated.published, Some(hydrated.snapshot)))
    }
}

/// Returns true if reading the events up to a version costs less than reading a snapshot.
fn is_near<D: Decider>(known: &Published<D>, required: i64) -> bool {
    let more = i64::try_from(D::weight(&known.state) / EVENT).unwrap_or(i64::MAX);
    required.saturating_sub(known.version) <= FEW.max(more)
}

/// Permit of a reader to wait for a state to be loaded.
struct LoadPermit<'a>(&'a AtomicUsize);

impl<'a> LoadPermit<'a> {
    fn take(readers: &'a AtomicUsize) -> Option<Self> {
        let place = Self(readers);
        (readers.fetch_add(1, Ordering::Relaxed) < QUEUE).then_some(place)
    }
}

impl Drop for LoadPermit<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
