//! The node's table of sessions: some of those it knows to live, and those it has heard ending lately.
//!
//! Readers look here without a lock; whoever carries out a command or hears of another node's changes it directly, for
//! each change is one step under the lock of its session. Its size is bounded in bytes: live sessions that are not
//! used make room for others, and whatever is not in here is looked up in the database, where unknown means ended.
//!
//! Invariants:
//!
//! * *Ended is final.* A session that this table has heard ending is never put back by a row that was read from the database a
//!   moment earlier, also when the end is forgotten meanwhile (`ended` says why). So what is in here may
//!   leave at any time, and be read again.
//! * *In doubt, ask.* When nobody can tell what became of a command on a user's sessions, what was known of that user's
//!   sessions before is believed no more. Doubts are kept by bucket, not by user, so they need no room; of other
//!   users' sessions one in `BUCKETS` is read again with them.

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

use self::ended::{Ended, Moment};
use self::watchers::{Watchers, Watching};
use super::events::SessionStarted;
use super::token::TokenHash;
use crate::base::clock::Timestamp;
use crate::base::id::{SessionId, UserId};
use crate::base::weighted_cache;
use crate::base::weighted_cache::{Size, WeightedCache};

/// The parts of the table's room that live sessions, their tokens and ends get. The rest is for the feed of revocations.
const PART_OF_LIVE: usize = 2;
const PART_OF_TOKENS: usize = 6;
const PART_OF_ENDS: usize = 6;
/// Parts in which users' doubts are kept.
const BUCKETS: usize = 16_384;
/// Locks among which the sessions are divided.
const SHARDS: usize = 64;
/// Bytes of each part of a cache: parts are small, so that growing one stops nobody for long.
const PART: usize = 4 << 20;
/// What a cache takes for an entry beside its value, in bytes.
const OVERHEAD: u64 = 96;

/// A live session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its identifier.
    pub id: SessionId,
    /// Whose it is.
    pub user_id: UserId,
    /// The credential whose password began it, if that is known.
    pub credential_id: Option<Uuid>,
    /// When it ends by itself, unless it is used before.
    pub expires_at: Timestamp,
    /// SHA-256 of its token.
    pub token_hash: TokenHash,
    /// What the client said of itself.
    pub user_agent: Option<String>,
    /// When it began.
    pub created_at: Timestamp,
    /// When it began or was last extended.
    pub updated_at: Timestamp,
}

impl Session {
    /// The session that an event started.
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

    /// Whether use has ever made it last longer.
    pub fn is_extended(&self) -> bool {
        self.updated_at > self.created_at
    }
}

/// What the table knows of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It lives, unless its time is over.
    Live(Arc<Session>),
    /// It ended.
    Ended,
}

/// A live session, and the moment before which its row was read.
#[derive(Debug, Clone)]
struct Known {
    session: Arc<Session>,
    as_of: Moment,
}

/// Weighs what is kept in bytes.
#[derive(Debug, Clone)]
struct ByBytes;

impl Weighter<SessionId, Known> for ByBytes {
    fn weight(&self, _: &SessionId, known: &Known) -> u64 {
        let text = known.session.user_agent.as_ref().map_or(0, String::capacity);
        (size_of::<Known>() + size_of::<Session>() + text) as u64 + OVERHEAD
    }
}

impl Weighter<TokenHash, SessionId> for ByBytes {
    fn weight(&self, _: &TokenHash, _: &SessionId) -> u64 {
        size_of::<(TokenHash, SessionId)>() as u64 + OVERHEAD
    }
}

type Bounded<K, V> = WeightedCache<K, V, ByBytes, RandomState>;

/// The table.
pub struct SessionTable {
    live: Bounded<SessionId, Known>,
    /// The sessions of tokens, which never change; that one is in here says nothing about its session.
    tokens: Bounded<TokenHash, SessionId>,
    /// Whoever changes what is known of a session holds the lock of its part.
    ended: Vec<Mutex<Ended>>,
    /// For each bucket of users, the moment of the last doubt.
    doubts: Vec<AtomicU64>,
    /// The last end or doubt.
    now: AtomicU64,
    watchers: Arc<Watchers>,
}

impl SessionTable {
    /// An empty table that takes so many bytes at most.
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

    /// What is known of a session; `None` says nothing about whether it lives.
    pub fn standing(&self, id: SessionId) -> Option<Standing> {
        match self.live.get(&id) {
            Some(known) if self.is_believed(&known) => Some(Standing::Live(known.session)),
            Some(_) | None => self.shard(id)?.contains(id).then_some(Standing::Ended),
        }
    }

    /// The session a token stands for, if that is known.
    pub fn by_token(&self, hash: TokenHash) -> Option<Standing> {
        self.standing(self.tokens.get(&hash)?)
    }

    /// How many sessions are in here that live.
    pub(super) fn live(&self) -> u64 {
        self.live.len() as u64
    }

    /// The moment to note before a row is read, or a command is carried out that begins a session.
    pub(super) fn moment(&self) -> Moment {
        Moment(self.now.load(Ordering::Acquire))
    }

    /// Puts a live session in that was read after `as_of`, unless it is known to have ended or more is known of it; returns
    /// where it stands now. `None` if what was read may be out of date: read it again.
    pub(super) fn admit(&self, session: Arc<Session>, as_of: Moment) -> Option<Standing> {
        let (id, hash) = (session.id, session.token_hash);
        let ended = self.shard(id)?;
        if ended.contains(id) {
            return Some(Standing::Ended);
        }
        let read = Known { session, as_of };
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

    /// A live session was used and lasts longer. One that is not in here will be read as it is then.
    pub(super) fn extend(&self, id: SessionId, seen_at: Timestamp, expires_at: Timestamp) {
        let _ended = self.shard(id);
        let Some(Known { session, as_of }) = self.live.peek(&id) else { return };
        if session.updated_at < seen_at {
            let known = Session::clone(&session);
            let session = Arc::new(Session { updated_at: seen_at, expires_at, ..known });
            self.live.insert(id, Known { session, as_of });
        }
    }

    /// Marks a session as ended, for ever, and wakes who waits for that. Returns whether it was believed to live until now.
    pub(super) fn end(&self, user_id: UserId, id: SessionId, now: Timestamp) -> bool {
        let was_live = {
            let Some(mut ended) = self.shard(id) else { return false };
            ended.remember(id, self.next(), now);
            self.live.remove(&id).is_some()
        };
        self.watchers.wake(user_id, id);
        was_live
    }

    /// Believes nothing any more that was read of a user's sessions before: nobody can tell what became of them.
    pub(super) fn doubt(&self, user_id: UserId) {
        let Some(bucket) = self.doubts.get(bucket_of(user_id)) else { return };
        bucket.fetch_max(self.next().0, Ordering::AcqRel);
        self.watchers.wake_all(user_id);
    }

    /// Forgets ends that were noticed until `until`, and at most so many of each part; returns how many.
    pub(super) fn forget(&self, until: Timestamp, most: usize) -> usize {
        self.ended.iter().map(|ended| locked(ended).forget(until, most)).sum()
    }

    /// Begins to wait for the end of a session.
    pub(super) fn watch(&self, session: &Session) -> Watching {
        self.watchers.watch(session.user_id, session.id)
    }

    fn is_believed(&self, known: &Known) -> bool {
        let doubted = self.doubts.get(bucket_of(known.session.user_id));
        doubted.is_some_and(|doubted| known.as_of.0 >= doubted.load(Ordering::Acquire))
    }

    fn next(&self) -> Moment {
        Moment(self.now.fetch_add(1, Ordering::AcqRel) + 1)
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

fn bounded<K: Eq + std::hash::Hash, V: Clone>(bytes: usize, usual: usize) -> Bounded<K, V>
where
    ByBytes: Weighter<K, V>,
{
    weighted_cache::of(Size { bytes, usual, part: PART }, ByBytes, RandomState::default())
}

fn locked(ended: &Mutex<Ended>) -> MutexGuard<'_, Ended> {
    ended.lock().unwrap_or_else(PoisonError::into_inner)
}

fn bucket_of(user_id: UserId) -> usize {
    low_bits(user_id.uuid(), BUCKETS)
}

/// One of `parts` for an identifier, whose last bits are random: nobody chooses their own.
fn low_bits(id: Uuid, parts: usize) -> usize {
    usize::try_from(id.as_u128() % parts as u128).unwrap_or_default()
}

#[cfg(test)]
mod tests;
