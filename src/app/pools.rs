//! The database sessions of a node, divided so that no kind of work takes those that another one needs.
//!
//! *Authentication* is whatever a request does to prove who sends it, and what must go on for as long as the node lives:
//! looking up sessions and credentials, loading accounts, session lists and the key ring, the freshness check, the feed of
//! revocations, and readiness. *Readers* serve everything else: histories of tasks, task lists that are loaded, sweeps. However
//! many of these walk through the log, people sign in and their tokens are judged. The appender has its one *writer*.

use crate::postgres::{Connection, DatabaseError, Pool};

/// Of this many sessions, one is for authentication.
const AUTHENTICATION: usize = 4;

/// The pools of a node. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Pools {
    /// For authentication.
    pub(super) authentication: Pool,
    /// For all other reads.
    pub(super) readers: Pool,
    /// For the appender.
    pub(super) writers: Pool,
}

impl Pools {
    /// Pools for reading of `size` sessions together, and of at least one each.
    pub(super) fn new(connection: &Connection, size: usize) -> Result<Self, DatabaseError> {
        let (authentication, readers) = divided(size);
        Ok(Self {
            authentication: Pool::new(connection, "authentication", authentication)?,
            readers: Pool::new(connection, "readers", readers)?,
            writers: Pool::new(connection, "writers", 1)?,
        })
    }

    /// Every pool.
    pub(super) fn all(&self) -> [Pool; 3] {
        [&self.authentication, &self.readers, &self.writers].map(Pool::clone)
    }
}

/// How many sessions are for authentication, and how many for all other reads.
fn divided(size: usize) -> (usize, usize) {
    let authentication = (size / AUTHENTICATION).max(1);
    (authentication, size.saturating_sub(authentication).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pools_for_reading_have_as_many_sessions_together_as_are_configured() {
        let sizes = [2, 3, 4, 16, 1_000].map(divided);
        assert_eq!(sizes, [(1, 1), (1, 2), (1, 3), (4, 12), (250, 750)]);
    }
}
