//! Seams: the parts of a server that a test may replace.

use std::sync::Arc;
use std::time::Duration;

use crate::base::clock::{Clock, Timestamp};
use crate::eventlog::Mark;
use crate::eventlog::log::append::appender;
use crate::http::limits::TimeLimits;
use crate::keys::private::vault::GenerateKey;

/// Replaceable parts; the defaults are the real ones.
#[derive(Clone)]
pub struct Seams {
    /// Source of the time for everything that decides by it.
    pub clock: Clock,
    /// Generator of signing keys.
    pub generate_key: GenerateKey,
    /// Generator of the marks of events.
    pub draw_mark: fn(Timestamp) -> Mark,
    /// Longest time a batch may take before its outcome is unknown.
    pub batch_timeout: Duration,
    /// Timeouts for clients: heads, bodies, answers, idle connections.
    pub time_limits: TimeLimits,
}

impl Default for Seams {
    fn default() -> Self {
        Self {
            clock: Clock::system(),
            generate_key: Arc::new(crate::keys::private::private_key::PrivateKey::generate),
            draw_mark: Mark::draw,
            batch_timeout: appender::BATCH_TIMEOUT,
            time_limits: TimeLimits::default(),
        }
    }
}

impl std::fmt::Debug for Seams {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Seams").field("clock", &self.clock).finish_non_exhaustive()
    }
}
