//! Reading the ends of sessions from the log, when a session has ended anywhere.
//!
//! An end is kept for as long as an access token of its session may be valid, with a minute for verifiers whose clocks are
//! late. Reading starts where the last look stopped, so each end is looked at once.

use std::sync::{Arc, PoisonError, RwLockWriteGuard};
use std::time::Duration;

use tokio::sync::watch;

use super::ends::{Ends, Relevance};
use super::{Feed, Revocations, read_model};
use crate::base::clock::{Clock, Timestamp};
use crate::eventlog::StoreError;
use crate::keys::Keys;
use crate::postgres::Pool;

/// How much longer than a token's lifetime an end matters.
const LENIENCY: Duration = Duration::from_mins(1);
/// How far other nodes' clocks may have been behind when they recorded what this one reads at its start. What it reads later is dated
/// by its own.
const SKEW: Duration = Duration::from_mins(5);
/// The end of an idle session is told unless it was used this much longer ago than its tokens live: its last uses may be missing
/// in the log while that could not be written.
const UNRECORDED: Duration = Duration::from_hours(24);
/// Ends read at once.
const PAGE: i64 = 1_000;
/// Longest time between two looks, and the time to the next one after a look that failed.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
const RETRY: Duration = Duration::from_secs(1);

/// The part that keeps the ends.
#[derive(Debug)]
pub struct RevocationFeed {
    feed: Arc<Feed>,
    clock: Clock,
    /// Changes when a session has ended, on whatever node.
    ended: watch::Receiver<()>,
}

/// What a feed depends on.
#[derive(Debug)]
pub struct Extent {
    /// How long before the end of an idle session it was used, at least.
    pub unused: Duration,
    /// How many bytes the ends in memory take, at most.
    pub bytes: usize,
}

impl RevocationFeed {
    /// The part of the memory for sessions that ends take.
    pub const PART_OF_SESSIONS: usize = 6;

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
        Extent { unused, bytes }: Extent,
    ) -> Result<(Revocations, Self), StoreError> {
        let window = keys.policy().lifetime + LENIENCY;
        // Sessions that another configuration began are as short as that said: their tokens have expired by then.
        let settled = || clock.now().after(window * 2);
        let idle_until = (unused >= window + UNRECORDED).then(settled);
        let feed = Arc::new(Feed::new(pool, Relevance { window, idle_until }, bytes));
        let opened = Self { feed: Arc::clone(&feed), clock, ended };
        opened.read_back().await?;
        Ok((Revocations::new(feed, keys), opened))
    }

    /// Reads every end soon after it is there, for as long as the server runs.
    pub async fn run(mut self) {
        loop {
            let pause = match self.read_on().await {
                Ok(()) => LONGEST_PAUSE,
                Err(error) => {
                    tracing::warn!(%error, "the ends of sessions cannot be read; trying again");
                    self.ends().fall_behind();
                    self.feed.changed.send_replace(());
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

    fn ends(&self) -> RwLockWriteGuard<'_, Ends> {
        self.feed.ends.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// From the end of the log back to what does not matter any more, whatever node recorded it.
    async fn read_back(&self) -> Result<(), StoreError> {
        let relevance = &self.feed.relevance;
        let oldest = self.now().before(relevance.window + SKEW);
        let mut first = i64::MAX;
        loop {
            let page = read_model::before(&self.feed.pool, first, PAGE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            first = last.position;
            let mut is_over = true;
            for recorded in page {
                if recorded.at > oldest {
                    is_over = false;
                    let heard = recorded.at.after(SKEW).min(self.now());
                    self.ends().recall(recorded, relevance, heard);
                } else {
                    self.ends().recall_none(recorded.position);
                }
            }
            if is_over {
                return Ok(());
            }
        }
    }

    async fn read_on(&self) -> Result<(), StoreError> {
        let relevance = &self.feed.relevance;
        let mut is_news = false;
        loop {
            let head = self.ends().head();
            let page = read_model::after(&self.feed.pool, head, PAGE).await?;
            let is_last = page.is_empty();
            let (mut ends, now) = (self.ends(), self.now());
            for recorded in page {
                is_news |= ends.hear(recorded, relevance, now);
            }
            if is_last {
                is_news |= ends.catch_up();
                is_news |= ends.forget(relevance, now);
                break;
            }
        }
        if is_news {
            self.feed.changed.send_replace(());
        }
        Ok(())
    }
}
