//! A node's place among the nodes that share the log: its lock, its row in `nodes`, its term.
//!
//! The lock tells which nodes live: it is held by a session, and PostgreSQL ends the session of a client that has vanished
//! within some 20 seconds. The term makes taking over safe: it grows when the log gets another owner, and appends of an
//! earlier term are refused whenever they arrive ([`Term`]).
//!
//! A node does not wait for a session of its own: one that it has lost sight of, or that an earlier process left which has
//! ended for certain, is ended by it. For another node's session it waits a moment if that has given a sign of life, and
//! for as long as PostgreSQL takes to miss a vanished client if it has not.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use tokio::time::Instant;
use tokio_postgres::{Client, Row, Transaction};
use uuid::Uuid;

use super::agreement::{Agreement, Disagreement, Peer};
use super::error::MembershipError;
use super::incarnation::Incarnation;
use crate::base::clock::{Clock, Timestamp};
use crate::eventlog::model::statement::{JsonColumn, Jsonb};
use crate::eventlog::model::term::Term;
use crate::postgres::inspection;
use crate::postgres::inspection::NodeSession;
use crate::postgres::{Connection, DatabaseError, Link};

/// Takes the node's lock without waiting. The key is the schema, because advisory locks are database-wide.
const LOCK_EXCLUSIVE: &str =
    "select pg_try_advisory_lock(hashtextextended('keyfold-node:' || current_schema(), 0))";
const LOCK_SHARED: &str =
    "select pg_try_advisory_lock_shared(hashtextextended('keyfold-node:' || current_schema(), 0))";

/// Listens on the schema's channel, because channels are database-wide too.
const LISTEN: &str =
    "do $$ begin execute format('listen %I', 'keyfold:' || current_schema()); end $$";

const HAS_NODES: &str = "select to_regclass('nodes') is not null";
const NODES: &str =
    "select node, backend, host, process, incarnation, since, settings, changing from nodes";
const END_SESSION: &str = "select pg_terminate_backend($1)";

/// Lock of the entry, so that one node enters at a time.
const ENTERING: &str =
    "select pg_advisory_xact_lock(hashtextextended('keyfold-nodes:' || current_schema(), 0))";
const FORGET: &str = "delete from nodes where backend <> all ($1) or node = $2";
const OWN_BACKEND: &str = "select pg_backend_pid()";
const ENTER: &str = "\
insert into nodes (node, backend, host, process, incarnation, settings, changing)
values ($1, $2, $3, $4, $5, $6, $7)";
const TAKE_OVER: &str = "select log_taken_over($1)";

/// Longest wait for a holder of the lock that gives signs of life, before this node is refused: the holder may be about to
/// end. That is longer than the interval of its signs, which is 3 seconds.
const PATIENCE: Duration = Duration::from_secs(5);
/// Longest wait for a holder that gives none: longer than PostgreSQL takes to end the session of a client that has
/// vanished.
const PATIENCE_WITH_THE_SILENT: Duration = Duration::from_secs(30);
/// Time without a sign of life after which messages about the holder say so.
const SILENT: Duration = Duration::from_secs(8);
const RETRY: Duration = Duration::from_millis(100);

/// Use of the database by one node or by several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// This is the only node; a second one is refused.
    Single,
    /// Other nodes in cluster mode share the database.
    Cluster,
}

/// A node that takes a place.
#[derive(Debug, Clone)]
pub struct Member {
    /// Identifier of the node, new at every start, in its row and its notifications.
    pub node: Uuid,
    /// Mode, which decides between the exclusive lock and the shared one.
    pub mode: Mode,
    /// Settings that it must have in common with others.
    pub agreement: Agreement,
    /// Process of the node, by which a successor can tell that it has ended.
    pub incarnation: Incarnation,
    /// The clock that is compared with the database's.
    pub clock: Clock,
}

impl Member {
    /// This process, with nothing to agree about.
    pub fn new(node: Uuid, mode: Mode, clock: Clock) -> Self {
        let incarnation = Incarnation::of_this_process();
        Self { node, mode, agreement: Agreement::default(), incarnation, clock }
    }

    /// Returns true if the session of the holder was left by this node, or by an earlier process that has ended for
    /// certain.
    fn has_left(&self, holder: &LockHolder) -> bool {
        holder.registered.as_ref().is_some_and(|row| {
            let is_forerunner = self.incarnation.outlives(&row.host, row.incarnation.as_deref());
            row.node == self.node || is_forerunner
        })
    }
}

/// Row of `nodes`: a node that has entered.
#[derive(Debug)]
struct Registered {
    /// Identifier that the node chose at its start.
    node: Uuid,
    /// Server process of its session, by which the row is matched with the lock.
    backend: i32,
    /// Name of its machine or container, for messages and for its incarnation.
    host: String,
    /// Its process id there, for messages.
    process: i32,
    /// Stored facts of its process; none from a system without them.
    incarnation: Option<String>,
    /// Time at which it entered, for messages about the holder of the lock.
    since: Timestamp,
    /// Settings that it registered, with which those of another node are compared.
    agreement: Agreement,
}

/// Session that holds the lock.
#[derive(Debug)]
struct LockHolder {
    /// Session as the server shows it, with the time since its last sign of life.
    session: NodeSession,
    /// Row of the node, unless it is about to enter, or of a version without rows.
    registered: Option<Registered>,
}

/// Connects, takes the lock and listens. Waits long for a holder that has vanished only if `waits_long`.
pub(super) async fn attach(
    connection: &Connection,
    member: &Member,
    waits_long: bool,
) -> Result<Link, MembershipError> {
    let link = connection.connect().await?;
    take_lock(&link, member, waits_long).await?;
    link.client.batch_execute(LISTEN).await?;
    Ok(link)
}

async fn take_lock(link: &Link, member: &Member, waits_long: bool) -> Result<(), MembershipError> {
    let lock = match member.mode {
        Mode::Single => LOCK_EXCLUSIVE,
        Mode::Cluster => LOCK_SHARED,
    };
    let (began, mut ended) = (Instant::now(), HashSet::new());
    // The key of the lock is the schema: there is no answer without one, as after it was dropped.
    let taken = |row: Row| row.try_get::<_, bool>(0).map_err(DatabaseError::from);
    while !taken(link.client.query_one(lock, &[]).await?)? {
        let holders = holders(link).await?;
        end_what_is_left(&link.client, member, &holders, &mut ended).await;
        let waited = began.elapsed();
        let waits_long = waits_long && holders.iter().all(|holder| holder.is_silent_for(waited));
        let patience = if waits_long { PATIENCE_WITH_THE_SILENT } else { PATIENCE };
        if waited >= patience {
            return Err(refusal(link, &holders).await?);
        }
        tokio::time::sleep(RETRY).await;
    }
    Ok(())
}

async fn refusal(link: &Link, holders: &[LockHolder]) -> Result<MembershipError, MembershipError> {
    let row = link.client.query_one("select current_schema()", &[]).await?;
    let schema = row.try_get(0).map_err(DatabaseError::from)?;
    let holder = holders.first().map_or_else(|| "it has just gone".to_owned(), LockHolder::told);
    Ok(MembershipError::Taken { schema, holder })
}

/// Ends sessions that this node, or one before it, has left. One that may not be ended is waited for like any other.
async fn end_what_is_left(
    client: &Client,
    member: &Member,
    holders: &[LockHolder],
    ended: &mut HashSet<i32>,
) {
    for holder in holders.iter().filter(|holder| member.has_left(holder)) {
        let backend = holder.session.backend;
        if !ended.insert(backend) {
            continue;
        }
        match client.execute(END_SESSION, &[&backend]).await {
            Ok(_) => tracing::warn!(
                holder = holder.told(),
                "ended a database session that this server had left behind"
            ),
            Err(error) => {
                tracing::warn!(%error, "failed to end a database session that this server left behind");
            }
        }
    }
}

/// Holders of the lock, the oldest first.
async fn holders(link: &Link) -> Result<Vec<LockHolder>, MembershipError> {
    let mut registered = registered(&link.client).await?;
    let sessions = inspection::nodes(&link.client).await?;
    let holder = |session: NodeSession| LockHolder {
        registered: registered.remove(&session.backend),
        session,
    };
    Ok(sessions.into_iter().map(holder).collect())
}

/// The rows of `nodes` by session; none before the first migration.
async fn registered(client: &Client) -> Result<BTreeMap<i32, Registered>, MembershipError> {
    if !client.query_one(HAS_NODES, &[]).await?.get::<_, bool>(0) {
        return Ok(BTreeMap::new());
    }
    let rows = client.query(NODES, &[]).await?;
    let rows = rows.iter().map(|row| Registered::of(row).map(|row| (row.backend, row)));
    Ok(rows.collect::<Result<BTreeMap<_, _>, _>>().map_err(DatabaseError::from)?)
}

/// Registers this node and its settings, takes over the log, and sets the term.
///
/// # Errors
///
/// If another node that lives has other settings, or the database is unavailable.
pub(super) async fn enter(
    link: &mut Link,
    member: &Member,
    term: &Term,
) -> Result<(), MembershipError> {
    let backend: i32 = link.client.query_one(OWN_BACKEND, &[]).await?.get(0);
    let mut holders = holders(link).await?;
    holders.retain(|holder| holder.session.backend != backend);
    end_what_is_left(&link.client, member, &holders, &mut HashSet::new()).await;
    let transaction = link.client.transaction().await?;
    transaction.execute(ENTERING, &[]).await?;
    enter_in(&transaction, member, backend).await?;
    let owner = (member.mode == Mode::Single).then_some(member.node);
    let held = transaction.query_one(TAKE_OVER, &[&owner]).await?.get(0);
    transaction.commit().await?;
    term.set(held);
    Ok(())
}

async fn enter_in(
    transaction: &Transaction<'_>,
    member: &Member,
    backend: i32,
) -> Result<(), MembershipError> {
    let live = inspection::nodes(transaction).await?;
    let live: Vec<i32> = live.into_iter().map(|node| node.backend).collect();
    transaction.execute(FORGET, &[&live, &member.node]).await?;
    let rows = transaction.query(NODES, &[]).await?;
    let others = rows.iter().map(Registered::of).collect::<Result<Vec<_>, _>>();
    let others: Vec<_> =
        others.map_err(DatabaseError::from)?.into_iter().map(Registered::into_peer).collect();
    let disagreements = member.agreement.compare(&others);
    if !disagreements.is_empty() {
        return Err(MembershipError::Disagreement(disagreements));
    }
    let Incarnation { host, process, .. } = &member.incarnation;
    let settings = member.agreement.to_json();
    let values: [&(dyn tokio_postgres::types::ToSql + Sync); 7] = [
        &member.node,
        &backend,
        host,
        process,
        &member.incarnation.facts(),
        &Jsonb(settings.as_bytes()),
        &member.agreement.changing,
    ];
    transaction.execute(ENTER, &values).await?;
    Ok(())
}

/// Disagreements of a server that would join now with the servers that live.
///
/// # Errors
///
/// If the database is unavailable.
pub async fn disagreements(
    link: &Link,
    agreement: &Agreement,
) -> Result<Vec<Disagreement>, MembershipError> {
    let holders = holders(link).await?;
    let peers = holders.into_iter().filter_map(|holder| holder.registered);
    Ok(agreement.compare(&peers.map(Registered::into_peer).collect::<Vec<_>>()))
}

impl Registered {
    fn of(row: &Row) -> Result<Self, tokio_postgres::Error> {
        let settings: JsonColumn<'_> = row.try_get(6)?;
        Ok(Self {
            node: row.try_get(0)?,
            backend: row.try_get(1)?,
            host: row.try_get(2)?,
            process: row.try_get(3)?,
            incarnation: row.try_get(4)?,
            since: Timestamp::from(row.try_get::<_, jiff::Timestamp>(5)?),
            agreement: Agreement::of_json(settings.0, row.try_get(7)?),
        })
    }

    fn into_peer(self) -> Peer {
        Peer {
            told: format!("process {} on {}", self.process, self.host),
            agreement: self.agreement,
        }
    }
}

impl LockHolder {
    /// Returns true if it has given no sign of life for that long.
    fn is_silent_for(&self, long: Duration) -> bool {
        self.session.silent.is_some_and(|silent| silent >= long)
    }

    /// Description of the holder for an operator, as far as it is known.
    fn told(&self) -> String {
        let NodeSession { name, address, since, silent, backend, .. } = &self.session;
        let who = match &self.registered {
            Some(Registered { host, process, .. }) => format!("process {process} on {host}"),
            None => name.clone().unwrap_or_else(|| "a server".to_owned()),
        };
        let address = address.as_deref().unwrap_or("a Unix socket");
        let since = self.registered.as_ref().map(|row| row.since).or(*since);
        let since = since.map_or_else(String::new, |since| format!(" since {since}"));
        let silent = silent.filter(|silent| *silent >= SILENT).map_or_else(String::new, |silent| {
            format!(
                ". It has said nothing for {} seconds: if it is gone for good, end its session with select \
                 pg_terminate_backend({backend})",
                silent.as_secs()
            )
        });
        format!("{who}, from {address}{since}{silent}")
    }
}
