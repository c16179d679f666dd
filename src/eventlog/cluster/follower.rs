//! The follower: this node's place among the nodes that share the log.
//!
//! It holds the node's advisory lock (`membership`), listens for batches that other processes append, and hands their
//! events to the observers, so that published state and revocations stay fresh. In single-node mode the lock is exclusive:
//! a second server on the same database is refused. In cluster mode it is shared among the nodes.
//!
//! Fail closed: while the follower's connection is away the node does not know what it misses, so
//! [`Follower::is_following`] is false and nothing may be answered from memory. Once the connection is back, the follower
//! first reads every event it has missed, by position, and only then says it follows again. Nor is anything answered while
//! the machine's clock is far from the database's, with which it is compared every few seconds.
//!
//! It also notices a database that hangs: then the node's other sessions are given up with its own, for they may be with a
//! server that never answers again while another one has taken its place.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use super::error::{HEARTBEAT_TIMEOUT, MembershipError};
pub use super::membership::{Member, Mode};
use super::notification::BatchNotice;
use super::{membership, probe};
use crate::eventlog::log::append::acknowledged::Acknowledged;
use crate::eventlog::log::{reader, scan};
use crate::eventlog::model::event::PassingEvent;
use crate::eventlog::model::term::Term;
pub use crate::eventlog::node_status::Follower;
use crate::eventlog::node_status::{Status, Writable};
use crate::postgres::{Connection, Link, Pool};

/// Interval at which the database is looked at, which also tells others that this node lives.
const HEARTBEAT: Duration = Duration::from_secs(3);

/// Longest time for connecting again, the lock and the subscription in all, before they are tried anew.
const ATTACH_TIMEOUT: Duration = Duration::from_secs(15);

const RECONNECT_MIN: Duration = Duration::from_millis(100);
const RECONNECT_MAX: Duration = Duration::from_secs(2);

/// Events that observers get before other tasks have their turn on the thread. They are read one by one, and only the
/// small ones with their data, so the page takes no memory to speak of.
const PAGE: i64 = 1_000;

/// Hears of events that another process appended.
pub trait Observer: Send + Sync + 'static {
    /// Categories of streams whose events it reads; of others it only hears.
    fn reads(&self) -> &'static [&'static str] {
        &[]
    }

    /// Called for each such event, in the log's order. May be called again for events this node appended itself.
    fn observe(&self, event: &PassingEvent<'_>);

    /// Resolves when everything observed so far has taken effect.
    fn settled(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(std::future::ready(()))
    }
}

/// The running side of a [`Follower`].
pub struct Following {
    /// Settings with which a lost session is replaced.
    connection: Connection,
    /// This node, as it registers among the others on every entry.
    member: Member,
    /// Term of this node, which every entry sets and its appender reads.
    term: Term,
    /// Observers of every event that this node has not published.
    observers: Vec<Arc<dyn Observer>>,
    /// Session that holds the place, from `join` until `run` takes it.
    link: Option<Link>,
    /// Position of the last event that was seen here.
    seen: i64,
    /// Identifier of the event at that position, if there is one and it is known. Another one there means another history.
    last: Option<Uuid>,
    /// Time of the last look at the database, from which the next one is due.
    looked: Instant,
    /// Status of the node, which requests and metrics read.
    status: Arc<Status>,
    /// Acknowledged batches of this node, which are not read.
    acknowledged: Acknowledged,
    /// Pools whose sessions are given up if the database hangs.
    pools: Vec<Pool>,
}

impl fmt::Debug for Following {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Following")
            .field("member", &self.member)
            .field("seen", &self.seen)
            .finish_non_exhaustive()
    }
}

/// Takes this node's place: the lock and the notifications. [`Following::enter`] comes next, once the schema is there.
///
/// # Errors
///
/// If another node excludes this one, or the database is unavailable.
pub async fn join(
    connection: Connection,
    member: Member,
) -> Result<(Follower, Following), MembershipError> {
    let link = membership::attach(&connection, &member, true).await?;
    let status = Arc::new(Status::new(member.clock.clone()));
    let follower = Follower(Arc::clone(&status));
    let following = Following {
        connection,
        member,
        term: Term::default(),
        observers: Vec::new(),
        link: Some(link),
        seen: 0,
        last: None,
        looked: Instant::now(),
        status,
        acknowledged: Acknowledged::default(),
        pools: Vec::new(),
    };
    Ok((follower, following))
}

impl Following {
    /// Registers this node as the holder of its place, takes over the log, and compares the clocks.
    ///
    /// # Errors
    ///
    /// If a node that lives has other settings, or the database is unavailable.
    pub async fn enter(&mut self) -> Result<(), MembershipError> {
        if let Some(mut link) = self.link.take() {
            membership::enter(&mut link, &self.member, &self.term).await?;
            self.look(&link).await?;
            self.link = Some(link);
        }
        Ok(())
    }

    /// The term in which the appender of this node may append.
    pub fn term(&self) -> Term {
        self.term.clone()
    }

    /// Shared flag by which the appender reports that changes are taken, or not.
    pub fn writable(&self) -> Writable {
        self.status.writable().clone()
    }

    /// Starts at the end of the log: this node has nothing of the history before in memory, and observes the events after.
    ///
    /// # Errors
    ///
    /// If the database is unavailable.
    pub async fn begin_at_head(&mut self) -> Result<(), MembershipError> {
        if let Some(link) = self.link.take() {
            let head = reader::head(&link.client).await?;
            self.see(head, probe::id_at(&link, head).await?);
            self.link = Some(link);
        }
        Ok(())
    }

    /// Skips this node's batches that were acknowledged: their entities have published them.
    pub fn skip(&mut self, acknowledged: Acknowledged) {
        self.acknowledged = acknowledged;
    }

    /// Gives up the sessions of these pools if the database hangs.
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
            self.status.set_link(false);
            if let Err(error) = ended {
                tracing::warn!(%error, "log notifications lost; not answering from memory until they are back");
                if matches!(error, MembershipError::Silent) {
                    self.pools.iter().for_each(Pool::abandon);
                }
            }
            // The old session ends before another one begins: if the database hung and goes on, it would keep the lock.
            drop(attached.take());
            attached = match self.reattach().await {
                Ok(link) => Some(link),
                Err(error) => return tracing::error!(%error, "failed to follow the log; giving up"),
            };
            self.status.set_link(true);
            tracing::info!(position = self.seen, "following the log again");
        }
    }

    /// Handles notifications until the connection ends, and looks at the database every few seconds.
    async fn follow(&mut self, link: &mut Link) -> Result<(), MembershipError> {
        loop {
            let next = self.looked + HEARTBEAT;
            let heard = tokio::time::timeout_at(next, link.notifications.recv());
            match heard.await {
                Ok(Some(notification)) => self.notified(link, notification.payload()).await?,
                Ok(None) => return Ok(()),
                Err(_silence) => self.read_on(link).await?,
            }
            // Also while notifications come one after the other.
            if Instant::now() >= next {
                self.look(link).await?;
            }
        }
    }

    /// Looks at the database: compares the clocks, and finds out if it takes changes.
    async fn look(&mut self, link: &Link) -> Result<(), MembershipError> {
        self.looked = Instant::now();
        probe::look(link, &self.status).await
    }

    /// Handles the notification of a batch. Those of this node that were acknowledged have been published already.
    async fn notified(&mut self, link: &Link, payload: &str) -> Result<(), MembershipError> {
        match BatchNotice::parse(payload) {
            Some(batch) if batch.head <= self.seen => Ok(()),
            Some(batch) if self.is_published(&batch).await => {
                self.see(batch.head, Some(batch.last));
                Ok(())
            }
            // Later batches have notifications of their own: this node's batches that follow are not read.
            Some(batch) => {
                self.catch_up(link, batch.head).await?;
                if self.seen == batch.head {
                    self.last = Some(batch.last);
                }
                Ok(())
            }
            None => self.read_on(link).await,
        }
    }

    /// Reads on to the end of the log, and learns the identifier of the event there.
    async fn read_on(&mut self, link: &Link) -> Result<(), MembershipError> {
        self.catch_up(link, i64::MAX).await?;
        if self.last.is_none() {
            self.last = probe::id_at(link, self.seen).await?;
        }
        Ok(())
    }

    async fn is_published(&self, batch: &BatchNotice) -> bool {
        batch.node == self.member.node
            && batch.head - batch.count == self.seen
            && self.acknowledged.holds(self.seen, batch.head).await
    }

    /// Notes that everything up to a position was seen, and the event that stands there.
    fn see(&mut self, position: i64, last: Option<Uuid>) {
        self.seen = position;
        self.last = last;
        self.acknowledged.forget(position);
        self.status.set_head(position);
    }

    /// Reads the events after the last one seen, as far as there are any up to a position, and passes them to the
    /// observers.
    async fn catch_up(&mut self, link: &Link, to: i64) -> Result<(), MembershipError> {
        let categories =
            self.observers.iter().flat_map(|observer| observer.reads().iter().copied());
        let categories: Vec<&str> = categories.collect();
        while self.seen < to {
            // Positions have no gaps.
            let page = (self.seen, PAGE.min(to - self.seen));
            let read = scan::walk(&link.client, page, Some(&categories), |event| {
                self.observers.iter().for_each(|observer| observer.observe(event));
                Ok(())
            });
            let last = tokio::time::timeout(HEARTBEAT_TIMEOUT, read).await;
            let Some(last) = last.map_err(|_| MembershipError::Silent)?? else { return Ok(()) };
            self.see(last, None);
            // Messages of observers to actors are handled before more are sent.
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// Connects again, for as long as it takes, and reads the events that were missed. Fails if the log is another one.
    async fn reattach(&mut self) -> Result<Link, MembershipError> {
        let mut pause = RECONNECT_MIN;
        loop {
            match self.try_reattach().await {
                Ok(link) => return Ok(link),
                Err(error @ MembershipError::AnotherHistory(_)) => return Err(error),
                Err(error) => tracing::warn!(%error, "failed to reconnect to the log; retrying"),
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(RECONNECT_MAX);
        }
    }

    async fn try_reattach(&mut self) -> Result<Link, MembershipError> {
        let attach = async {
            let mut link = membership::attach(&self.connection, &self.member, false).await?;
            membership::enter(&mut link, &self.member, &self.term).await?;
            Ok::<_, MembershipError>(link)
        };
        let attaching = tokio::time::timeout(ATTACH_TIMEOUT, attach);
        let link = attaching.await.map_err(|_| MembershipError::Silent)??;
        self.require_same_history(&link).await?;
        self.look(&link).await?;
        self.read_on(&link).await?;
        for observer in &self.observers {
            observer.settled().await;
        }
        Ok(link)
    }

    /// Fails unless the last event that was seen is where it was.
    async fn require_same_history(&self, link: &Link) -> Result<(), MembershipError> {
        let there = probe::id_at(link, self.seen).await?;
        let is_same =
            self.seen == 0 || (there.is_some() && self.last.is_none_or(|last| there == Some(last)));
        if is_same { Ok(()) } else { Err(MembershipError::AnotherHistory(self.seen)) }
    }
}
