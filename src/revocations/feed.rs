//! The feed of ends: reads ends of sessions from the log after each signal that a session has ended anywhere.
//!
//! An end is kept for as long as an access token of its session may be valid, with a minute for verifiers whose clocks are
//! late. Reading starts after the last end that was read, so each end is read once.

use std::sync::{Arc, PoisonError, RwLockWriteGuard};
use std::time::Duration;

use tokio::sync::watch;

use super::ends::{Ends, Relevance};
use super::{Feed, Revocations, read_model};
use crate::base::clock::{Clock, Timestamp};
use crate::eventlog::StoreError;
use crate::keys::Keys;
use crate::postgres::Pool;

/// Time beyond a token's lifetime for which an end matters, for verifiers whose clocks are late.
const LENIENCY: Duration = Duration::from_mins(1);
/// Largest lag of other nodes' clocks that is assumed for the ends that a node reads at its start. Ends that it reads later
/// are dated by its own clock.
const SKEW: Duration = Duration::from_mins(5);
/// Margin beyond a token's lifetime without which the end of an idle session is published: its last uses may be missing in
/// the log, if that could not be written.
const UNRECORDED: Duration = Duration::from_hours(24);
/// Most ends that one query reads.
const PAGE: i64 = 1_000;
/// Longest pause between two readings, and the back-off after one that failed.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
const RETRY: Duration = Duration::from_secs(1);

/// Background task that reads ends into memory.
#[derive(Debug)]
pub struct RevocationFeed {
    /// Memory that it shares with readers.
    feed: Arc<Feed>,
    /// Injected clock, which dates ends as they are heard of.
    clock: Clock,
    /// Signal that a session has ended on any node, which wakes the task.
    ended: watch::Receiver<()>,
}

/// Limits of a feed: the shortest idle timeout, and the bytes of its ends.
#[derive(Debug)]
pub struct FeedLimits {
    /// Least time without use after which a session ends for being idle.
    pub unused: Duration,
    /// Most bytes that the ends in memory take, with their signatures.
    pub bytes: usize,
}

impl RevocationFeed {
    /// Divisor of the memory for sessions that gives the room of the feed.
    pub const PART_OF_SESSIONS: usize = 6;

    /// Opens the feed with the ends of before that may still matter.
    ///
    /// # Errors
    ///
    /// If the database is unavailable.
    pub async fn open(
        pool: Pool,
        clock: Clock,
        ended: watch::Receiver<()>,
        keys: Keys,
        FeedLimits { unused, bytes }: FeedLimits,
    ) -> Result<(Revocations, Self), StoreError> {
        let window = keys.policy().lifetime + LENIENCY;
        // Sessions begun under another configuration have its limits: by then their tokens have expired.
        let settled = || clock.now().after(window * 2);
        let idle_until = (unused >= window + UNRECORDED).then(settled);
        let feed = Arc::new(Feed::new(pool, Relevance { window, idle_until }, bytes));
        let opened = Self { feed: Arc::clone(&feed), clock, ended };
        opened.read_back().await?;
        Ok((Revocations::new(feed, keys), opened))
    }

    /// Reads every end soon after it is committed, for as long as the server runs.
    pub async fn run(mut self) {
        loop {
            let pause = match self.read_on().await {
                Ok(()) => LONGEST_PAUSE,
                Err(error) => {
                    tracing::warn!(%error, "failed to read the ends of sessions; retrying");
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

    /// Reads the log backwards, from its end to the first page of ends that do not matter any more.
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
