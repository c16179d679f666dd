//! The data directory and its lock.
//!
//! Invariant: at most one process owns a data directory. The operating system holds the lock, so it ends with the process,
//! however that ends; the file's content only serves the error message of a refused process.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::error::ClusterError;

/// Data directory that belongs to this process until it is dropped.
#[derive(Debug)]
pub(super) struct DataDirectory {
    /// Absolute path without symbolic links, so that every process names the cluster alike.
    path: PathBuf,
    /// True if this process made the directory, and so may change its permissions.
    is_new: bool,
    /// File whose lock makes this process the owner.
    lock: File,
}

impl DataDirectory {
    /// Locks a data directory, creating it if it is missing.
    pub(super) fn take(path: &Path) -> Result<Self, ClusterError> {
        let is_new = create(path).map_err(ClusterError::file("create the data directory", path))?;
        let path =
            fs::canonicalize(path).map_err(ClusterError::file("find the data directory", path))?;
        let lock = path.join("keyfold.lock");
        let file =
            OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&lock);
        let mut file = file.map_err(ClusterError::file("open", &lock))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(ClusterError::InUse { data: path, holder: holder(&lock) });
            }
            Err(TryLockError::Error(error)) => {
                return Err(ClusterError::file("lock", &lock)(error));
            }
        }
        file.set_len(0).map_err(ClusterError::file("write", &lock))?;
        writeln!(file, "{}", std::process::id()).map_err(ClusterError::file("write", &lock))?;
        Ok(Self { path, is_new, lock: file })
    }

    /// Absolute path, without symbolic links.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// True if this process created the directory.
    pub(super) fn is_new(&self) -> bool {
        self.is_new
    }

    /// File that PostgreSQL writes its messages to.
    pub(super) fn log(&self) -> PathBuf {
        self.path.join("postgres.log")
    }
}

/// Unlocks at once. Closing the file would not suffice: a child process that is being started at that moment has it open
/// too.
impl Drop for DataDirectory {
    fn drop(&mut self) {
        // Closing the file releases the lock at the latest.
        let _ = self.lock.unlock();
    }
}

/// Creates the directory, private to its owner, and its parents with ordinary permissions.
fn create(path: &Path) -> io::Result<bool> {
    if path.is_dir() {
        return Ok(false);
    }
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        fs::create_dir_all(parent)?;
    }
    DirBuilder::new().mode(0o700).create(path).map(|()| true)
}

/// Process id of the lock's holder; `None` if the lock was taken just now and the holder has not written its id yet.
fn holder(lock: &Path) -> Option<u32> {
    fs::read_to_string(lock).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::postgres::private_cluster::tests::Scratch;

    #[test]
    fn a_missing_data_directory_is_made_private_to_its_owner() {
        let scratch = Scratch::new();
        let path = scratch.path().join("a/b");
        let data = DataDirectory::take(&path).unwrap();
        assert!(data.is_new());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn a_second_owner_is_refused_until_the_first_is_gone() {
        let scratch = Scratch::new();
        let first = DataDirectory::take(scratch.path()).unwrap();
        let text = DataDirectory::take(scratch.path()).unwrap_err().to_string();
        assert!(text.contains(&format!("(process {})", std::process::id())), "{text}");
        assert!(text.contains("stop it first") && text.contains("KEYFOLD_DATA"), "{text}");
        drop(first);
        assert!(!DataDirectory::take(scratch.path()).unwrap().is_new());
    }
}
