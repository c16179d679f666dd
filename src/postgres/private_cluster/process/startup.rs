//! Starts the cluster of a data directory that this process owns.
//!
//! The steps, each safe to be interrupted at any point: find the programs and the user, choose the location of the files,
//! stop the server of an earlier run, initialise a new cluster, write the access rules, start PostgreSQL, wait for it.

use std::ffi::OsString;
use std::fs::File;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::{Instant, interval};

use super::postmaster::Postmaster;
use super::{initialise, leftover, readiness};
use crate::postgres::private_cluster::config::{ClusterConfig, SESSIONS};
use crate::postgres::private_cluster::data_directory::DataDirectory;
use crate::postgres::private_cluster::error::ClusterError;
use crate::postgres::private_cluster::system::binaries::Binaries;
use crate::postgres::private_cluster::system::identity::Identity;
use crate::postgres::private_cluster::{access, log, place, socket};

/// Settings given on the command line, where neither a file nor `ALTER SYSTEM` can change them.
const FIXED: [&str; 9] = [
    "listen_addresses=",
    "unix_socket_permissions=0700",
    "fsync=on",
    "full_page_writes=on",
    "synchronous_commit=on",
    "autovacuum=on",
    "log_destination=stderr",
    "logging_collector=off",
    "cluster_name=keyfold",
];

/// Pause between two attempts to start.
const RETRY_PACE: Duration = Duration::from_millis(250);

/// Part of PostgreSQL's message while processes of a killed server are still alive.
const STILL_IN_USE: &str = "pre-existing shared memory block";

/// Cluster that is running and ready.
#[derive(Debug)]
pub(crate) struct Started {
    /// Server process, which ends with this value.
    pub(crate) postmaster: Postmaster,
    /// Directory of the server's socket.
    pub(crate) socket: PathBuf,
    /// Directory of the cluster's files.
    pub(crate) directory: PathBuf,
    /// Programs that the server runs with, needed again to stop it.
    pub(crate) binaries: Binaries,
    /// Users that Keyfold and PostgreSQL run as.
    pub(crate) identity: Identity,
}

/// Starts the cluster and waits until it is ready.
pub(crate) async fn start(
    data: &DataDirectory,
    config: &ClusterConfig,
) -> Result<Started, ClusterError> {
    let existing = place::existing(data.path())?;
    let binaries = Binaries::find(
        config.binaries.as_deref(),
        existing.as_ref().map(|existing| existing.major),
    )?;
    let owner = existing.as_ref().map(|existing| existing.owner);
    let identity = Identity::choose(config.run_as.as_deref(), owner)?;
    let (directory, stale) = if let Some(existing) = existing {
        place::check(&existing, &identity).await?;
        let stale = leftover::stop(&existing.directory, &binaries, &identity).await?;
        (existing.directory, stale)
    } else {
        let directory = place::choose(data, &identity).await?;
        initialise::initialise(data.path(), &directory, &binaries, &identity).await?;
        (directory, None)
    };
    access::write(&directory, &identity)?;
    let socket = socket::prepare(&directory, &identity)?;
    let sessions = config.sessions;
    let launch = Launch { binaries, identity, directory, socket, stale, sessions, log: data.log() };
    let postmaster = launch.until_ready().await?;
    let Launch { binaries, identity, directory, socket, .. } = launch;
    tracing::info!("PostgreSQL {} is running in {}", binaries.major(), directory.display());
    Ok(Started { postmaster, socket, directory, binaries, identity })
}

/// Parameters of one start of PostgreSQL.
pub(crate) struct Launch {
    /// Programs to run, of the cluster's major version.
    pub(crate) binaries: Binaries,
    /// Users that Keyfold and PostgreSQL run as.
    pub(crate) identity: Identity,
    /// Directory of the cluster's files.
    pub(crate) directory: PathBuf,
    /// Directory of the socket, private to PostgreSQL's user.
    pub(crate) socket: PathBuf,
    /// Process id in a `postmaster.pid` whose server is gone.
    pub(crate) stale: Option<u32>,
    /// Sessions that the cluster has to allow.
    pub(crate) sessions: usize,
    /// File that PostgreSQL writes its messages to.
    pub(crate) log: PathBuf,
}

impl Launch {
    /// Starts PostgreSQL and waits until it is ready, retrying while processes of a killed server are still alive.
    pub(super) async fn until_ready(&self) -> Result<Postmaster, ClusterError> {
        let file = log::open(&self.log).map_err(ClusterError::file("write", &self.log))?;
        let deadline = Instant::now() + readiness::ANSWER_LIMIT;
        let mut pace = interval(RETRY_PACE);
        loop {
            pace.tick().await;
            let room = self.room();
            let settings: Vec<&str> = FIXED.into_iter().chain(room.as_deref()).collect();
            let postmaster = self.spawn(&settings, &file)?;
            match readiness::wait(&postmaster, &self.socket, &self.log).await {
                Ok(()) => return Ok(postmaster),
                Err(ClusterError::Exited { log, .. })
                    if log.contains(STILL_IN_USE) && Instant::now() < deadline => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Setting for more sessions than the cluster's own file allows; `None` leaves the number to that file.
    fn room(&self) -> Option<String> {
        let reserved = 100 - SESSIONS;
        let is_needed = self.sessions > SESSIONS;
        is_needed.then(|| format!("max_connections={}", self.sessions + reserved))
    }

    /// Starts PostgreSQL with settings that override its files.
    pub(crate) fn spawn(&self, settings: &[&str], log: &File) -> Result<Postmaster, ClusterError> {
        let mut command = self.identity.command("/bin/sh");
        if let Some(pid) = self.stale {
            // PostgreSQL takes any live process with that id for its predecessor and gives up, except its own
            // ancestors, of which this variable names one. Its check for surviving shared memory still protects the data.
            command.env("PG_GRANDPARENT_PID", pid.to_string());
        }
        let postmaster = Postmaster::launch(command, self.arguments(settings), log);
        postmaster.map_err(ClusterError::file("start PostgreSQL in", &self.directory))
    }

    fn arguments(&self, settings: &[&str]) -> Vec<OsString> {
        let mut arguments: Vec<OsString> =
            vec![self.binaries.program("postgres").into(), "-D".into()];
        arguments.push(self.directory.clone().into());
        let mut set = |setting: OsString| arguments.extend(["-c".into(), setting]);
        set(format!("port={}", socket::PORT).into());
        set(quoted_directory(&self.socket));
        for setting in settings {
            set((*setting).into());
        }
        arguments
    }
}

/// Quotes the socket's directory: the setting is a list, in which a comma or a space would separate.
fn quoted_directory(socket: &Path) -> OsString {
    let mut setting = b"unix_socket_directories=\"".to_vec();
    for &byte in socket.as_os_str().as_bytes() {
        // Quotes inside quotes are doubled.
        setting.extend(std::iter::repeat_n(byte, if byte == b'"' { 2 } else { 1 }));
    }
    setting.push(b'"');
    OsString::from_vec(setting)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_with_separators_in_its_name_stays_one() {
        let setting = quoted_directory(Path::new("/a, \"b\""));
        assert_eq!(setting, r#"unix_socket_directories="/a, ""b""""#);
    }
}
