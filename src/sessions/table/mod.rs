//! The node's table of sessions: some of those it knows to live, and those it has heard ending lately.
//!
//! Look-ups of live sessions take no lock; commands and the follower change the table directly, for each change is one step
//! under the lock of its session. The size is bounded in bytes: live sessions that are not used are evicted for others, and
//! a session that is not in here is looked up in the database, where unknown means ended ([`Standing`] has the table).
//!
//! Invariants:
//!
//! * *Ended is final.* A session that this table has heard ending is never put back by a row that was read from the database a
//!   moment earlier, also if the end is forgotten meanwhile (`ended` says why). So any entry may be evicted at any time, and
//!   be read again.
//! * *In doubt, ask.* After a command of unknown outcome on a user's sessions, entries read before it are not believed any
//!   more. Doubts are kept by bucket, not by user, so they need no room; of other users' sessions one in `BUCKETS` is read
//!   again with them.

pub(super) mod awaiting;
pub(super) mod ended;
pub(super) mod refusals;
pub(super) mod watchers;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use foldhash::quality::RandomState;
use quick_cache::Weighter;
use uuid::Uuid;

use self::ended::{EndSequence, Ended};
use self::watchers::{Watchers, Watching};
use super::events::SessionStarted;
use super::token::TokenHash;
use crate::base::clock::Timestamp;
use crate::base::id::{SessionId, UserId};
use crate::base::weighted_cache;
use crate::base::weighted_cache::{CacheSize, WeightedCache};

/// Divisors of the table's room for live sessions, their tokens and ends. The rest is for the feed of revocations.
const PART_OF_LIVE: usize = 2;
const PART_OF_TOKENS: usize = 6;
const PART_OF_ENDS: usize = 6;
/// Buckets of users by which doubts are kept.
const BUCKETS: usize = 16_384;
/// Number of locks, among which the sessions are divided.
const SHARDS: usize = 64;
/// Bytes of each part of a cache: parts are small, so that growing one holds up requests for a moment only.
const PART: usize = 4 << 20;
/// Bytes that a cache takes for an entry beside its value.
const OVERHEAD: u64 = 96;

/// A session that lives, unless its time is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Identifier, which its access tokens carry as `sid`.
    pub id: SessionId,
    /// User who signed in, in whose name its requests act.
    pub user_id: UserId,
    /// Credential whose password began it, if that is known.
    pub credential_id: Option<Uuid>,
    /// Time at which it ends for being idle, unless it is used before.
    pub expires_at: Timestamp,
    /// SHA-256 of its token, by which the cookie of a request is recognised.
    pub token_hash: TokenHash,
    /// User-Agent header of the client, for the answers that describe the session.
    pub user_agent: Option<String>,
    /// Time of its begin: only a fresh session may end others.
    pub created_at: Timestamp,
    /// Time of its begin or last extension.
    pub updated_at: Timestamp,
}

impl Session {
    /// Builds the session that an event started.
    pub(super) fn started(user_id: UserId, started: &SessionStarted) -> Self {
        Self {
            id: started.session_id,
            user_id,
            credential_id: started.credential_id,
            expires_at: started.expires_at,
            token_hash: started.token_hash,
            user_agent: started.user_agent.clone(),
            created_at: started.started_at,
            updated_at: started.started_at,
        }
    }

    /// Returns true if a use has extended it.
    pub fn is_extended(&self) -> bool {
        self.updated_at > self.created_at
    }
}

/// Standing of a session in the table. `None` in its place means unknown, also if the entry is in doubt.
///
/// | Table | Time | Answer to a request |
/// |---|---|---|
/// | known live | not over | accepted from memory |
/// | known live | over | row is read: another node may have extended the session |
/// | known ended | any | refused from memory |
/// | unknown | any | row is read: accepted if there is one and its time is not over, otherwise refused |
///
/// A row that may be out of date is read again. If the database does not answer, the request is neither accepted nor refused:
/// it fails as one to be retried. A missing row is remembered for ten seconds in `refusals`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Known to live, unless its time is over.
    Live(Arc<Session>),
    /// Known to have ended, which is final.
    Ended,
}

/// An entry of the table: a live session with the moment noted before it was read.
#[derive(Debug, Clone)]
struct CachedSession {
    /// Session, shared with the requests that use it.
    session: Arc<Session>,
    /// Moment before the reading: a later doubt about its user discredits the entry.
    as_of: EndSequence,
}

/// Weighs entries in bytes.
#[derive(Debug, Clone)]
struct SessionWeight;

impl Weighter<SessionId, CachedSession> for SessionWeight {
    fn weight(&self, _: &SessionId, known: &CachedSession) -> u64 {
        let text = known.session.user_agent.as_ref().map_or(0, String::capacity);
        (size_of::<CachedSession>() + size_of::<Session>() + text) as u64 + OVERHEAD
    }
}

impl Weighter<TokenHash, SessionId> for SessionWeight {
    fn weight(&self, _: &TokenHash, _: &SessionId) -> u64 {
        size_of::<(TokenHash, SessionId)>() as u64 + OVERHEAD
    }
}

type BoundedCache<K, V> = WeightedCache<K, V, SessionWeight, RandomState>;

/// Sessions and ends that this node knows of.
pub struct SessionTable {
    /// Sessions known to live; unused ones are evicted.
    live: BoundedCache<SessionId, CachedSession>,
    /// Session of each token, which never changes; an entry does not mean that its session lives.
    tokens: BoundedCache<TokenHash, SessionId>,
    /// Ends by part. Each change of a session's entry is made under the lock of its part, so that no row replaces an end.
    ended: Vec<Mutex<Ended>>,
    /// Moment of the last doubt in each bucket of users.
    doubts: Vec<AtomicU64>,
    /// Moment of the last end or doubt, from which the next is counted.
    now: AtomicU64,
    /// Tasks that wait for the end of a session, such as open streams.
    watchers: Arc<Watchers>,
}

impl SessionTable {
    /// Makes an empty table that takes at most this many bytes.
    pub fn new(bytes: usize) -> Self {
        let ends = bytes / PART_OF_ENDS / ended::BYTES / SHARDS;
        Self {
            live: bounded(bytes / PART_OF_LIVE, 384),
            tokens: bounded(bytes / PART_OF_TOKENS, 144),
            ended: (0..SHARDS).map(|_| Mutex::new(Ended::new(ends))).collect(),
            doubts: (0..BUCKETS).map(|_| AtomicU64::new(0)).collect(),
            now: AtomicU64::new(0),
            watchers: Arc::default(),
        }
    }

    /// Returns the standing of a session; `None` if it is unknown.
    pub fn standing(&self, id: SessionId) -> Option<Standing> {
        match self.live.get(&id) {
            Some(known) if self.is_believed(&known) => Some(Standing::Live(known.session)),
            Some(_) | None => self.shard(id)?.contains(id).then_some(Standing::Ended),
        }
    }

    /// Returns the standing of the session that a token stands for; `None` if either is unknown.
    pub fn by_token(&self, hash: TokenHash) -> Option<Standing> {
        self.standing(self.tokens.get(&hash)?)
    }

    /// Number of sessions in here that live.
    pub(super) fn live(&self) -> u64 {
        self.live.len() as u64
    }

    /// Moment to note before a row is read, or a command that begins a session is carried out.
    pub(super) fn moment(&self) -> EndSequence {
        EndSequence(self.now.load(Ordering::Acquire))
    }

    /// Puts in a live session that was read after `as_of`, unless it is known to have ended or a newer extension of it is known;
    /// returns its standing now. `None` if the row may be out of date: read it again.
    pub(super) fn admit(&self, session: Arc<Session>, as_of: EndSequence) -> Option<Standing> {
        let (id, hash) = (session.id, session.token_hash);
        let ended = self.shard(id)?;
        if ended.contains(id) {
            return Some(Standing::Ended);
        }
        let read = CachedSession { session, as_of };
        if ended.has_forgotten_since(as_of) || !self.is_believed(&read) {
            return None;
        }
        let known = self.live.peek(&id).filter(|known| self.is_believed(known));
        let known = known.filter(|known| known.session.updated_at >= read.session.updated_at);
        if let Some(known) = known {
            return Some(Standing::Live(known.session));
        }
        self.live.insert(id, read.clone());
        self.tokens.insert(hash, id);
        Some(Standing::Live(read.session))
    }

    /// Extends a session that was used. One that is not in here is read as it is by then.
    pub(super) fn extend(&self, id: SessionId, seen_at: Timestamp, expires_at: Timestamp) {
        let _ended = self.shard(id);
        let Some(CachedSession { session, as_of }) = self.live.peek(&id) else { return };
        if session.updated_at < seen_at {
            let known = Session::clone(&session);
            let session = Arc::new(Session { updated_at: seen_at, expires_at, ..known });
            self.live.insert(id, CachedSession { session, as_of });
        }
    }

    /// Marks a session as ended, for ever, and wakes the tasks that wait for it. Returns true if it was known to live until now.
    pub(super) fn end(&self, user_id: UserId, id: SessionId, now: Timestamp) -> bool {
        let was_live = {
            let Some(mut ended) = self.shard(id) else { return false };
            ended.remember(id, self.next(), now);
            self.live.remove(&id).is_some()
        };
        self.watchers.wake(user_id, id);
        was_live
    }

    /// Discredits the entries of a user's sessions that were read before, after a command of unknown outcome.
    pub(super) fn doubt(&self, user_id: UserId) {
        let Some(bucket) = self.doubts.get(bucket_of(user_id)) else { return };
        bucket.fetch_max(self.next().0, Ordering::AcqRel);
        self.watchers.wake_all(user_id);
    }

    /// Forgets ends that were noticed until `until`, at most `most` of each part; returns their number.
    pub(super) fn forget(&self, until: Timestamp, most: usize) -> usize {
        self.ended.iter().map(|ended| locked(ended).forget(until, most)).sum()
    }

    /// Registers a wait for the end of a session.
    pub(super) fn watch(&self, session: &Session) -> Watching {
        self.watchers.watch(session.user_id, session.id)
    }

    fn is_believed(&self, known: &CachedSession) -> bool {
        let doubted = self.doubts.get(bucket_of(known.session.user_id));
        doubted.is_some_and(|doubted| known.as_of.0 >= doubted.load(Ordering::Acquire))
    }

    fn next(&self) -> EndSequence {
        EndSequence(self.now.fetch_add(1, Ordering::AcqRel) + 1)
    }

    fn shard(&self, id: SessionId) -> Option<MutexGuard<'_, Ended>> {
        self.ended.get(low_bits(id.uuid(), SHARDS)).map(locked)
    }
}

impl fmt::Debug for SessionTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionTable").field("live", &self.live()).finish_non_exhaustive()
    }
}

fn bounded<K: Eq + std::hash::Hash, V: Clone>(bytes: usize, usual: usize) -> BoundedCache<K, V>
where
    SessionWeight: Weighter<K, V>,
{
    weighted_cache::of(
        CacheSize { bytes, usual, part: PART },
        SessionWeight,
        RandomState::default(),
    )
}

fn locked(ended: &Mutex<Ended>) -> MutexGuard<'_, Ended> {
    ended.lock().unwrap_or_else(PoisonError::into_inner)
}

fn bucket_of(user_id: UserId) -> usize {
    low_bits(user_id.uuid(), BUCKETS)
}

/// Picks one of `parts` for an identifier by its last bits, which are random and not chosen by a client.
fn low_bits(id: Uuid, parts: usize) -> usize {
    usize::try_from(id.as_u128() % parts as u128).unwrap_or_default()
}

#[cfg(test)]
mod tests;
