//! What the toolkit knows of the server that it is a part of.

use std::sync::Arc;

use super::limits::TimeLimits;
use super::site::Site;
use crate::capacity::long_work::LongWork;
use crate::capacity::memory::Budgets;

/// The parts of a server that every request needs, whatever it asks for.
#[derive(Debug, Clone)]
pub struct Server {
    /// The public address, and the pages that may send requests.
    pub site: Arc<Site>,
    /// Bytes that may be held for each client and for all.
    pub budgets: Budgets,
    /// The time that clients may take.
    pub time_limits: TimeLimits,
    /// Threads that read large bodies.
    pub long_work: LongWork,
}
