//! The parts of a server that the toolkit uses.

use std::sync::Arc;

use super::limits::TimeLimits;
use super::site::Site;
use crate::capacity::long_work::LongWork;
use crate::capacity::memory::Budgets;

/// The parts of a server that every request needs, whatever its operation.
#[derive(Debug, Clone)]
pub struct Server {
    /// The public address, and the pages that may send requests.
    pub site: Arc<Site>,
    /// Bytes that may be held for each client and for all.
    pub budgets: Budgets,
    /// Timeouts of clients, from the configuration.
    pub time_limits: TimeLimits,
    /// Threads that read large bodies.
    pub long_work: LongWork,
}
