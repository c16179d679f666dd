//! What a database says of itself to whoever looks after it: for `keyfold doctor`, never for answering a request.
//!
//! Nothing here needs rights beyond those that a server needs. What PostgreSQL hides from such a user is `None`.

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

/// The sessions that hold the lock that the log's follower takes. The statement that one ended last is its last sign of
/// life, or one that it is at; PostgreSQL hides that of another role.
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

/// The PostgreSQL that answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Its version, for people.
    pub version: String,
    /// Its version, for comparisons: 160004 is 16.4.
    pub version_number: i32,
    /// Its address and port, unless it was reached through a Unix socket.
    pub address: Option<(String, i32)>,
    /// The database.
    pub database: String,
    /// Where Keyfold's tables are; none if the `search_path` names no schema that exists.
    pub schema: Option<String>,
    /// Whether it takes writes: a standby does not.
    pub takes_writes: bool,
}

/// Who copies a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replication {
    /// What `synchronous_standby_names` says: commits wait for these.
    pub synchronous_names: String,
    /// The standbys that are connected.
    pub standbys: Vec<Standby>,
}

/// A standby that is connected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standby {
    /// How it calls itself.
    pub name: Option<String>,
    /// Its address.
    pub address: Option<String>,
    /// `streaming`, when it keeps up.
    pub state: Option<String>,
    /// `sync` or `quorum`, when commits wait for it.
    pub sync_state: Option<String>,
}

/// The session by which a server holds its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// How it calls itself.
    pub name: Option<String>,
    /// Its address, unless it came through a Unix socket.
    pub address: Option<String>,
    /// Since when it has been connected.
    pub since: Option<Timestamp>,
    /// Whether it excludes every other server.
    pub is_single: bool,
    /// The process of the database that serves it.
    pub backend: i32,
    /// For how long it has asked nothing, if that may be seen.
    pub silent: Option<Duration>,
}

/// Which PostgreSQL answers.
///
/// # Errors
///
/// When it does not answer.
pub async fn server(link: &Link) -> Result<Server, DatabaseError> {
    let row = link.client.query_one(SERVER, &[]).await?;
    Ok(Server {
        version: row.get(0),
        version_number: row.get(1),
        address: row.get::<_, Option<String>>(2).zip(row.get(3)),
        database: row.get(4),
        schema: row.get(5),
        takes_writes: row.get(6),
    })
}

/// Settings of the server that are off, and without which a change is lost that was acknowledged. Whether commits wait for
/// the disk is not one of them: each session sees to that.
///
/// # Errors
///
/// When the database does not answer.
pub async fn durability(link: &Link) -> Result<Vec<String>, DatabaseError> {
    let rows = link.client.query(OFF, &[]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Who copies the database.
///
/// # Errors
///
/// When it does not answer.
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

/// The servers that hold a place in this schema, the oldest first.
///
/// # Errors
///
/// When the database does not answer.
pub async fn nodes(client: &impl GenericClient) -> Result<Vec<Node>, DatabaseError> {
    let rows = client.query(NODES, &[]).await?;
    let nodes = rows.iter().map(|row| Node {
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

/// What time it is for the database.
///
/// # Errors
///
/// When it does not answer.
pub async fn now(link: &Link) -> Result<Timestamp, DatabaseError> {
    let row = link.client.query_one(NOW, &[]).await?;
    Ok(Timestamp::from(row.get::<_, jiff::Timestamp>(0)))
}

/// How much of the queue of notifications is used, which all databases of the server share: from 0 to 1.
///
/// # Errors
///
/// When the database does not answer.
pub async fn notification_queue(link: &Link) -> Result<f64, DatabaseError> {
    Ok(link.client.query_one(QUEUE, &[]).await?.get(0))
}
