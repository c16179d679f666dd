//! Readiness of this node for requests.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::eventlog::StoreError;
use crate::eventlog::log::soundness;
use crate::eventlog::log::soundness::LogEnd;
use crate::http::response::problem::Problem;
use crate::postgres::Pool;

/// Readiness of a node for requests. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Readiness {
    /// False once the server is about to stop; streams wait for that.
    open: Arc<watch::Sender<bool>>,
    /// Pool of authentication, so that other reads cannot make the node unready.
    pool: Pool,
}

impl Readiness {
    /// Makes a node ready for as long as its database answers and takes writes.
    pub fn new(pool: Pool) -> Self {
        Self { open: Arc::new(watch::Sender::new(true)), pool }
    }

    /// Closes the node: it is about to stop, and must be sent no more requests.
    pub fn close(&self) {
        self.open.send_replace(false);
    }

    /// True if the node is about to stop.
    pub fn is_closed(&self) -> bool {
        !*self.open.borrow()
    }

    /// Waits until the node is about to stop, which ends every stream.
    pub async fn closed(self) {
        // The sender is held by this value, so it cannot have gone.
        let _ = self.open.subscribe().wait_for(|open| !open).await;
    }

    /// Reads the head of the log, which also proves that its tables exist and answer.
    pub(super) async fn log_head(&self) -> Result<i64, Problem> {
        let looked = tokio::time::timeout(DATABASE_TIMEOUT, self.look()).await;
        let head = looked.unwrap_or_else(|_| Err(StoreError::Refused("too slow".to_owned())));
        head.map_err(|error| {
            tracing::debug!(%error, "readiness check failed");
            Problem::unavailable()
        })
    }

    async fn look(&self) -> Result<i64, StoreError> {
        let client = self.pool.get().await?;
        let LogEnd { head, takes_writes } = soundness::stands(&client).await?;
        if !takes_writes {
            return Err(StoreError::Refused("the database takes no writes".to_owned()));
        }
        Ok(head)
    }
}

/// Timeout of the database's answer.
const DATABASE_TIMEOUT: Duration = Duration::from_secs(2);
