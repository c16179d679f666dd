//! The term in which a node may append: see `log_term` in the schema.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// Stands for none: terms begin at 0.
const NONE: i64 = -1;

/// The term that a node has been given last, told to its appender. Clones share it.
///
/// A process without a term is no server, but a command beside one. It may append whichever node owns the log.
#[derive(Debug, Clone)]
pub struct Term(Arc<AtomicI64>);

impl Default for Term {
    fn default() -> Self {
        Self(Arc::new(AtomicI64::new(NONE)))
    }
}

impl Term {
    pub(crate) fn set(&self, term: i64) {
        self.0.store(term, Ordering::Release);
    }

    /// The term as the log's lock takes it; `None` for a process without one.
    pub(crate) fn held(&self) -> Option<i64> {
        Some(self.0.load(Ordering::Acquire)).filter(|term| *term != NONE)
    }
}
