//! Waits until the cluster accepts statements, and creates Keyfold's database in it.
//!
//! A successful connection shows readiness, never a file or a fixed delay. After a crash PostgreSQL first replays its log
//! and refuses connections with a code that says so; such a server gets far more time than one that does not answer.

use std::path::Path;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_postgres::error::SqlState;

use super::postmaster::Postmaster;
use crate::postgres::connect::connection::Connection;
use crate::postgres::connect::link::Link;
use crate::postgres::error::{DatabaseError, chain};
use crate::postgres::private_cluster::access::ROLE;
use crate::postgres::private_cluster::error::ClusterError;
use crate::postgres::private_cluster::log;

/// Name of the database that Keyfold works in.
pub const DATABASE: &str = "keyfold";
/// Database that every cluster has from the beginning.
const MAINTENANCE: &str = "postgres";

/// Time limit for the first answer of a server.
pub(crate) const ANSWER_LIMIT: Duration = Duration::from_mins(1);
/// Time limit for the crash recovery of a server that answers.
const RECOVERY_LIMIT: Duration = Duration::from_mins(15);
/// Interval between two attempts to connect.
const PACE: Duration = Duration::from_millis(25);

/// Waits for the server, then creates the database if it is missing.
pub(super) async fn wait(
    postmaster: &Postmaster,
    socket: &Path,
    log: &Path,
) -> Result<(), ClusterError> {
    let client = first_session(postmaster, socket, log).await?.client;
    let database =
        client.query_opt("SELECT 1 FROM pg_database WHERE datname = $1", &[&DATABASE]).await;
    if database.map_err(DatabaseError::from)?.is_some() {
        return Ok(());
    }
    // A new database is copied and flushed to disk, which may exceed the usual statement timeout.
    for statement in
        ["SET statement_timeout = 0", &format!("CREATE DATABASE {DATABASE} OWNER {ROLE}")]
    {
        client.batch_execute(statement).await.map_err(DatabaseError::from)?;
    }
    Ok(())
}

async fn first_session(
    postmaster: &Postmaster,
    socket: &Path,
    log: &Path,
) -> Result<Link, ClusterError> {
    let connection = Connection::on_socket(socket, ROLE, MAINTENANCE)?;
    let started = Instant::now();
    let mut pace = paced();
    loop {
        pace.tick().await;
        let error = match connection.open().await {
            Ok((client, driver)) => return Ok(Link::drive(client, driver)),
            Err(error) => error,
        };
        if let Some(status) = postmaster.outcome() {
            return Err(ClusterError::Exited { status, log: log::tail(log) });
        }
        let limit = patience(&error).ok_or_else(|| DatabaseError::while_connecting(&error))?;
        if started.elapsed() > limit {
            return Err(ClusterError::NotReady { problem: chain(&error), log: log::tail(log) });
        }
    }
}

/// Time after the start within which an error may still turn into success; `None` if it never will.
fn patience(error: &tokio_postgres::Error) -> Option<Duration> {
    match error.code() {
        Some(code) if *code == SqlState::CANNOT_CONNECT_NOW => Some(RECOVERY_LIMIT),
        Some(_) => None,
        None => Some(ANSWER_LIMIT),
    }
}

/// Returns an interval for attempts that does not catch up after a slow answer.
pub(crate) fn paced() -> tokio::time::Interval {
    let mut pace = interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    pace
}
