//! Pool of sessions for short statements.
//!
//! Invariant: no caller waits for ever. A full pool, a server that does not answer and a session that does not come back
//! each turn into [`DatabaseError::Unavailable`] within a few seconds, which becomes a `503` further up.
//!
//! A server may stop answering in the middle of a statement and keep its connection, which would block the caller for as
//! long as it does. The log's follower, which notices, abandons all sessions ([`Pool::abandon`]): the statements under way
//! fail, and later ones are sent to a server that answers.
//!
//! Sessions are handed on as they are ([`RecyclingMethod::Fast`]), so nothing may `SET` outside a transaction.

pub(super) mod connection_task;
pub(super) mod pooled_session;
pub(super) mod statement_metrics;
pub(super) mod summary;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};

use deadpool_postgres::{
    Connect, Manager, ManagerConfig, PoolError, RecyclingMethod, Runtime, TimeoutType,
};
use opentelemetry::KeyValue;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_postgres::{Client, Config};

use self::pooled_session::PooledSession;
use super::connect::connection::Connection;
use super::error::DatabaseError;
use crate::telemetry::audit_events;
use crate::telemetry::metrics::instrument::count;
use crate::telemetry::metrics::{
    CONNECTION_COUNT, CONNECTION_MAX, CONNECTION_PENDING_REQUESTS, CONNECTION_TIMEOUTS,
    CONNECTION_WAIT_TIME,
};
use crate::telemetry::reason::Reason;

/// Timeout of a caller that waits for a session while all are lent.
const WAIT_TIMEOUT: Duration = Duration::from_secs(2);
/// Time limit for checking a returned session.
const RECYCLE_TIMEOUT: Duration = Duration::from_secs(2);

/// Bounded set of sessions to one database; clones share it.
#[derive(Clone)]
pub struct Pool {
    /// Name of the pool in metrics.
    name: &'static str,
    /// Sessions themselves: their number, the queue of waiting callers and their timeouts.
    sessions: deadpool_postgres::Pool,
    /// Number of times that all sessions were abandoned; each session's task ends when it changes.
    abandoned: watch::Sender<u64>,
}

impl Pool {
    /// Creates a pool of at most `size` sessions; each is opened on demand. The name is for telemetry.
    ///
    /// # Errors
    /// None in practice: the pool's own settings are constants.
    pub fn new(
        connection: &Connection,
        name: &'static str,
        size: usize,
    ) -> Result<Self, DatabaseError> {
        let abandoned = watch::Sender::new(0);
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_connect(
            connection.config().clone(),
            Opener { connection: connection.clone(), abandoned: abandoned.clone() },
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
        let pool = Self { name, sessions, abandoned };
        pool.observe();
        Ok(pool)
    }

    /// Borrows a session; it returns to the pool when dropped.
    ///
    /// # Errors
    /// [`DatabaseError::Unavailable`] if none is free or can be opened in time.
    pub async fn get(&self) -> Result<PooledSession, DatabaseError> {
        let began = Instant::now();
        let lent = self.sessions.get().await;
        CONNECTION_WAIT_TIME.record(began.elapsed(), &[pool_name(self.name)]);
        match lent {
            Ok(session) => Ok(PooledSession::new(session)),
            Err(error) => {
                self.refused(&error);
                Err(error.into())
            }
        }
    }

    fn refused(&self, error: &PoolError) {
        let PoolError::Timeout(timeout) = error else { return };
        CONNECTION_TIMEOUTS.one(&[pool_name(self.name)]);
        if matches!(timeout, TimeoutType::Wait) {
            audit_events::refused(Reason::DatabasePool);
        }
    }

    /// Registers the pool's metrics, which are observed until the pool is gone.
    fn observe(&self) {
        let name = pool_name(self.name);
        let (pool, attributes) = (self.sessions.weak(), [name.clone()]);
        CONNECTION_MAX.by(move |max| {
            if let Some(pool) = pool.upgrade() {
                max.observe(count(pool.status().max_size), &attributes);
            }
        });
        let (pool, attributes) = (self.sessions.weak(), [name.clone()]);
        CONNECTION_PENDING_REQUESTS.by(move |pending| {
            if let Some(pool) = pool.upgrade() {
                pending.observe(count(pool.status().waiting), &attributes);
            }
        });
        let pool = self.sessions.weak();
        let idle = [name.clone(), KeyValue::new("db.client.connection.state", "idle")];
        let used = [name, KeyValue::new("db.client.connection.state", "used")];
        CONNECTION_COUNT.by(move |open| {
            if let Some(status) = pool.upgrade().map(|pool| pool.status()) {
                open.observe(count(status.available), &idle);
                open.observe(count(status.size.saturating_sub(status.available)), &used);
            }
        });
    }

    /// Abandons every session, lent or idle, because the server does not answer. Statements under way fail as if the
    /// connection had been lost.
    pub fn abandon(&self) {
        self.abandoned.send_modify(|times| *times += 1);
    }

    /// Ends all idle sessions and refuses every later request; a lent session ends when it is returned.
    pub fn close(&self) {
        self.sessions.close();
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("name", &self.name)
            .field("status", &self.sessions.status())
            .finish_non_exhaustive()
    }
}

fn pool_name(name: &'static str) -> KeyValue {
    KeyValue::new("db.client.connection.pool.name", name)
}

/// Opens the pool's sessions as [`Connection`] does, fallback between transports included.
struct Opener {
    /// Database to connect to, with the session settings.
    connection: Connection,
    /// Pool's counter, to which the task of each session subscribes.
    abandoned: watch::Sender<u64>,
}

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
            // Subscribed before the session is opened, so that an abandonment in the meantime ends it too.
            let mut abandoned = self.abandoned.subscribe();
            let (client, driver) = self.connection.open().await?;
            let task = tokio::spawn(async move {
                tokio::select! {
                    () = connection_task::drive(driver) => {}
                    _ = abandoned.changed() => {
                        tracing::warn!("abandoned a pooled database session");
                    }
                }
            });
            Ok((client, task))
        })
    }
}
