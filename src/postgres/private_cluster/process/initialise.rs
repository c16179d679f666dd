//! Creates a new cluster.
//!
//! Invariant: `<data>/postgres` is either absent or a complete cluster. `initdb` works in a directory beside it, which is
//! renamed to its place only after everything in it is on disk.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, lchown, symlink};
use std::path::{Path, PathBuf};

use crate::postgres::private_cluster::access::ROLE;
use crate::postgres::private_cluster::error::ClusterError;
use crate::postgres::private_cluster::place;
use crate::postgres::private_cluster::system::binaries::Binaries;
use crate::postgres::private_cluster::system::identity::Identity;
use crate::postgres::private_cluster::system::owned_file;

/// Suffix of the directory that `initdb` works in, after the name of the cluster.
const UNFINISHED: &str = "unfinished";
/// Initial settings of a new cluster; later changes in its `postgresql.conf` are kept.
const SETTINGS: &str = "
# Keyfold's private cluster. These are starting values, to be changed at will. Addresses, durability and autovacuum
# are given on the command line at every start and cannot be changed here.
max_connections = 100
shared_buffers = 128MB
max_wal_size = 1GB
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
# What the server does is logged; statements it refuses are reported to Keyfold, which logs what matters.
log_min_messages = log
log_checkpoints = off
";

/// Creates a cluster at `directory` and links to it from the data directory.
pub(super) async fn initialise(
    data: &Path,
    directory: &Path,
    binaries: &Binaries,
    identity: &Identity,
) -> Result<(), ClusterError> {
    tracing::info!("creating a PostgreSQL {} cluster in {}", binaries.major(), directory.display());
    remove_attempts(directory);
    // The `initdb` of a killed server goes on for a moment, so each process works in a directory of its own.
    let unfinished = directory.with_extension(format!("{UNFINISHED}-{}", std::process::id()));
    prepare(&unfinished, identity).map_err(ClusterError::file("create", &unfinished))?;
    run_initdb(&unfinished, binaries, identity).await?;
    let settings = unfinished.join("postgresql.conf");
    let defaults = fs::read_to_string(&settings).map_err(ClusterError::file("read", &settings))?;
    owned_file::write(&settings, &format!("{defaults}{SETTINGS}"), identity)?;
    owned_file::sync_directory(&unfinished)?;
    fs::rename(&unfinished, directory).map_err(ClusterError::file("create", directory))?;
    owned_file::sync_directory(directory.parent().unwrap_or(directory))?;
    let entry = place::entry(data);
    if directory != entry {
        symlink(directory, &entry).map_err(ClusterError::file("create", &entry))?;
        owned_file::sync_directory(data)?;
    }
    Ok(())
}

/// Removes the remains of interrupted attempts. If an `initdb` still runs, it removes its own directory when it fails.
fn remove_attempts(directory: &Path) {
    let beginning = directory.with_extension(UNFINISHED);
    let siblings = directory.parent().and_then(|parent| fs::read_dir(parent).ok());
    let paths = siblings.into_iter().flatten().flatten().map(|entry| entry.path());
    for attempt in paths.filter(|path| is_attempt(path, &beginning)) {
        if let Err(error) = fs::remove_dir_all(&attempt) {
            tracing::debug!(%error, "failed to remove {}", attempt.display());
        }
    }
}

fn is_attempt(path: &Path, beginning: &Path) -> bool {
    path.as_os_str().as_bytes().starts_with(beginning.as_os_str().as_bytes())
}

/// Creates an empty private directory for the cluster's user.
fn prepare(path: &Path, identity: &Identity) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(path)?;
    if identity.is_divided() {
        lchown(path, Some(identity.cluster.uid), Some(identity.cluster.gid))?;
    }
    Ok(())
}

async fn run_initdb(
    path: &PathBuf,
    binaries: &Binaries,
    identity: &Identity,
) -> Result<(), ClusterError> {
    let mut initdb = identity.command(binaries.program("initdb"));
    initdb.args(["--data-checksums", "--encoding=UTF8", "--locale=C", "--no-instructions"]);
    // The access rules are written before the first start; these methods would admit no other user either.
    initdb.args(["--auth-local=peer", "--auth-host=reject"]);
    initdb.arg(format!("--username={ROLE}")).arg("--pgdata").arg(path);
    Identity::run(initdb).await
}
