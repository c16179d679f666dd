//! Ends sessions whose time is over, also if no request comes for them.
//!
//! Its memory is bounded however many sessions are over at once: they are read page by page, and a list of sessions that
//! is not in memory is not taken there.
//!
//! It wakes once the next session is due, at the latest after a minute: sessions that begin meanwhile may be due before.
//! Due sessions are found in the read model and ended by their user's list, which makes each end once however many nodes
//! ask for it. A failed end is retried at the next wake-up.

use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;

use super::Sessions;
use super::read_model::{self, DueSession};
use crate::base::clock::Timestamp;
use crate::base::rate_limiter::RateLimiter;
use crate::eventlog::StoreError;
use crate::postgres::Pool;

/// Longest pause between two runs.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// Number of users from which on progress is logged, once a minute.
const MANY: usize = 10_000;
/// Pause before a wrong clock is checked again.
const UNTIL_RIGHT: Duration = Duration::from_secs(1);
/// Users whose sessions are ended at the same time: enough for group commit, and no more connections than requests can
/// spare.
const AT_ONCE: usize = 8;

/// Background task that ends sessions whose time is over.
#[derive(Debug)]
pub struct Expiry {
    /// Handle that ends a user's sessions, and whose clock decides which are over.
    sessions: Sessions,
    /// Connections over which due sessions are found, one at a time.
    pool: Pool,
}

impl Expiry {
    /// Makes the task, which searches for due sessions through `pool`.
    pub fn new(sessions: Sessions, pool: Pool) -> Self {
        Self { sessions, pool }
    }

    /// Ends due sessions for as long as the server runs.
    pub async fn run(self) {
        let clock = &self.sessions.clock;
        loop {
            // A wrong clock ends no session.
            while !clock.is_right() {
                tokio::time::sleep(UNTIL_RIGHT).await;
            }
            let now = clock.now();
            let latest = now.after(LONGEST_PAUSE);
            let next = match self.expire(now).await {
                Ok(next) => next.map_or(latest, |next| next.min(latest)),
                Err(error) => {
                    tracing::warn!(%error, "failed to query expired sessions; retrying within 60 s");
                    latest
                }
            };
            clock.sleep_until(next).await;
        }
    }

    /// Ends every session that is over, page by page; returns the time at which the next one is.
    async fn expire(&self, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        // A failure is passed over, so that it does not hold up other users, and failures are logged once together.
        let (mut last, mut failed, mut users_passed) = (DueSession::first(), 0_usize, 0_usize);
        let long = RateLimiter::once_a_minute();
        while self.sessions.clock.is_right() {
            let page = read_model::due(&self.pool, now, &last).await?;
            let Some(end) = page.last() else { break };
            last = *end;
            if users_passed >= MANY && long.permits() {
                tracing::info!(users = users_passed, "ending expired sessions");
            }
            let mut users: Vec<_> = page.iter().map(|due| due.user_id).collect();
            users.sort_unstable();
            users.dedup();
            let mut ended = pin!(
                stream::iter(users)
                    .map(|user_id| self.sessions.expire(user_id, now))
                    .buffer_unordered(AT_ONCE)
            );
            while let Some(ended) = ended.next().await {
                users_passed += 1;
                if let Err(error) = ended {
                    tracing::debug!(%error, "failed to end a user's expired sessions");
                    failed += 1;
                }
            }
        }
        if failed > 0 {
            tracing::warn!(users = failed, "failed to end expired sessions; retrying within 60 s");
        }
        read_model::next_due(&self.pool, now).await
    }
}
