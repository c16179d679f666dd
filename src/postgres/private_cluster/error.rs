//! Errors of the private cluster, each in one sentence with its remedy.

use std::io;
use std::path::{Path, PathBuf};

use crate::postgres::connect::error::ConnectionError;
use crate::postgres::error::DatabaseError;

/// Reasons for which the private cluster cannot run.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// Another Keyfold server owns the data directory.
    #[error(
        "another Keyfold server{} is using the data directory {}: stop it first, or give this one a data directory \
         of its own (KEYFOLD_DATA)", holder_text(*.holder), .data.display()
    )]
    InUse {
        /// Data directory that is in use.
        data: PathBuf,
        /// The process that holds its lock, as far as it could be read.
        holder: Option<u32>,
    },
    /// This system has no PostgreSQL server programs.
    #[error(
        "no PostgreSQL server programs (version 14 or later) were found: install them with `{install}`, or set \
         DATABASE_URL to use a server elsewhere"
    )]
    NoBinaries {
        /// Shell command that installs them on this system.
        install: String,
    },
    /// The directory that the configuration names has no usable programs.
    #[error(
        "there are no PostgreSQL server programs of version 14 or later in {}: install them with `{install}` and leave \
         KEYFOLD_POSTGRES_BIN out, or let it name the directory they are in", .path.display()
    )]
    NotBinaries {
        /// Directory that the configuration names.
        path: PathBuf,
        /// Shell command that installs them on this system.
        install: String,
    },
    /// The cluster needs the programs of the major version that made it.
    #[error(
        "this data directory was made by PostgreSQL {needed}, of which no server programs were found (found: {found}): \
         install them with `{install}`"
    )]
    NoBinariesOfVersion {
        /// Major version that made the cluster.
        needed: u32,
        /// Major versions that are installed, as a list.
        found: String,
        /// Shell command that installs the needed version on this system.
        install: String,
    },
    /// Only root may start programs as another user.
    #[error("PostgreSQL can be run as the user {0} only by a server that runs as root")]
    NotRoot(String),
    /// There is no such user on this system, or it is root.
    #[error(
        "there is no operating system user {0} to run PostgreSQL as, which must not run as root"
    )]
    NoUser(String),
    /// This process runs as a user without a name on this system.
    #[error(
        "this server runs as the user id {0}, which has no name on this system, and PostgreSQL needs one: run it as a user \
         with an entry in /etc/passwd, give the id a name by nss_wrapper (set LD_PRELOAD to libnss_wrapper.so, and \
         NSS_WRAPPER_PASSWD and NSS_WRAPPER_GROUP to files with an entry for it), or set DATABASE_URL to use a server elsewhere"
    )]
    Nameless(u32),
    /// The cluster's files belong to another user than the one that runs it.
    #[error("PostgreSQL is to run as {wanted}, but its files in {} belong to the user with id {owner}", .path.display())]
    WrongOwner {
        /// File or directory with the wrong owner.
        path: PathBuf,
        /// User that PostgreSQL runs as.
        wanted: String,
        /// Id of the user that owns the files.
        owner: u32,
    },
    /// The user that PostgreSQL runs as cannot reach its files.
    #[error(
        "the user {user}, as whom PostgreSQL has to run, cannot enter {}: move it to a place which that user can reach",
        .path.display()
    )]
    Unreachable {
        /// Directory that the user cannot enter.
        path: PathBuf,
        /// User that PostgreSQL runs as.
        user: String,
    },
    /// The place of the cluster has something else in it.
    #[error("{} is not a PostgreSQL cluster: {problem}", .path.display())]
    NotACluster {
        /// Place of the cluster.
        path: PathBuf,
        /// Problem with the place, and its remedy, as part of a sentence.
        problem: &'static str,
    },
    /// The directory for the socket exists and cannot be trusted.
    #[error("the socket directory {} is not a private directory of the user {user}: remove it", .path.display())]
    UnsafeSocketDirectory {
        /// Directory that other users may be able to write to.
        path: PathBuf,
        /// User that PostgreSQL runs as.
        user: String,
    },
    /// A file or directory could not be read or written.
    #[error("cannot {action} {}: {problem}", .path.display())]
    File {
        /// Verb of the attempted action, for the sentence.
        action: &'static str,
        /// File or directory of the action.
        path: PathBuf,
        /// Error of the operating system.
        problem: io::Error,
    },
    /// One of PostgreSQL's programs failed.
    #[error("{program} failed: {output}")]
    Program {
        /// Path of the program.
        program: String,
        /// Last lines that it wrote.
        output: String,
    },
    /// PostgreSQL ended by itself.
    #[error(
        "the private PostgreSQL server ended by itself ({status}); the last lines of its log:\n{log}"
    )]
    Exited {
        /// Exit code or signal of the process.
        status: String,
        /// Last lines of its log.
        log: String,
    },
    /// PostgreSQL runs but does not accept connections.
    #[error(
        "the private PostgreSQL server did not become ready in time ({problem}); the last lines of its log:\n{log}"
    )]
    NotReady {
        /// Error of the last attempt to connect.
        problem: String,
        /// Last lines of its log.
        log: String,
    },
    /// A server of an earlier run cannot be stopped.
    #[error("PostgreSQL (process {pid}) of an earlier run still uses {} and could not be stopped: {problem}", .path.display())]
    Leftover {
        /// Process id of that server.
        pid: u32,
        /// Directory of the cluster.
        path: PathBuf,
        /// Error of the attempt to stop it.
        problem: String,
    },
    /// The running cluster refused a statement that prepares it for use.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The connection to the cluster could not be described.
    #[error(transparent)]
    Connection(#[from] ConnectionError),
}

impl ClusterError {
    /// Builds an error for `map_err` from the attempted action and its path.
    pub(super) fn file(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |problem| Self::File { action, path, problem }
    }
}

fn holder_text(holder: Option<u32>) -> String {
    holder.map_or_else(String::new, |pid| format!(" (process {pid})"))
}
