//! Which cluster, made with which programs, run by whom.

use std::path::PathBuf;

/// Which cluster, made with which programs, run by whom.
#[derive(Clone, Debug)]
pub struct ClusterConfig {
    /// The data directory; the cluster and its lock are in it.
    pub data: PathBuf,
    /// The directory of PostgreSQL's server programs, if they are not to be searched for.
    pub binaries: Option<PathBuf>,
    /// The user to run PostgreSQL as when the server runs as root, if not `postgres` or `nobody`.
    pub run_as: Option<String>,
    /// How many sessions it has to allow, if that is more than usual.
    pub sessions: usize,
}

/// Sessions that a cluster allows, beside those that PostgreSQL keeps for its administrator.
pub const SESSIONS: usize = 97;

impl ClusterConfig {
    /// The cluster of a data directory, with the newest programs of this machine.
    pub fn of(data: impl Into<PathBuf>) -> Self {
        Self { data: data.into(), binaries: None, run_as: None, sessions: 0 }
    }
}
