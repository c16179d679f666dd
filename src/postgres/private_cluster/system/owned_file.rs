//! Writes files of the cluster's user into the cluster's directory.
//!
//! Invariant: a file is replaced whole or not at all, and no symbolic link in a directory of the (less privileged)
//! cluster's user is ever followed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, fchown};
use std::path::Path;

use super::identity::Identity;
use crate::postgres::private_cluster::error::ClusterError;

/// Replaces a file; it belongs to the cluster's user, the only one that may read it.
pub(crate) fn write(path: &Path, content: &str, identity: &Identity) -> Result<(), ClusterError> {
    try_write(path, content, identity).map_err(ClusterError::file("write", path))
}

fn try_write(path: &Path, content: &str, identity: &Identity) -> io::Result<()> {
    let fresh = path.with_extension("keyfold-new");
    match fs::remove_file(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?;
    if identity.is_divided() {
        fchown(&file, Some(identity.cluster.uid), Some(identity.cluster.gid))?;
    }
    file.write_all(content.as_bytes())?;
    file.sync_all()?;
    fs::rename(&fresh, path)
}

/// Makes the entries of a directory durable.
pub(crate) fn sync_directory(path: &Path) -> Result<(), ClusterError> {
    File::open(path)
        .and_then(|directory| directory.sync_all())
        .map_err(ClusterError::file("write", path))
}
