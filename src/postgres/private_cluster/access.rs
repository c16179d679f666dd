//! Access rules of the cluster: only the operating system user that runs the Keyfold server may connect.
//!
//! Invariant: never `trust`, never a password, never TCP. The kernel identifies the peer of the socket.

use std::path::Path;

use super::error::ClusterError;
use super::system::identity::Identity;
use super::system::owned_file;

/// Role that owns every object in the cluster.
pub(super) const ROLE: &str = "keyfold";

/// Writes the cluster's access rules, at every start, because the server's user may have changed.
pub(super) fn write(cluster: &Path, identity: &Identity) -> Result<(), ClusterError> {
    owned_file::write(&cluster.join("pg_hba.conf"), &rules(), identity)?;
    owned_file::write(&cluster.join("pg_ident.conf"), &users(&identity.server.name), identity)
}

fn rules() -> String {
    format!("# Written by Keyfold at every start.\nlocal all {ROLE} peer map=server\n")
}

fn users(server: &str) -> String {
    format!(
        "# Written by Keyfold at every start.\nserver \"{}\" {ROLE}\n",
        server.replace('"', "\"\"")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_servers_user_is_let_in() {
        assert!(users("ada").ends_with("\nserver \"ada\" keyfold\n"));
        assert_eq!(rules().lines().filter(|line| !line.starts_with('#')).count(), 1);
        assert!(!rules().contains("trust"));
    }
}
