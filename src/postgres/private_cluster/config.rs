//! Configuration of a private cluster: its data directory, programs, user and size.

use std::path::PathBuf;

/// Data directory, programs, user and size of a private cluster.
#[derive(Clone, Debug)]
pub struct ClusterConfig {
    /// Data directory, which contains the cluster and its lock.
    pub data: PathBuf,
    /// Directory of PostgreSQL's server programs; `None` searches for them.
    pub binaries: Option<PathBuf>,
    /// User that PostgreSQL runs as if the server runs as root. `None` keeps the owner of an existing cluster, and chooses an
    /// unprivileged user of the system for a new one.
    pub run_as: Option<String>,
    /// Sessions that the cluster has to allow; numbers up to [`SESSIONS`] change nothing.
    pub sessions: usize,
}

/// Sessions that a cluster allows, beside those that PostgreSQL reserves for its administrator.
pub const SESSIONS: usize = 97;

impl ClusterConfig {
    /// Configuration for a data directory, with the newest programs of this machine.
    pub fn of(data: impl Into<PathBuf>) -> Self {
        Self { data: data.into(), binaries: None, run_as: None, sessions: 0 }
    }
}
