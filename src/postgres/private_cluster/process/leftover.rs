//! Servers of an earlier run: one that is still stopping, or one that lost every process that would stop it.
//!
//! Invariant: only a process that is certainly this cluster's server is ever signalled. A process id in a file proves
//! little: after a crash it may belong to any process.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::postgres::private_cluster::error::ClusterError;
use crate::postgres::private_cluster::system::binaries::Binaries;
use crate::postgres::private_cluster::system::identity::Identity;

/// Seconds that a leftover server gets for an orderly stop.
const FAST_SECONDS: &str = "60";
/// Seconds that it then gets for an immediate stop.
const IMMEDIATE_SECONDS: &str = "20";

/// Content of `postmaster.pid`, written by the server itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PidFile {
    /// Process id of the server.
    pub(crate) pid: u32,
    /// Directory of the server's socket.
    pub(crate) socket: Option<PathBuf>,
}

impl PidFile {
    /// Reads the file of a cluster; `None` if there is none, or if it is incomplete.
    pub(crate) fn read(cluster: &Path) -> Option<Self> {
        Self::parse(&fs::read_to_string(Self::path(cluster)).ok()?)
    }

    fn path(cluster: &Path) -> PathBuf {
        cluster.join("postmaster.pid")
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let pid = lines.next()?.trim().parse().ok()?;
        let socket = lines.nth(3).filter(|line| !line.is_empty()).map(PathBuf::from);
        Some(Self { pid, socket })
    }
}

/// State of a cluster's server, as its directory shows it.
enum LeftoverState {
    /// The server has ended in order, or never ran.
    Nothing,
    /// The file names no process, as a crash of the machine may leave it.
    Rubbish,
    /// The server is gone and left its file; the process id in it means nothing any more.
    Stale(u32),
    /// The server runs under this process id.
    Server(u32),
}

impl LeftoverState {
    fn in_cluster(cluster: &Path) -> Self {
        match PidFile::read(cluster) {
            None if PidFile::path(cluster).exists() => Self::Rubbish,
            None => Self::Nothing,
            Some(PidFile { pid, .. }) if is_server(pid, cluster) => Self::Server(pid),
            Some(PidFile { pid, .. }) => Self::Stale(pid),
        }
    }
}

/// Stops a server of this cluster that an earlier run left, and returns the process id its file names if it is stale.
///
/// The caller holds the data directory's lock, so no other process can have started one.
pub(super) async fn stop(
    cluster: &Path,
    binaries: &Binaries,
    identity: &Identity,
) -> Result<Option<u32>, ClusterError> {
    let mut problem = String::new();
    for (mode, seconds) in [("fast", FAST_SECONDS), ("immediate", IMMEDIATE_SECONDS)] {
        // The state is read again after a failure: a server whose lifeline has closed may stop before it can be told to.
        match LeftoverState::in_cluster(cluster) {
            LeftoverState::Nothing => return Ok(None),
            LeftoverState::Rubbish => return clear(cluster).map(|()| None),
            LeftoverState::Stale(pid) => return Ok(Some(pid)),
            LeftoverState::Server(pid) => {
                tracing::info!("waiting for PostgreSQL (process {pid}) of an earlier run to stop");
            }
        }
        match pg_ctl_stop(mode, seconds, cluster, binaries, identity).await {
            Ok(()) => return Ok(None),
            Err(error) => problem = error.to_string(),
        }
    }
    match LeftoverState::in_cluster(cluster) {
        LeftoverState::Nothing => Ok(None),
        LeftoverState::Rubbish => clear(cluster).map(|()| None),
        LeftoverState::Stale(pid) => Ok(Some(pid)),
        LeftoverState::Server(pid) => {
            Err(ClusterError::Leftover { pid, path: cluster.to_owned(), problem })
        }
    }
}

/// Removes a file that names no process, with which PostgreSQL does not start. Fails if a server runs nevertheless, because
/// without the file it would go unnoticed.
fn clear(cluster: &Path) -> Result<(), ClusterError> {
    let path = PidFile::path(cluster);
    if let Some(pid) = running_in(cluster) {
        let problem = format!("{} does not name it", path.display());
        return Err(ClusterError::Leftover { pid, path: cluster.to_owned(), problem });
    }
    tracing::warn!("removing {}: it names no process, and none is running", path.display());
    fs::remove_file(&path).map_err(ClusterError::file("remove", &path))
}

/// Finds a process that is the server of this cluster, or a child of it.
fn running_in(cluster: &Path) -> Option<u32> {
    let listed = Command::new("ps")
        .args(["-A", "-o", "pid="])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output();
    let listed = listed.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let listed = listed.unwrap_or_default();
    let from_ps = listed.lines().filter_map(|line| line.trim().parse().ok());
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let from_proc = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    from_proc.chain(from_ps).find(|pid| is_server(*pid, cluster))
}

/// Tells the running server of a cluster to stop, and waits for its end.
pub(super) async fn pg_ctl_stop(
    mode: &str,
    seconds: &str,
    cluster: &Path,
    binaries: &Binaries,
    identity: &Identity,
) -> Result<(), ClusterError> {
    let mut pg_ctl = identity.command(binaries.program("pg_ctl"));
    pg_ctl.args(["stop", "--wait", "--mode", mode, "--timeout", seconds, "--pgdata"]).arg(cluster);
    Identity::run(pg_ctl).await
}

/// Returns true if a process is the server of this cluster.
fn is_server(pid: u32, cluster: &Path) -> bool {
    if cfg!(target_os = "linux") {
        // Only the server's processes work in the cluster's directory.
        return fs::read_link(format!("/proc/{pid}/cwd"))
            .is_ok_and(|directory| directory == cluster);
    }
    let arguments = ["-ww", "-o", "command=", "-p", &pid.to_string()];
    let output =
        Command::new("ps").args(arguments).stdin(Stdio::null()).stderr(Stdio::null()).output();
    output.is_ok_and(|output| is_server_command(&String::from_utf8_lossy(&output.stdout), cluster))
}

fn is_server_command(command: &str, cluster: &Path) -> bool {
    let program = command.split_whitespace().next().unwrap_or_default();
    Path::new(program).ends_with("postgres")
        && command.contains(&format!(" -D {} ", cluster.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pid_file_names_the_process_and_its_socket() {
        let text = "4242\n/data/postgres\n1700000000\n5432\n/data/postgres/socket\n\n  1234 56\nready   \n";
        let read = PidFile::parse(text).unwrap();
        assert_eq!(read, PidFile { pid: 4242, socket: Some("/data/postgres/socket".into()) });
        assert_eq!(PidFile::parse("4242\n/data\n").unwrap().socket, None);
        assert_eq!(PidFile::parse(""), None);
        assert_eq!(PidFile::parse("-1\n"), None);
    }

    #[test]
    fn a_process_that_is_not_this_clusters_server_is_left_alone() {
        assert!(!is_server(std::process::id(), Path::new("/data/postgres")));
    }

    #[test]
    fn a_server_is_recognised_by_its_command() {
        let cluster = Path::new("/a b/postgres");
        assert!(is_server_command("/opt/pg/bin/postgres -D /a b/postgres -c port=5432", cluster));
        assert!(!is_server_command("/opt/pg/bin/postgres -D /a b/postgres2 -c port=5432", cluster));
        assert!(!is_server_command("/bin/sh -c … postgres -D /a b/postgres -c", cluster));
    }
}
