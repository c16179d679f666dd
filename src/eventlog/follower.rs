//! The follower: this node's place among the nodes that share the log.
//!
//! It holds the node's advisory lock, listens for batches that other processes append, and hands their events to the
//! observers, so that published state and revocations stay fresh. In single-node mode the lock is exclusive: a second
//! server on the same database is refused. In cluster mode it is shared among the nodes.
//!
//! Fail closed: while the follower's connection is away the node does not know what it misses, so
//! [`Follower::is_following`] is false and nothing may be answered from memory. When the connection is back it first
//! reads every event it has missed, by position, and only then says it follows again.
//!
//! It is also who notices that the database hangs: then the node's other sessions are given up with its own, for they may
//! be with a server that never answers again while another one has taken its place.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio_postgres::Row;
use uuid::Uuid;

use super::acknowledged::Acknowledged;
use super::error::StoreError;
use super::event::Heard;
use super::notification::Batch;
use super::{passing, store};
use crate::database::{Connection, DatabaseError, Link, Pool};
use crate::telemetry::instrument::number;
use crate::telemetry::metrics::{LOG_FOLLOWING, LOG_HEAD};

/// Takes the node's lock without waiting. The key is the schema, because advisory locks are database-wide.
const LOCK_EXCLUSIVE: &str =
    "select pg_try_advisory_lock(hashtextextended('keyfold-node:' || current_schema(), 0))";
const LOCK_SHARED: &str =
    "select pg_try_advisory_lock_shared(hashtextextended('keyfold-node:' || current_schema(), 0))";

/// Listens on the schema's channel, because channels are database-wide too.
const LISTEN: &str =
    "do $$ begin execute format('listen %I', 'keyfold:' || current_schema()); end $$";

/// How long a predecessor that was killed may hold the lock before a starting node is refused.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);
const LOCK_RETRY: Duration = Duration::from_millis(100);

/// How often the connection is tried while nothing is heard, and how long it may take to answer.
const HEARTBEAT: Duration = Duration::from_secs(3);
const HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(3);

/// How long connecting again, the lock and the subscription may take in all before they are tried anew.
const ATTACH_TIMEOUT: Duration = Duration::from_secs(15);

const RECONNECT_MIN: Duration = Duration::from_millis(100);
const RECONNECT_MAX: Duration = Duration::from_secs(2);

/// The event at a position.
const SELECT_ID: &str = "select event_id from events where position = $1";

/// Events of which observers hear before others get their turn on the thread. They are read one by one, and only the
/// small ones with their data, so the page takes no memory to speak of.
const PAGE: i64 = 1_000;

/// Whether other nodes may share the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// This is the only node; a second one is refused.
    Single,
    /// Other nodes in cluster mode share the database.
    Cluster,
}

/// Hears of events that another process appended.
pub trait Observer: Send + Sync + 'static {
    /// Categories of streams whose events it reads; of others it only hears.
    fn reads(&self) -> &'static [&'static str] {
        &[]
    }

    /// Called for each such event, in the log's order. May be called again for events this node appended itself.
    fn observe(&self, event: &Heard<'_>);

    /// Resolves when everything observed so far has taken effect.
    fn settled(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(std::future::ready(()))
    }
}

/// Why a node cannot take its place.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// Another node holds the lock.
    #[error(
        "another Keyfold server already uses this database (schema {schema}). Stop it first, or start every server \
         that shares the database with KEYFOLD_CLUSTER=true."
    )]
    Taken {
        /// The schema both want.
        schema: String,
    },
    /// The database keeps its connection and says nothing.
    #[error("the database does not answer")]
    Silent,
    /// The database does not have what it had.
    #[error(
        "the database has lost events that it had acknowledged, up to position {0}: a backup was restored, or another server took \
         over that did not have them. Nothing that this server has in memory is true of it; start again."
    )]
    AnotherHistory(i64),
    /// The database could not be reached.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The log could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A statement failed.
    #[error("the database refused to let the node follow the log: {0:#}")]
    Statement(#[from] tokio_postgres::Error),
}

/// Says whether the node follows the log.
#[derive(Debug, Clone)]
pub struct Follower(Arc<Status>);

/// Whether the node follows: to be looked at by every request, and to be waited for.
#[derive(Debug)]
struct Status {
    now: AtomicBool,
    told: watch::Sender<bool>,
    /// Position of the last event that was heard of.
    head: AtomicI64,
}

impl Status {
    fn set(&self, is_following: bool) {
        self.now.store(is_following, Ordering::Release);
        self.told.send_replace(is_following);
    }

    /// Shows it, for as long as the node runs.
    fn observe(self: &Arc<Self>) {
        let status = Arc::downgrade(self);
        LOG_FOLLOWING.by(move |following| {
            if let Some(status) = status.upgrade() {
                following.observe(f64::from(status.now.load(Ordering::Acquire)), &[]);
            }
        });
        let status = Arc::downgrade(self);
        LOG_HEAD.by(move |head| {
            if let Some(status) = status.upgrade() {
                let position = status.head.load(Ordering::Relaxed);
                head.observe(number(position.try_into().unwrap_or_default()), &[]);
            }
        });
    }
}

impl Follower {
    /// Whether the node holds its lock and has seen every event up to now.
    pub fn is_following(&self) -> bool {
        self.0.now.load(Ordering::Acquire)
    }

    /// Waits until the node does not follow: what is told as it happens is not told any more.
    pub async fn lost(self) {
        // The sender is this value's own, so it cannot have gone.
        let _ = self.0.told.subscribe().wait_for(|is_following| !is_following).await;
    }
}

/// The running side of a [`Follower`].
pub struct Following {
    connection: Connection,
    mode: Mode,
    node: Uuid,
    observers: Vec<Arc<dyn Observer>>,
    /// From the beginning until it runs.
    link: Option<Link>,
    seen: i64,
    /// The event at that position, if there is one and it is known.
    last: Option<Uuid>,
    status: Arc<Status>,
    acknowledged: Acknowledged,
    pools: Vec<Pool>,
}

impl fmt::Debug for Following {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Following")
            .field("mode", &self.mode)
            .field("seen", &self.seen)
            .finish_non_exhaustive()
    }
}

/// Takes this node's place: the lock and the notifications. [`Following::begin_at_head`] comes next.
///
/// # Errors
///
/// When another node excludes this one, or the database is unavailable.
pub async fn join(
    connection: Connection,
    mode: Mode,
    node: Uuid,
) -> Result<(Follower, Following), FollowError> {
    let link = attach(&connection, mode).await?;
    let seen = 0;
    let status = Arc::new(Status {
        now: AtomicBool::new(true),
        told: watch::Sender::new(true),
        head: AtomicI64::new(seen),
    });
    let follower = Follower(Arc::clone(&status));
    Ok((
        follower,
        Following {
            connection,
            mode,
            node,
            observers: Vec::new(),
            link: Some(link),
            seen,
            last: None,
            status,
            acknowledged: Acknowledged::default(),
            pools: Vec::new(),
        },
    ))
}

/// Connects, takes the lock and listens.
async fn attach(connection: &Connection, mode: Mode) -> Result<Link, FollowError> {
    let link = connection.connect().await?;
    let lock = match mode {
        Mode::Single => LOCK_EXCLUSIVE,
        Mode::Cluster => LOCK_SHARED,
    };
    let deadline = tokio::time::Instant::now() + LOCK_PATIENCE;
    // The lock's key is the schema: there is no answer without one, as when it was dropped.
    let taken = |row: Row| row.try_get::<_, bool>(0).map_err(DatabaseError::from);
    while !taken(link.client.query_one(lock, &[]).await?)? {
        if tokio::time::Instant::now() >= deadline {
            let row = link.client.query_one("select current_schema()", &[]).await?;
            let schema = row.try_get(0).map_err(DatabaseError::from)?;
            return Err(FollowError::Taken { schema });
        }
        tokio::time::sleep(LOCK_RETRY).await;
    }
    link.client.batch_execute(LISTEN).await?;
    Ok(link)
}

impl Following {
    /// Everything in the log now is history that nobody here has in memory; what comes after it is heard of.
    ///
    /// # Errors
    ///
    /// When the database is unavailable.
    pub async fn begin_at_head(&mut self) -> Result<(), FollowError> {
        if let Some(link) = self.link.take() {
            let head = store::head(&link.client).await?;
            self.see(head, id_at(&link, head).await?);
            self.link = Some(link);
        }
        Ok(())
    }

    /// Skips this node's batches that were acknowledged: their entities have published them.
    pub fn skip(&mut self, acknowledged: Acknowledged) {
        self.acknowledged = acknowledged;
    }

    /// Gives up the sessions of these pools when the database hangs.
    pub fn watch_over(&mut self, pools: impl IntoIterator<Item = Pool>) {
        self.pools.extend(pools);
    }

    /// Tells `observer` of every event from now on.
    pub fn add_observer(&mut self, observer: Arc<dyn Observer>) {
        self.observers.push(observer);
    }

    /// Follows the log until the task is dropped, or the log is another one.
    pub async fn run(mut self) {
        self.status.observe();
        let mut attached = self.link.take();
        loop {
            let ended = match &mut attached {
                Some(link) => self.follow(link).await,
                None => Ok(()),
            };
            self.status.set(false);
            if let Err(error) = ended {
                tracing::warn!(%error, "lost the log's notifications; answering nothing from memory until they are back");
                if matches!(error, FollowError::Silent) {
                    self.pools.iter().for_each(Pool::abandon);
                }
            }
            // The session ends before another one begins: of a database that hung and goes on, it would keep the lock.
            drop(attached.take());
            attached = match self.reattach().await {
                Ok(link) => Some(link),
                Err(error) => return tracing::error!(%error, "cannot follow the log any more"),
            };
            self.status.set(true);
            tracing::info!(position = self.seen, "following the log again");
        }
    }

    /// Handles notifications until the connection ends.
    async fn follow(&mut self, link: &mut Link) -> Result<(), FollowError> {
        loop {
            match tokio::time::timeout(HEARTBEAT, link.notifications.recv()).await {
                Ok(Some(notification)) => self.notified(link, notification.payload()).await?,
                Ok(None) => return Ok(()),
                Err(_silence) => self.look(link).await?,
            }
        }
    }

    /// A batch was committed. Those of this node that were acknowledged have been published already.
    async fn notified(&mut self, link: &Link, payload: &str) -> Result<(), FollowError> {
        match Batch::parse(payload) {
            Some(batch) if batch.head <= self.seen => Ok(()),
            Some(batch) if self.is_published(&batch).await => {
                self.see(batch.head, Some(batch.last));
                Ok(())
            }
            // What comes after it has a notification of its own: this node's batches that follow are not read.
            Some(batch) => {
                self.catch_up(link, batch.head).await?;
                if self.seen == batch.head {
                    self.last = Some(batch.last);
                }
                Ok(())
            }
            None => self.look(link).await,
        }
    }

    /// Reads on as far as there is anything, and learns what stands at the end.
    async fn look(&mut self, link: &Link) -> Result<(), FollowError> {
        self.catch_up(link, i64::MAX).await?;
        if self.last.is_none() {
            let looking = tokio::time::timeout(HEARTBEAT_TIMEOUT, id_at(link, self.seen));
            self.last = looking.await.map_err(|_| FollowError::Silent)??;
        }
        Ok(())
    }

    async fn is_published(&self, batch: &Batch) -> bool {
        batch.node == self.node
            && batch.head - batch.count == self.seen
            && self.acknowledged.holds(self.seen, batch.head).await
    }

    /// Everything up to here was heard of, where this event stands.
    fn see(&mut self, position: i64, last: Option<Uuid>) {
        self.seen = position;
        self.last = last;
        self.acknowledged.forget(position);
        self.status.head.store(position, Ordering::Relaxed);
    }

    /// Reads the events after the last one seen, as far as there are any up to a position, and tells the observers.
    async fn catch_up(&mut self, link: &Link, to: i64) -> Result<(), FollowError> {
        let categories =
            self.observers.iter().flat_map(|observer| observer.reads().iter().copied());
        let categories: Vec<&str> = categories.collect();
        while self.seen < to {
            // Positions have no gaps.
            let page = (self.seen, PAGE.min(to - self.seen));
            let read = passing::walk(&link.client, page, Some(&categories), |event| {
                self.observers.iter().for_each(|observer| observer.observe(event));
                Ok(())
            });
            let last = tokio::time::timeout(HEARTBEAT_TIMEOUT, read).await;
            let Some(last) = last.map_err(|_| FollowError::Silent)?? else { return Ok(()) };
            self.see(last, None);
            // What observers send to actors is dealt with before more is sent.
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// Connects again, for as long as it takes, and reads what was missed. Fails when the log is another one.
    async fn reattach(&mut self) -> Result<Link, FollowError> {
        let mut pause = RECONNECT_MIN;
        loop {
            match self.try_reattach().await {
                Ok(link) => return Ok(link),
                Err(error @ FollowError::AnotherHistory(_)) => return Err(error),
                Err(error) => tracing::warn!(%error, "cannot follow the log yet"),
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(RECONNECT_MAX);
        }
    }

    async fn try_reattach(&mut self) -> Result<Link, FollowError> {
        let attaching = tokio::time::timeout(ATTACH_TIMEOUT, attach(&self.connection, self.mode));
        let link = attaching.await.map_err(|_| FollowError::Silent)??;
        self.require_same_history(&link).await?;
        self.look(&link).await?;
        for observer in &self.observers {
            observer.settled().await;
        }
        Ok(link)
    }

    /// The last event that was heard of has to be where it was.
    async fn require_same_history(&self, link: &Link) -> Result<(), FollowError> {
        let looking = tokio::time::timeout(HEARTBEAT_TIMEOUT, id_at(link, self.seen));
        let there = looking.await.map_err(|_| FollowError::Silent)??;
        let is_same =
            self.seen == 0 || (there.is_some() && self.last.is_none_or(|last| there == Some(last)));
        if is_same { Ok(()) } else { Err(FollowError::AnotherHistory(self.seen)) }
    }
}

/// The identifier of the event at a position.
async fn id_at(link: &Link, position: i64) -> Result<Option<Uuid>, FollowError> {
    let row = link.client.query_opt(SELECT_ID, &[&position]).await?;
    Ok(row.map(|row| row.get(0)))
}
