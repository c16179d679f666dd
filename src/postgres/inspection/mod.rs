//! Queries about the state of a database, its nodes and its standbys: for commands such as `keyfold doctor` and for cluster
//! membership, never for answering a request.
//!
//! They need no privileges beyond a node's own. Values that PostgreSQL hides from such a user are `None`.

pub mod objects;

use std::time::Duration;

use tokio_postgres::GenericClient;

use super::connect::link::Link;
use super::error::DatabaseError;
use crate::base::clock::Timestamp;

const SERVER: &str = "\
select split_part(current_setting('server_version'), ' ', 1), current_setting('server_version_num')::int4,
       host(inet_server_addr()), inet_server_port(), current_database()::text, current_schema()::text,
       not pg_is_in_recovery() and current_setting('transaction_read_only') = 'off'";

const OFF: &str = "\
select name from pg_settings where name in ('fsync', 'full_page_writes') and setting = 'off' order by name";

const STANDBYS: &str = "\
select application_name, host(client_addr), state, sync_state from pg_stat_replication
order by application_name, client_addr";
const SYNCHRONOUS_NAMES: &str = "select current_setting('synchronous_standby_names')";

/// Sessions that hold the advisory lock of the log's follower. The time since a session's last statement ended is that of
/// its last sign of life, and 0 while a statement runs; PostgreSQL hides it for sessions of another role.
const NODES: &str = "\
select application_name, host(client_addr), backend_start, mode = 'ExclusiveLock', pid,
       case when state = 'idle' then (extract(epoch from clock_timestamp() - state_change) * 1000)::int8
            when state is not null then 0 end
from pg_locks left join pg_stat_activity using (pid)
where locktype = 'advisory' and granted and objsubid = 1
  and database = (select oid from pg_database where datname = current_database())
  and (classid::int8 << 32) | objid::int8 = hashtextextended('keyfold-node:' || current_schema(), 0)
order by backend_start, pid";

const NOW: &str = "select clock_timestamp()";

const QUEUE: &str = "select pg_notification_queue_usage()";

/// Identity and state of the PostgreSQL server that answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerFacts {
    /// Server's version as text, for display.
    pub version: String,
    /// Server's version as a number, for comparisons: 160004 is 16.4.
    pub version_number: i32,
    /// Server's address and port; `None` over a Unix socket.
    pub address: Option<(String, i32)>,
    /// Name of the database that the session is connected to.
    pub database: String,
    /// Schema of Keyfold's tables; `None` if the `search_path` names no schema that exists.
    pub schema: Option<String>,
    /// True if the server takes writes; a standby does not.
    pub takes_writes: bool,
}

/// Standbys that replicate a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replication {
    /// Value of `synchronous_standby_names`: commits wait for the standbys it names.
    pub synchronous_names: String,
    /// Standbys that are connected now.
    pub standbys: Vec<Standby>,
}

/// Standby that is connected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standby {
    /// Its `application_name`; `None` if PostgreSQL hides it.
    pub name: Option<String>,
    /// Network address of the standby; `None` if hidden, or over a Unix socket.
    pub address: Option<String>,
    /// State of replication: `streaming` while the standby keeps up.
    pub state: Option<String>,
    /// `sync` or `quorum` if commits wait for this standby.
    pub sync_state: Option<String>,
}

/// Session by which a node holds its membership lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeSession {
    /// Its `application_name`; `None` if PostgreSQL hides it.
    pub name: Option<String>,
    /// Network address of the node; `None` over a Unix socket.
    pub address: Option<String>,
    /// Time at which the session was opened.
    pub since: Option<Timestamp>,
    /// True if the lock is exclusive, so that no second node can start.
    pub is_single: bool,
    /// Process id of the PostgreSQL backend that serves the session.
    pub backend: i32,
    /// Time since its last statement ended, zero while a statement or a transaction is open; `None` if PostgreSQL hides it.
    pub silent: Option<Duration>,
}

/// Returns the identity and state of the server.
///
/// # Errors
///
/// Fails if the database does not answer.
pub async fn server(link: &Link) -> Result<ServerFacts, DatabaseError> {
    let row = link.client.query_one(SERVER, &[]).await?;
    Ok(ServerFacts {
        version: row.get(0),
        version_number: row.get(1),
        address: row.get::<_, Option<String>>(2).zip(row.get(3)),
        database: row.get(4),
        schema: row.get(5),
        takes_writes: row.get(6),
    })
}

/// Returns the server settings that are off and without which an acknowledged change may be lost. `synchronous_commit` is
/// not one of them: each session sets it itself.
///
/// # Errors
///
/// Fails if the database does not answer.
pub async fn durability(link: &Link) -> Result<Vec<String>, DatabaseError> {
    let rows = link.client.query(OFF, &[]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Returns the standbys that replicate the database.
///
/// # Errors
///
/// Fails if the database does not answer.
pub async fn replication(link: &Link) -> Result<Replication, DatabaseError> {
    let names = link.client.query_one(SYNCHRONOUS_NAMES, &[]).await?;
    let standbys = link.client.query(STANDBYS, &[]).await?;
    let standbys = standbys.iter().map(|row| Standby {
        name: row.get(0),
        address: row.get(1),
        state: row.get(2),
        sync_state: row.get(3),
    });
    Ok(Replication { synchronous_names: names.get(0), standbys: standbys.collect() })
}

/// Returns the nodes that hold a membership lock in this schema, the oldest first.
///
/// # Errors
///
/// Fails if the database does not answer.
pub async fn nodes(client: &impl GenericClient) -> Result<Vec<NodeSession>, DatabaseError> {
    let rows = client.query(NODES, &[]).await?;
    let nodes = rows.iter().map(|row| NodeSession {
        name: row.get(0),
        address: row.get(1),
        since: row.get::<_, Option<jiff::Timestamp>>(2).map(Timestamp::from),
        is_single: row.get(3),
        backend: row.get(4),
        silent: row
            .get::<_, Option<i64>>(5)
            .map(|millis| Duration::from_millis(u64::try_from(millis).unwrap_or_default())),
    });
    Ok(nodes.collect())
}

/// Returns the time by the database's clock.
///
/// # Errors
///
/// Fails if the database does not answer.
pub async fn now(link: &Link) -> Result<Timestamp, DatabaseError> {
    let row = link.client.query_one(NOW, &[]).await?;
    Ok(Timestamp::from(row.get::<_, jiff::Timestamp>(0)))
}

/// Returns the used share of the notification queue, from 0 to 1. All databases of the server share that queue.
///
/// # Errors
///
/// Fails if the database does not answer.
pub async fn notification_queue(link: &Link) -> Result<f64, DatabaseError> {
    Ok(link.client.query_one(QUEUE, &[]).await?.get(0))
}
