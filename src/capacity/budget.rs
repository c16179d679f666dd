//! Budgets in bytes: quotas on the memory held for requests, in all and per holder.
//!
//! A limit on the number of requests bounds nothing as long as one request may hold any number of bytes. So each piece of
//! work (a body that arrives, a command that waits, an append, an answer that is being sent) takes a [`Lease`] of a
//! [`Budget`] before it takes the memory, and returns it when the lease is dropped. The lease belongs to the work and not to
//! its client: a disconnect frees nothing that is still in memory.
//!
//! Invariants: the leases of a budget never exceed its limit together, nor those of one holder its share.

use std::collections::HashMap;
use std::fmt;
use std::hash::BuildHasher;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use foldhash::quality::RandomState;
use opentelemetry::KeyValue;

use crate::base::id::UserId;
use crate::telemetry::audit_events;
use crate::telemetry::metrics::instrument::count;
use crate::telemetry::metrics::{BUDGET_LIMIT, BUDGET_USED};
use crate::telemetry::reason::Reason;

/// Locks among which the holders of a budget are divided.
const SHARDS: usize = 16;

/// Kind of work that a budget bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Bodies of requests that arrive or are being read.
    Bodies,
    /// Commands that wait for their entity or are being decided.
    Commands,
    /// Appends that wait for the running batch, or are in it.
    Appends,
    /// Answers that are encoded or being sent.
    Answers,
    /// Imports, exports and histories of whole lists.
    Bulk,
    /// Open connections of clients, by the bytes of their buffers.
    Connections,
    /// Requests that are being answered.
    Requests,
    /// Streams of events to browsers.
    Streams,
    /// Streams of revocations to verifiers elsewhere.
    Verifiers,
}

impl Purpose {
    /// Name of the budget in metrics.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Bodies => "bodies",
            Self::Commands => "commands",
            Self::Appends => "appends",
            Self::Answers => "answers",
            Self::Bulk => "bulk",
            Self::Connections => "connections",
            Self::Requests => "requests",
            Self::Streams => "streams",
            Self::Verifiers => "verifiers",
        }
    }

    /// Reason of a refusal while the budget is used up.
    const fn refusal(self) -> Reason {
        match self {
            Self::Bodies => Reason::BodyBudget,
            Self::Commands => Reason::CommandBudget,
            Self::Appends => Reason::AppendBudget,
            Self::Answers => Reason::AnswerBudget,
            Self::Bulk => Reason::BulkBudget,
            Self::Connections => Reason::ConnectionBudget,
            Self::Requests => Reason::RequestBudget,
            Self::Streams => Reason::Watchers,
            Self::Verifiers => Reason::RevocationReaders,
        }
    }
}

/// Party for which bytes are held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Holder {
    /// Signed-in user, by id.
    User(UserId),
    /// Client without a known user: its IPv4 address or its IPv6 network.
    Client(IpAddr),
    /// Node itself, bounded only by the budget's limit.
    Node,
}

impl Holder {
    /// Returns the holder of a client's address. One subscriber has a whole /64 of IPv6 addresses (RFC 6177), and counts
    /// once.
    pub fn client(address: IpAddr) -> Self {
        Self::Client(match address.to_canonical() {
            IpAddr::V4(address) => IpAddr::V4(address),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
            }
        })
    }
}

/// The budget has too few bytes left for a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Exhausted {
    /// The lease would take the holder beyond its share.
    #[error("the holder's share of the budget is used up")]
    Share,
    /// The lease would take all holders together beyond the limit.
    #[error("the budget is used up")]
    Limit,
}

/// Limit on bytes that may be held at once. Cheap to clone.
#[derive(Clone)]
pub struct Budget(Arc<Inner>);

struct Inner {
    /// Kind of work, for metrics and refusals.
    purpose: Purpose,
    /// Most bytes of all holders together.
    limit: usize,
    /// Most bytes of one holder.
    share: usize,
    /// Bytes leased now, by all holders; never above the limit.
    used: AtomicUsize,
    /// Bytes of each holder with a lease, divided among several locks.
    holders: [Mutex<Holders>; SHARDS],
    /// Hash that assigns a holder to one of these locks.
    hasher: RandomState,
}

type Holders = HashMap<Holder, usize, RandomState>;

impl Budget {
    /// Creates a budget of `limit` bytes in all, and `share` per holder.
    pub fn new(purpose: Purpose, limit: usize, share: usize) -> Self {
        let inner = Inner {
            purpose,
            limit,
            share: share.min(limit),
            used: AtomicUsize::new(0),
            holders: std::array::from_fn(|_| Mutex::default()),
            hasher: RandomState::default(),
        };
        let inner = Arc::new(inner);
        let used = |inner: &Inner| inner.used.load(Ordering::Relaxed);
        observe(&inner, purpose.word(), [used, |inner| inner.limit]);
        Self(inner)
    }

    /// Most bytes of all holders together.
    pub fn limit(&self) -> usize {
        self.0.limit
    }

    /// Most bytes of one holder.
    pub fn share(&self) -> usize {
        self.0.share
    }

    /// Bytes that are leased now.
    pub fn used(&self) -> usize {
        self.0.used.load(Ordering::Relaxed)
    }

    /// Leases `bytes` to a holder, until the lease is dropped.
    ///
    /// # Errors
    ///
    /// Fails if there are too few; nothing is leased then, and the refusal is counted.
    pub fn lease(&self, holder: Holder, bytes: usize) -> Result<Lease, Exhausted> {
        self.take(holder, bytes)?;
        Ok(Lease { budget: self.clone(), holder, bytes })
    }

    fn take(&self, holder: Holder, bytes: usize) -> Result<(), Exhausted> {
        let taken = self.take_of_limit(bytes).and_then(|()| {
            self.take_of_share(holder, bytes).inspect_err(|_| self.give_back_to_limit(bytes))
        });
        taken.inspect_err(|_| audit_events::refused(self.0.purpose.refusal()))
    }

    fn take_of_limit(&self, bytes: usize) -> Result<(), Exhausted> {
        let Inner { used, limit, .. } = &*self.0;
        let more = |used: usize| used.checked_add(bytes).filter(|sum| sum <= limit);
        used.fetch_update(Ordering::AcqRel, Ordering::Relaxed, more)
            .map(drop)
            .map_err(|_| Exhausted::Limit)
    }

    fn take_of_share(&self, holder: Holder, bytes: usize) -> Result<(), Exhausted> {
        let Some(mut holders) = self.holders(holder) else { return Ok(()) };
        let held = holders.get(&holder).copied().unwrap_or(0);
        let sum = held.checked_add(bytes).filter(|sum| *sum <= self.0.share);
        holders.insert(holder, sum.ok_or(Exhausted::Share)?);
        Ok(())
    }

    fn give_back(&self, holder: Holder, bytes: usize) {
        self.give_back_to_limit(bytes);
        let Some(mut holders) = self.holders(holder) else { return };
        let left = holders.get(&holder).copied().unwrap_or(0).saturating_sub(bytes);
        if left > 0 {
            holders.insert(holder, left);
        } else {
            holders.remove(&holder);
        }
    }

    fn give_back_to_limit(&self, bytes: usize) {
        self.0.used.fetch_sub(bytes, Ordering::AcqRel);
    }

    /// Locks the part in which a holder is counted; `None` for the node, which has no share.
    fn holders(&self, holder: Holder) -> Option<MutexGuard<'_, Holders>> {
        if holder == Holder::Node {
            return None;
        }
        let shard = self.0.hasher.hash_one(holder) % SHARDS as u64;
        let holders = self.0.holders.get(usize::try_from(shard).ok()?)?;
        Some(holders.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Registers a budget's usage and limit as metrics, which are observed until its owner is gone.
pub(crate) fn observe<T: Send + Sync + 'static>(
    budget: &Arc<T>,
    word: &'static str,
    [used, limit]: [fn(&T) -> usize; 2],
) {
    let attributes = [KeyValue::new("budget", word)];
    for (gauge, bytes) in [(BUDGET_USED, used), (BUDGET_LIMIT, limit)] {
        let (budget, attributes) = (Arc::downgrade(budget), attributes.clone());
        gauge.by(move |gauge| {
            if let Some(budget) = budget.upgrade() {
                gauge.observe(count(bytes(&budget)), &attributes);
            }
        });
    }
}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { purpose, limit, .. } = &*self.0;
        f.debug_struct("Budget")
            .field("purpose", purpose)
            .field("limit", limit)
            .field("used", &self.used())
            .finish_non_exhaustive()
    }
}

/// Granularity of leases that grow with their content.
const STEP: usize = 16 * 1024;

/// Bytes of a budget that a holder has, until this is dropped.
#[derive(Debug)]
pub struct Lease {
    /// Budget that the bytes return to.
    budget: Budget,
    /// Holder whose share the bytes count against.
    holder: Holder,
    /// Bytes that return to the budget when the lease is dropped.
    bytes: usize,
}

impl Lease {
    /// Bytes that are taken from the budget until this lease is dropped.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds bytes to this lease.
    ///
    /// # Errors
    ///
    /// Fails if there are too few; the lease is unchanged then.
    pub fn grow(&mut self, more: usize) -> Result<(), Exhausted> {
        self.budget.take(self.holder, more)?;
        self.bytes += more;
        Ok(())
    }

    /// Grows to at least `bytes`, in steps, so that the budget is not updated for every chunk.
    ///
    /// # Errors
    ///
    /// Fails if there are too few; the lease is unchanged then.
    pub fn grow_to(&mut self, bytes: usize) -> Result<(), Exhausted> {
        let more = bytes.saturating_sub(self.bytes);
        if more == 0 {
            return Ok(());
        }
        // Near the limit, the exact number may fit although the whole step does not.
        self.grow(more.next_multiple_of(STEP)).or_else(|_| self.grow(more))
    }

    /// Returns all but `bytes` to the budget.
    pub fn shrink_to(&mut self, bytes: usize) {
        let surplus = self.bytes.saturating_sub(bytes);
        self.budget.give_back(self.holder, surplus);
        self.bytes -= surplus;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.budget.give_back(self.holder, self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(number: u128) -> Holder {
        Holder::User(UserId::from_uuid(uuid::Uuid::from_u128(number)))
    }

    fn held(budget: &Budget) -> usize {
        budget.0.holders.iter().map(|shard| shard.lock().unwrap().len()).sum()
    }

    #[test]
    fn all_holders_together_have_at_most_the_limit() {
        let budget = Budget::new(Purpose::Bodies, 100, 60);
        let first = budget.lease(user(1), 60).unwrap();
        let _second = budget.lease(user(2), 40).unwrap();
        assert_eq!(budget.lease(user(3), 1).err(), Some(Exhausted::Limit));
        drop(first);
        assert_eq!(budget.used(), 40);
        budget.lease(user(3), 60).unwrap();
    }

    #[test]
    fn one_holder_has_at_most_its_share() {
        let budget = Budget::new(Purpose::Bodies, 100, 60);
        let mut lease = budget.lease(user(1), 50).unwrap();
        assert_eq!(budget.lease(user(1), 11).err(), Some(Exhausted::Share));
        assert_eq!(lease.grow(11), Err(Exhausted::Share));
        assert_eq!((lease.bytes(), budget.used()), (50, 50), "a refusal takes nothing");
        lease.grow(10).unwrap();
        lease.shrink_to(20);
        assert_eq!((lease.bytes(), budget.used()), (20, 20));
        let _node = budget.lease(Holder::Node, 80).unwrap();
    }

    #[test]
    fn a_holder_without_a_lease_is_forgotten() {
        let budget = Budget::new(Purpose::Bodies, 1_000, 10);
        let leases: Vec<_> = (0..100).map(|number| budget.lease(user(number), 10)).collect();
        assert!(leases.iter().all(Result::is_ok));
        assert_eq!(held(&budget), 100);
        drop(leases);
        assert_eq!((held(&budget), budget.used()), (0, 0));
    }

    #[test]
    fn no_sum_overflows() {
        let budget = Budget::new(Purpose::Bodies, usize::MAX, usize::MAX);
        let _most = budget.lease(user(1), usize::MAX).unwrap();
        assert_eq!(budget.lease(user(1), 1).err(), Some(Exhausted::Limit));
    }

    #[test]
    fn a_network_of_ipv6_addresses_is_one_client() {
        let client = |address: &str| Holder::client(address.parse().unwrap());
        assert_eq!(client("2001:db8:0:1::1"), client("2001:db8:0:1:ffff::2"));
        assert_ne!(client("2001:db8:0:1::1"), client("2001:db8:0:2::1"));
        assert_eq!(client("::ffff:192.0.2.1"), client("192.0.2.1"));
        assert_ne!(client("192.0.2.1"), client("192.0.2.2"));
    }
}
