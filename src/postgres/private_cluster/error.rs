//! Why the private cluster cannot run, each in one sentence that says what to do.

use std::io;
use std::path::{Path, PathBuf};

use crate::postgres::connect::error::ConnectionError;
use crate::postgres::error::DatabaseError;

/// Why the private cluster cannot run.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// Another server owns the data directory.
    #[error(
        "another Keyfold server{} is using the data directory {}: stop it first, or give this one a data directory \
         of its own (KEYFOLD_DATA)", holder_text(*.holder), .data.display()
    )]
    InUse {
        /// The data directory.
        data: PathBuf,
        /// The process that holds its lock, as far as it could be read.
        holder: Option<u32>,
    },
    /// This system has no PostgreSQL server.
    #[error(
        "no PostgreSQL server programs (version 14 or later) were found: install them with `{install}`, or set \
         DATABASE_URL to use a server elsewhere"
    )]
    NoBinaries {
        /// The command that installs them on this system.
        install: String,
    },
    /// The directory that the configuration names has no usable programs.
    #[error(
        "there are no PostgreSQL server programs of version 14 or later in {}: install them with `{install}` and leave \
         KEYFOLD_POSTGRES_BIN out, or let it name the directory they are in", .path.display()
    )]
    NotBinaries {
        /// The directory.
        path: PathBuf,
        /// The command that installs them on this system.
        install: String,
    },
    /// The cluster needs the programs of the major version that made it.
    #[error(
        "this data directory was made by PostgreSQL {needed}, of which no server programs were found (found: {found}): \
         install them with `{install}`"
    )]
    NoBinariesOfVersion {
        /// The major version that made the cluster.
        needed: u32,
        /// The major versions that are installed.
        found: String,
        /// The command that installs the needed version on this system.
        install: String,
    },
    /// Only root may start programs as somebody else.
    #[error("PostgreSQL can be run as the user {0} only by a server that runs as root")]
    NotRoot(String),
    /// There is no such user on this system.
    #[error(
        "there is no operating system user {0} to run PostgreSQL as, which must not run as root"
    )]
    NoUser(String),
    /// This process runs as a user whom the system does not know.
    #[error(
        "this server runs as the user id {0}, which has no name on this system, and PostgreSQL needs one: run it as a user \
         with an entry in /etc/passwd, give the id a name by nss_wrapper (set LD_PRELOAD to libnss_wrapper.so, and \
         NSS_WRAPPER_PASSWD and NSS_WRAPPER_GROUP to files with an entry for it), or set DATABASE_URL to use a server elsewhere"
    )]
    Nameless(u32),
    /// The cluster belongs to another user than the one to run it.
    #[error("PostgreSQL is to run as {wanted}, but its files in {} belong to the user with id {owner}", .path.display())]
    WrongOwner {
        /// The file or directory.
        path: PathBuf,
        /// The user that PostgreSQL runs as.
        wanted: String,
        /// The user that owns the files.
        owner: u32,
    },
    /// The user that PostgreSQL runs as cannot get to its files.
    #[error(
        "the user {user}, as whom PostgreSQL has to run, cannot enter {}: move it to a place which that user can reach",
        .path.display()
    )]
    Unreachable {
        /// The directory.
        path: PathBuf,
        /// The user that PostgreSQL runs as.
        user: String,
    },
    /// Something that is not a cluster is where the cluster should be.
    #[error("{} is not a PostgreSQL cluster: {problem}", .path.display())]
    NotACluster {
        /// Where the cluster should be.
        path: PathBuf,
        /// What is there instead.
        problem: &'static str,
    },
    /// A directory for the socket exists that cannot be trusted.
    #[error("the socket directory {} is not a private directory of the user {user}: remove it", .path.display())]
    UnsafeSocketDirectory {
        /// The directory.
        path: PathBuf,
        /// The user that PostgreSQL runs as.
        user: String,
    },
    /// A file or directory could not be read or written.
    #[error("cannot {action} {}: {problem}", .path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        problem: io::Error,
    },
    /// One of PostgreSQL's programs failed.
    #[error("{program} failed: {output}")]
    Program {
        /// The program.
        program: String,
        /// The last lines it wrote.
        output: String,
    },
    /// PostgreSQL ended by itself.
    #[error(
        "the private PostgreSQL server ended by itself ({status}); the last lines of its log:\n{log}"
    )]
    Exited {
        /// How it ended.
        status: String,
        /// The last lines of its log.
        log: String,
    },
    /// PostgreSQL runs but does not accept connections.
    #[error(
        "the private PostgreSQL server did not become ready in time ({problem}); the last lines of its log:\n{log}"
    )]
    NotReady {
        /// What the last attempt met.
        problem: String,
        /// The last lines of its log.
        log: String,
    },
    /// A server of an earlier run cannot be stopped.
    #[error("PostgreSQL (process {pid}) of an earlier run still uses {} and could not be stopped: {problem}", .path.display())]
    Leftover {
        /// The process.
        pid: u32,
        /// The cluster's directory.
        path: PathBuf,
        /// What was met when stopping it.
        problem: String,
    },
    /// The running cluster refused what it has to do before it is usable.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The way to the cluster could not be described.
    #[error(transparent)]
    Connection(#[from] ConnectionError),
}

impl ClusterError {
    /// For `map_err`: what was being done to which path.
    pub(super) fn file(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |problem| Self::File { action, path, problem }
    }
}

fn holder_text(holder: Option<u32>) -> String {
    holder.map_or_else(String::new, |pid| format!(" (process {pid})"))
}
