//! The private cluster: a PostgreSQL server that belongs to one data directory.
//!
//! With it `cargo run` is enough to try Keyfold. It is an ordinary durable PostgreSQL: checksums, fsync, autovacuum. It
//! listens on a Unix socket that only the operating system user of the Keyfold server can use, and it ends with that server,
//! even if the server is killed.
//!
//! Invariants, each kept by one file:
//! * one server per data directory (`data_directory`), a complete cluster or none (`initialise`);
//! * never root (`identity`), never reachable by another user (`socket`, `access`);
//! * never running without its server (`postmaster`), and what a crash left behind is recognised for certain before it
//!   is stopped (`leftover`).

mod access;
mod config;
mod data_directory;
mod error;
mod fingerprint;
mod log;
mod place;
pub mod process;
mod socket;
pub mod system;

use std::path::{Path, PathBuf};

use self::data_directory::DataDirectory;
use self::process::leftover::PidFile;
use self::process::startup::Started;
use super::connect::connection::Connection;

#[cfg(test)]
mod leftover_tests;
#[cfg(test)]
pub(super) mod tests;
#[cfg(test)]
mod tls_tests;

pub use self::config::{ClusterConfig, SESSIONS};
pub use self::error::ClusterError;
pub use self::process::readiness::DATABASE;

/// Returns the directory of the newest PostgreSQL on this machine that a cluster could be made with.
///
/// # Errors
/// [`ClusterError::NoBinaries`] if there is none, with the command that installs it.
pub fn programs() -> Result<PathBuf, ClusterError> {
    Ok(system::binaries::Binaries::find(None, None)?.directory())
}

/// Returns the newest of PostgreSQL's client programs with this name: it understands the files of older ones.
///
/// # Errors
/// [`ClusterError::NoBinaries`] if there is none, with the command that installs it.
pub fn client(name: &str) -> Result<PathBuf, ClusterError> {
    system::binaries::newest(name)
}

/// Returns true if a data directory has a cluster.
pub fn is_in(data: &Path) -> bool {
    place::entry(data).exists()
}

/// Directory of a data directory's cluster, without symbolic links.
pub fn files_in(data: &Path) -> PathBuf {
    let entry = place::entry(data);
    std::fs::canonicalize(&entry).unwrap_or(entry)
}

/// Running private cluster.
///
/// Dropping it ends PostgreSQL too, but without waiting for it: call [`PrivateCluster::stop`].
#[derive(Debug)]
pub struct PrivateCluster {
    /// Way to Keyfold's database in the cluster.
    connection: Connection,
    /// Ownership of the server process, which decides if it is stopped with this value.
    tenure: Tenure,
}

/// Ownership of the cluster: started by this process, or by another.
#[derive(Debug)]
enum Tenure {
    Owner { started: Box<Started>, data: DataDirectory },
    Guest,
}

impl PrivateCluster {
    /// Starts the cluster of a data directory, making it when it is missing, and waits until it is ready.
    ///
    /// # Errors
    /// [`ClusterError::InUse`] if another server owns the data directory.
    pub async fn start(config: &ClusterConfig) -> Result<Self, ClusterError> {
        Self::own(DataDirectory::take(&config.data)?, config).await
    }

    /// Uses the cluster of the Keyfold server that runs on a data directory, or starts it for as long as this value lives.
    ///
    /// # Errors
    /// As [`PrivateCluster::start`], but a running server is no error.
    pub async fn join_or_start(config: &ClusterConfig) -> Result<Self, ClusterError> {
        let started = tokio::time::Instant::now();
        let mut pace = process::readiness::paced();
        loop {
            pace.tick().await;
            // Asked every time: the server may have been on its way out.
            let in_use = match DataDirectory::take(&config.data) {
                Ok(data) => return Self::own(data, config).await,
                Err(error @ ClusterError::InUse { .. }) => error,
                Err(error) => return Err(error),
            };
            match Self::join(&config.data).await? {
                Some(cluster) => return Ok(cluster),
                None if started.elapsed() > process::readiness::ANSWER_LIMIT => return Err(in_use),
                None => {}
            }
        }
    }

    /// Connection to Keyfold's database in the cluster.
    pub fn connection(&self) -> Connection {
        self.connection.clone()
    }

    /// Resolves if PostgreSQL ends by itself, which is a failure; the error has the last lines of its log.
    pub async fn exited(&self) -> ClusterError {
        match &self.tenure {
            Tenure::Owner { started, data } => {
                let status = started.postmaster.ended().await;
                ClusterError::Exited { status, log: log::tail(&data.log()) }
            }
            Tenure::Guest => std::future::pending().await,
        }
    }

    /// Shuts PostgreSQL down in order and waits for its end; a cluster of another process keeps running.
    ///
    /// # Errors
    /// [`ClusterError::Leftover`] if it could not be stopped at all.
    pub async fn stop(self) -> Result<(), ClusterError> {
        match self.tenure {
            // The lock on the data directory is released last, when no process runs in it any more.
            Tenure::Owner { started, data } => {
                process::shutdown::shut_down(*started).await.map(|()| drop(data))
            }
            Tenure::Guest => Ok(()),
        }
    }

    async fn own(data: DataDirectory, config: &ClusterConfig) -> Result<Self, ClusterError> {
        let started = process::startup::start(&data, config).await?;
        let connection =
            Connection::on_socket(&started.socket, access::ROLE, process::readiness::DATABASE)?;
        Ok(Self { connection, tenure: Tenure::Owner { started: Box::new(started), data } })
    }

    /// Connects to the cluster that another process runs; `None` if it is not ready.
    async fn join(data: &Path) -> Result<Option<Self>, ClusterError> {
        let Ok(Some(cluster)) = place::existing(data) else { return Ok(None) };
        let Some(socket) = PidFile::read(&cluster.directory).and_then(|file| file.socket) else {
            return Ok(None);
        };
        let connection =
            Connection::on_socket(&socket, access::ROLE, process::readiness::DATABASE)?;
        let is_ready = connection.connect().await.is_ok();
        Ok(is_ready.then_some(Self { connection, tenure: Tenure::Guest }))
    }
}
