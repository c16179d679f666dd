//! Short names of paths.

use std::path::Path;

use aws_lc_rs::digest::{SHA256, digest};

/// Returns a short name for a path: a hash that every process computes alike.
pub(super) fn fingerprint(path: &Path) -> String {
    use std::os::unix::ffi::OsStrExt;
    let hash = digest(&SHA256, path.as_os_str().as_bytes());
    let first = hash.as_ref().first_chunk().copied().unwrap_or_default();
    format!("{:016x}", u64::from_be_bytes(first))
}
