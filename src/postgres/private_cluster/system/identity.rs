//! Operating system users of Keyfold and PostgreSQL, and the start of PostgreSQL's programs.
//!
//! PostgreSQL refuses to run as root. A server that runs as root therefore runs every program of the cluster as an
//! unprivileged user; any other server runs them as itself.
//!
//! Invariant: the programs get only the environment variables that they need, so no secret of the server reaches another
//! user.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;

use super::os_user::OsUser;
use crate::postgres::private_cluster::error::ClusterError;

/// Unprivileged users that systems have, in order of preference.
const UNPRIVILEGED: [&str; 3] = ["postgres", "_postgres", "nobody"];
/// Environment variables that a program needs to be found, loaded and run.
const INHERITED: [&str; 4] =
    ["PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH"];
/// Environment variables of `nss_wrapper(1)`, which gives a name to a user id without one.
const NAMING: [&str; 3] = ["NSS_WRAPPER_PASSWD", "NSS_WRAPPER_GROUP", "LD_PRELOAD"];

/// Operating system users of the Keyfold server and of its cluster.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    /// User that this process runs as, the only one that may connect.
    pub(crate) server: OsUser,
    /// User that PostgreSQL runs as.
    pub(crate) cluster: OsUser,
}

impl Identity {
    /// Chooses the user to run as: the configured one, the owner of the existing files, or an unprivileged one of the
    /// system.
    pub(crate) fn choose(run_as: Option<&str>, owner: Option<u32>) -> Result<Self, ClusterError> {
        let server = OsUser::current().map_err(ClusterError::Nameless)?;
        if !server.is_root() {
            return match run_as.filter(|name| *name != server.name) {
                Some(name) => Err(ClusterError::NotRoot(name.to_owned())),
                None => Ok(Self { cluster: server.clone(), server }),
            };
        }
        let cluster = match (run_as, owner.filter(|uid| *uid != 0)) {
            (Some(name), _) => OsUser::named(name).ok_or_else(|| name.to_owned()),
            (None, Some(uid)) => OsUser::with_uid(uid).ok_or_else(|| format!("with id {uid}")),
            (None, None) => UNPRIVILEGED
                .iter()
                .find_map(|name| OsUser::named(name))
                .ok_or_else(|| UNPRIVILEGED.join("/")),
        };
        match cluster {
            Ok(cluster) if !cluster.is_root() => Ok(Self { server, cluster }),
            Ok(root) => Err(ClusterError::NoUser(format!("but {}", root.name))),
            Err(name) => Err(ClusterError::NoUser(name)),
        }
    }

    /// Returns true if PostgreSQL runs as another user than the server.
    pub(crate) fn is_divided(&self) -> bool {
        self.server.uid != self.cluster.uid
    }

    /// Prepares a program to run as the cluster's user.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        // The working directory may be closed to the cluster's user.
        command.current_dir("/").stdin(Stdio::null()).env_clear();
        let is_named = std::env::var_os(NAMING[0]).is_some();
        for name in INHERITED.iter().chain(NAMING.iter().filter(|_| is_named)) {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command.env("LC_ALL", "C");
        if self.is_divided() {
            // Setting the user as root also drops all supplementary groups.
            command.gid(self.cluster.gid).uid(self.cluster.uid);
        }
        command
    }

    /// Returns true if the cluster's user can enter a directory, found out by trying.
    pub(crate) async fn can_enter(&self, directory: &Path) -> bool {
        let mut command = self.command("/bin/sh");
        command
            .args(["-c", r#"cd "$1""#, "sh"])
            .arg(directory)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.status().await.is_ok_and(|status| status.success())
    }

    /// Runs one of PostgreSQL's programs to its end; the error has the last lines that it wrote.
    pub(crate) async fn run(mut command: Command) -> Result<(), ClusterError> {
        let program = Path::new(command.as_std().get_program()).display().to_string();
        let failed = |output: String| ClusterError::Program { program: program.clone(), output };
        let output = command.output().await.map_err(|error| failed(error.to_string()))?;
        if output.status.success() {
            return Ok(());
        }
        let text = [output.stdout, output.stderr].concat();
        Err(failed(crate::postgres::private_cluster::log::last_lines(&String::from_utf8_lossy(
            &text,
        ))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_that_does_not_exist_is_named() {
        let error = Identity::choose(Some("nobody-of-this-name"), None).unwrap_err();
        assert!(error.to_string().contains("nobody-of-this-name"), "{error}");
    }

    #[test]
    fn postgresql_never_runs_as_root() {
        let identity = Identity::choose(None, Some(0)).unwrap();
        assert!(!identity.cluster.is_root());
        assert_eq!(identity.is_divided(), identity.server.is_root());
        if identity.server.is_root() {
            assert!(Identity::choose(Some("root"), None).is_err());
        }
    }
}
