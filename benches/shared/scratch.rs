//! Data directories of servers under test: every run begins with empty databases and leaves none behind.

use std::path::{Path, PathBuf};

/// Creates and returns the directory of this name below the target directory.
pub fn directory(name: &str) -> anyhow::Result<PathBuf> {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&path)?;
    Ok(path)
}

/// Removes every data directory in `scratch`.
pub fn remove_clusters(scratch: &Path) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(scratch)? {
        let path = entry?.path();
        // If the server ran as root, the files of its cluster may be elsewhere, behind a link.
        if let Ok(files) = std::fs::read_link(path.join("postgres")) {
            std::fs::remove_dir_all(files)?;
        }
        if path.is_dir() {
            std::fs::remove_dir_all(path)?;
        }
    }
    Ok(())
}
