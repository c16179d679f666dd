//! Readiness: whether this node takes requests.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::eventlog::StoreError;
use crate::eventlog::log::soundness;
use crate::eventlog::log::soundness::Stands;
use crate::http::response::problem::Problem;
use crate::postgres::Pool;

/// The readiness of a node to take requests. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Readiness {
    open: Arc<watch::Sender<bool>>,
    pool: Pool,
}

impl Readiness {
    /// A node that takes requests as long as its database answers and takes writes.
    pub fn new(pool: Pool) -> Self {
        Self { open: Arc::new(watch::Sender::new(true)), pool }
    }

    /// From now on the node asks to be sent nothing: it is about to stop.
    pub fn close(&self) {
        self.open.send_replace(false);
    }

    /// True of a node that is about to stop.
    pub fn is_closed(&self) -> bool {
        !*self.open.borrow()
    }

    /// Waits until the node is about to stop: what would be answered without end has to end then.
    pub async fn closed(self) {
        // The sender is this value's own, so it cannot have gone.
        let _ = self.open.subscribe().wait_for(|open| !open).await;
    }

    /// Reading the head also proves that the log's tables are there and answer.
    pub(super) async fn log_head(&self) -> Result<i64, Problem> {
        let looked = tokio::time::timeout(DATABASE_TIMEOUT, self.look()).await;
        let head = looked.unwrap_or_else(|_| Err(StoreError::Refused("too slow".to_owned())));
        head.map_err(|error| {
            tracing::debug!(%error, "not ready");
            Problem::unavailable()
        })
    }

    async fn look(&self) -> Result<i64, StoreError> {
        let client = self.pool.get().await?;
        let Stands { head, takes_writes } = soundness::stands(&client).await?;
        if !takes_writes {
            return Err(StoreError::Refused("the database takes no writes".to_owned()));
        }
        Ok(head)
    }
}

/// Longest time the database may take to say that it is there.
const DATABASE_TIMEOUT: Duration = Duration::from_secs(2);
