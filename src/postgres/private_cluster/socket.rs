//! The directory of the Unix socket, the only way into the cluster.
//!
//! It is inside the cluster's own directory unless that path is too long for the kernel's `sun_path`; then it is in the
//! system's directory for temporary files.
//!
//! Invariant: the directory belongs to PostgreSQL's user with mode 0700, so no other user can put a socket there.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, lchown};
use std::path::{Path, PathBuf};

use super::error::ClusterError;
use super::system::identity::Identity;

/// Port of the server, which is a part of the socket's name.
pub(super) const PORT: u16 = 5432;
/// Longest path of a socket in bytes: `sun_path` without the final NUL.
const LONGEST: usize = if cfg!(target_os = "linux") { 107 } else { 103 };

/// Creates the private directory for the socket of a cluster, or checks the existing one.
pub(super) fn prepare(cluster: &Path, identity: &Identity) -> Result<PathBuf, ClusterError> {
    let path = directory_for(cluster, &std::env::temp_dir());
    match DirBuilder::new().mode(0o700).create(&path) {
        // Links are not followed: in a directory that others can write to, the entry may have been replaced since.
        Ok(()) if identity.is_divided() => {
            let handed_over = lchown(&path, Some(identity.cluster.uid), Some(identity.cluster.gid));
            handed_over.map_err(ClusterError::file("hand over", &path))?;
        }
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(ClusterError::file("create", &path)(error)),
    }
    let found = fs::symlink_metadata(&path).map_err(ClusterError::file("read", &path))?;
    let is_private =
        found.is_dir() && found.uid() == identity.cluster.uid && found.mode() & 0o777 == 0o700;
    if is_private {
        Ok(path)
    } else {
        Err(ClusterError::UnsafeSocketDirectory { path, user: identity.cluster.name.clone() })
    }
}

fn directory_for(cluster: &Path, temporary: &Path) -> PathBuf {
    let name = format!("keyfold-{}", super::fingerprint::fingerprint(cluster));
    let places = [cluster.join("socket"), temporary.join(&name)];
    places.into_iter().find(|place| fits(place)).unwrap_or_else(|| Path::new("/tmp").join(name))
}

fn fits(directory: &Path) -> bool {
    directory.join(format!(".s.PGSQL.{PORT}")).as_os_str().as_bytes().len() <= LONGEST
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_socket_is_with_the_cluster_when_its_path_is_short_enough() {
        let temporary = Path::new("/temporary");
        let longest = LONGEST - "/socket/.s.PGSQL.5432".len();
        let short = PathBuf::from(format!("/{}", "d".repeat(longest - 1)));
        assert_eq!(directory_for(&short, temporary), short.join("socket"));
        let long = PathBuf::from(format!("/{}", "d".repeat(longest)));
        assert!(directory_for(&long, temporary).starts_with(temporary));
    }

    #[test]
    fn two_clusters_never_share_a_directory() {
        let long = |end: &str| PathBuf::from(format!("/{}/{end}", "d".repeat(LONGEST)));
        let temporary = Path::new("/temporary");
        assert_ne!(directory_for(&long("a"), temporary), directory_for(&long("b"), temporary));
    }

    #[test]
    fn a_long_directory_for_temporary_files_is_passed_over() {
        let long = PathBuf::from(format!("/{}", "d".repeat(LONGEST)));
        assert!(directory_for(&long, &long).starts_with("/tmp"));
    }
}
