//! Lends sessions for short statements.
//!
//! Invariant: nobody waits for ever. A full pool, a server that does not answer and a session that does not come back
//! each turn into [`DatabaseError::Unavailable`] within a few seconds, which becomes a `503` further up.
//!
//! Sessions are handed on as they are ([`RecyclingMethod::Fast`]), so nothing may `SET` outside a transaction.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use deadpool_postgres::{Connect, Manager, ManagerConfig, Object, RecyclingMethod, Runtime};
use tokio::task::JoinHandle;
use tokio_postgres::{Client, Config};

use super::connection::Connection;
use super::error::{DatabaseError, chain};

/// How long a caller waits for a session when all are lent.
const WAIT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long looking at a returned session may take.
const RECYCLE_TIMEOUT: Duration = Duration::from_secs(2);

/// A bounded set of sessions to one database; clones share it.
#[derive(Clone)]
pub struct Pool {
    sessions: deadpool_postgres::Pool,
}

impl Pool {
    /// Makes a pool of at most `size` sessions; none is opened before it is needed.
    ///
    /// # Errors
    /// None in practice: the pool's own settings are fixed here.
    pub fn new(connection: &Connection, size: usize) -> Result<Self, DatabaseError> {
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_connect(
            connection.config().clone(),
            Opener(connection.clone()),
            recycling,
        );
        let sessions = deadpool_postgres::Pool::builder(manager)
            .max_size(size)
            .wait_timeout(Some(WAIT_TIMEOUT))
            .create_timeout(Some(connection.open_timeout()))
            .recycle_timeout(Some(RECYCLE_TIMEOUT))
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| DatabaseError::Unavailable(error.to_string()))?;
        Ok(Self { sessions })
    }

    /// Borrows a session; it returns to the pool when dropped.
    ///
    /// # Errors
    /// [`DatabaseError::Unavailable`] if none is free or can be opened in time.
    pub async fn get(&self) -> Result<Object, DatabaseError> {
        self.sessions.get().await.map_err(DatabaseError::from)
    }

    /// Ends all idle sessions and refuses every later request; a lent session ends when it comes back.
    pub fn close(&self) {
        self.sessions.close();
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("status", &self.sessions.status()).finish()
    }
}

/// Opens the pool's sessions the way [`Connection`] does, fallback between transports included.
struct Opener(Connection);

impl Connect for Opener {
    #[expect(
        clippy::disallowed_methods,
        reason = "the pool ends the task together with the session it drives"
    )]
    fn connect(
        &self,
        _config: &Config,
    ) -> Pin<
        Box<
            dyn Future<Output = Result<(Client, JoinHandle<()>), tokio_postgres::Error>>
                + Send
                + '_,
        >,
    > {
        Box::pin(async {
            let (client, driver) = self.0.open().await?;
            let task = tokio::spawn(async move {
                if let Err(error) = driver.await {
                    tracing::warn!("a pooled database session was lost: {}", chain(&error));
                }
            });
            Ok((client, task))
        })
    }
}
