//! Database sessions of a node, divided into pools so that no kind of work can starve another.
//!
//! *Authentication* is all that a request does to prove its sender, and all that must go on for as long as the node lives:
//! looking up sessions and credentials, loading accounts, session lists and the key ring, the freshness check, the feed of
//! revocations, and readiness. *Readers* serve everything else: histories of tasks, task lists that are loaded, sweeps.
//! Sign-in and authentication go on however many of these walk through the log. The appender has its one *writer*.

use crate::postgres::{Connection, DatabaseError, Pool};

/// Divisor of the configured sessions: one in this many is for authentication.
const AUTHENTICATION: usize = 4;

/// The pools of a node. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Pools {
    /// Proof of identity, and all that keeps the node alive.
    pub(super) authentication: Pool,
    /// All other reads, which may be slow.
    pub(super) readers: Pool,
    /// Group commit: one session, held by the appender.
    pub(super) writers: Pool,
}

impl Pools {
    /// Opens two pools for reading of `size` sessions together, at least one each, and one session for writing.
    pub(super) fn new(connection: &Connection, size: usize) -> Result<Self, DatabaseError> {
        let (authentication, readers) = divided(size);
        Ok(Self {
            authentication: Pool::new(connection, "authentication", authentication)?,
            readers: Pool::new(connection, "readers", readers)?,
            writers: Pool::new(connection, "writers", 1)?,
        })
    }

    /// Every pool, for the follower that abandons them and for the end of the server.
    pub(super) fn all(&self) -> [Pool; 3] {
        [&self.authentication, &self.readers, &self.writers].map(Pool::clone)
    }
}

/// Sessions for authentication, and sessions for all other reads.
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
