//! The ends of sessions that still matter, in memory: read from the log when a session has ended anywhere.
//!
//! An end is forgotten when every access token of its session has expired, with a minute for verifiers whose clocks are
//! late. It is signed when somebody asks for it the first time, and again if another key signs by then.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, watch};

use super::security_event::{End, SecurityEvent};
use super::{Revocations, SignedEnd, read_model};
use crate::clock::{Clock, Timestamp};
use crate::database::Pool;
use crate::eventlog::StoreError;
use crate::keys::{IssueError, Keys};

/// How much later than a token's lifetime its session's end is forgotten.
const LENIENCY: Duration = Duration::from_mins(1);
/// Ends read at once.
const PAGE: i64 = 1_000;
/// Longest time between two looks, and the time to the next one after a look that failed.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
const RETRY: Duration = Duration::from_secs(1);

/// An end and the token that tells it.
#[derive(Debug)]
pub(super) struct Told {
    end: End,
    /// Locked while it is signed, so that one signature serves everybody who waits.
    signed: Mutex<Option<Signed>>,
}

#[derive(Debug)]
struct Signed {
    kid: String,
    token: String,
}

impl Told {
    fn new(end: End) -> Arc<Self> {
        Arc::new(Self { end, signed: Mutex::new(None) })
    }

    /// The end, signed with the key that signs now.
    pub(super) async fn signed(&self, keys: &Keys) -> Result<SignedEnd, IssueError> {
        let signed = |token: &str| SignedEnd {
            position: self.end.position,
            id: self.end.id.to_string(),
            token: token.to_owned(),
        };
        let mut known = self.signed.lock().await;
        if let Some(known) = known.as_ref().filter(|known| keys.signs_with(&known.kid)) {
            return Ok(signed(&known.token));
        }
        let (kid, token) = keys.tell(SecurityEvent::new(&self.end, keys.policy())).await?;
        Ok(signed(&known.insert(Signed { kid, token }).token))
    }
}

/// Ends in the order of the log.
#[derive(Debug, Clone, Default)]
pub(super) struct Ends {
    told: Vec<Arc<Told>>,
    /// The position of the last end there was, also if it is forgotten.
    head: i64,
    /// Whether the log could not be read: there may be others.
    is_doubtful: bool,
}

impl Ends {
    /// Those after a position.
    pub(super) fn after(&self, position: i64) -> &[Arc<Told>] {
        let known = self.told.partition_point(|told| told.end.position <= position);
        self.told.get(known..).unwrap_or_default()
    }

    /// The position up to which everything is known.
    pub(super) fn head(&self) -> i64 {
        self.head
    }

    /// Whether there may be others.
    pub(super) fn is_doubtful(&self) -> bool {
        self.is_doubtful
    }

    /// Whether one of them is from before `oldest`.
    fn outlives(&self, oldest: Timestamp) -> bool {
        self.told.iter().any(|told| told.end.at <= oldest)
    }

    /// These and later ones, without those from before `oldest`.
    fn and(&self, later: Vec<End>, oldest: Timestamp) -> Self {
        let head = later.last().map_or(self.head, |end| end.position);
        let matters = |end: &End| end.at > oldest;
        let kept = self.told.iter().filter(|told| matters(&told.end)).cloned();
        let told = kept.chain(later.into_iter().filter(matters).map(Told::new)).collect();
        Self { told, head, is_doubtful: false }
    }
}

/// The part that keeps the ends.
#[derive(Debug)]
pub struct RevocationFeed {
    pool: Pool,
    clock: Clock,
    /// Changes when a session has ended, on whatever node.
    ended: watch::Receiver<()>,
    ends: watch::Sender<Arc<Ends>>,
    lifetime: Duration,
}

impl RevocationFeed {
    /// Reads what ended before and may still matter.
    ///
    /// # Errors
    ///
    /// When the database is unavailable.
    pub async fn open(
        pool: Pool,
        clock: Clock,
        ended: watch::Receiver<()>,
        keys: Keys,
    ) -> Result<(Revocations, Self), StoreError> {
        let lifetime = keys.policy().lifetime + LENIENCY;
        let (ends, receiver) = watch::channel(Arc::default());
        let feed = Self { pool, clock, ended, ends, lifetime };
        feed.read_back().await?;
        Ok((Revocations::new(receiver, keys), feed))
    }

    /// Reads every end soon after it is there, for as long as the server runs.
    pub async fn run(mut self) {
        loop {
            let pause = match self.read_on().await {
                Ok(()) => LONGEST_PAUSE,
                Err(error) => {
                    tracing::warn!(%error, "the ends of sessions cannot be read; trying again");
                    self.doubt();
                    RETRY
                }
            };
            let next = self.clock.now().after(pause);
            tokio::select! {
                changed = self.ended.changed() => if changed.is_err() { return },
                () = self.clock.sleep_until(next) => {}
            }
        }
    }

    /// From here on nobody is told that there is nothing new.
    fn doubt(&self) {
        let known = Ends::clone(&self.ends.borrow());
        self.ends.send_replace(Arc::new(Ends { is_doubtful: true, ..known }));
    }

    fn oldest(&self) -> Timestamp {
        self.clock.now().before(self.lifetime)
    }

    /// From the end of the log back to what does not matter any more.
    async fn read_back(&self) -> Result<(), StoreError> {
        let (oldest, mut first) = (self.oldest(), i64::MAX);
        let mut ends = Vec::new();
        loop {
            let page = read_model::before(&self.pool, first, PAGE).await?;
            let Some(last) = page.last() else { break };
            let is_enough = last.at <= oldest;
            first = last.position;
            ends.extend(page);
            if is_enough {
                break;
            }
        }
        ends.reverse();
        self.ends.send_replace(Arc::new(Ends::default().and(ends, oldest)));
        Ok(())
    }

    async fn read_on(&self) -> Result<(), StoreError> {
        loop {
            let known = Arc::clone(&self.ends.borrow());
            let (page, oldest) =
                (read_model::after(&self.pool, known.head(), PAGE).await?, self.oldest());
            let is_last = page.is_empty();
            if !is_last || known.is_doubtful || known.outlives(oldest) {
                self.ends.send_replace(Arc::new(known.and(page, oldest)));
            }
            if is_last {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::id::{SessionId, UserId};
    use crate::sessions::events::EndReason;

    fn end(position: i64, second: i64) -> End {
        End {
            position,
            id: Uuid::from_u128(1),
            user_id: UserId::from_uuid(Uuid::from_u128(2)),
            session_id: SessionId::from_uuid(Uuid::from_u128(3)),
            reason: EndReason::SignedOut,
            at: at(second),
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_unix_millis(second * 1_000)
    }

    fn positions(ends: &Ends, since: i64) -> Vec<i64> {
        ends.after(since).iter().map(|told| told.end.position).collect()
    }

    #[test]
    fn whoever_asks_gets_what_came_after() {
        let ends = Ends::default().and(vec![end(3, 0), end(7, 1), end(9, 1)], at(-1));
        assert_eq!(positions(&ends, 0), [3, 7, 9]);
        assert_eq!(positions(&ends, 5), [7, 9]);
        assert_eq!(positions(&ends, 7), [9]);
        assert_eq!(positions(&ends, 9), [0; 0]);
    }

    #[test]
    fn what_matters_no_more_is_forgotten_and_not_read_again() {
        let ends = Ends::default().and(vec![end(3, 10), end(7, 20)], at(0));
        let ends = ends.and(vec![end(8, 9)], at(10));
        assert_eq!((positions(&ends, 0), ends.head()), (vec![7], 8));
        let ends = ends.and(Vec::new(), at(20));
        assert_eq!((positions(&ends, 0), ends.head()), (vec![], 8));
    }
}
