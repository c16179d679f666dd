//! Location of the cluster's files: in the data directory, or beside it if the cluster's user cannot get there.
//!
//! A clone under `/root` (mode 0700) is the common case of the second kind: the cluster then lives under
//! `/var/lib/keyfold` and `<data>/postgres` is a symbolic link to it.
//!
//! Invariant: the permissions of a directory that Keyfold did not make are never changed, and a cluster that no data
//! directory points to any more is never taken over: its data belongs with a secret that is gone.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use super::data_directory::DataDirectory;
use super::error::ClusterError;
use super::system::identity::Identity;

/// Name of the cluster, or of the link to it, in the data directory.
const NAME: &str = "postgres";
/// Parent of clusters whose data directory is closed to their user.
const ELSEWHERE: &str = "/var/lib/keyfold";

/// Cluster that has been initialised.
#[derive(Debug)]
pub(super) struct Existing {
    /// Directory of the cluster, without symbolic links.
    pub(super) directory: PathBuf,
    /// Major version of PostgreSQL that made the cluster, and the only one that can run it.
    pub(super) major: u32,
    /// User id of the directory's owner.
    pub(super) owner: u32,
}

/// Path of the cluster in a data directory; a link there may lead elsewhere.
pub(super) fn entry(data: &Path) -> PathBuf {
    data.join(NAME)
}

/// Returns the cluster of a data directory, if it has one.
pub(super) fn existing(data: &Path) -> Result<Option<Existing>, ClusterError> {
    let entry = entry(data);
    match fs::symlink_metadata(&entry) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(ClusterError::file("read", &entry)(error)),
    }
    let not_a_cluster = |problem| ClusterError::NotACluster { path: entry.clone(), problem };
    let directory = fs::canonicalize(&entry).map_err(|_| {
        not_a_cluster("its link target is gone; bring it back, or remove the link to start empty")
    })?;
    let version = fs::read_to_string(directory.join("PG_VERSION"))
        .map_err(|_| not_a_cluster("it has no readable PG_VERSION; remove it to start empty"))?;
    let major =
        version.trim().parse().map_err(|_| not_a_cluster("its PG_VERSION is not a version"))?;
    let owner = fs::metadata(&directory).map_err(ClusterError::file("read", &directory))?.uid();
    Ok(Some(Existing { directory, major, owner }))
}

/// Checks that the cluster's user owns an existing cluster and can reach it.
pub(super) async fn check(existing: &Existing, identity: &Identity) -> Result<(), ClusterError> {
    let (path, user) = (existing.directory.clone(), identity.cluster.name.clone());
    if existing.owner != identity.cluster.uid {
        return Err(ClusterError::WrongOwner { path, wanted: user, owner: existing.owner });
    }
    if identity.is_divided() && !identity.can_enter(&path).await {
        return Err(ClusterError::Unreachable { path, user });
    }
    Ok(())
}

/// Chooses the directory of a new cluster, without creating it.
pub(super) async fn choose(
    data: &DataDirectory,
    identity: &Identity,
) -> Result<PathBuf, ClusterError> {
    if !identity.is_divided() || is_open(data, identity).await? {
        return Ok(entry(data.path()));
    }
    let base = Path::new(ELSEWHERE);
    make_base(base).map_err(ClusterError::file("create", base))?;
    if !identity.can_enter(base).await {
        return Err(ClusterError::Unreachable {
            path: base.to_owned(),
            user: identity.cluster.name.clone(),
        });
    }
    let directory = free_name(base, &super::fingerprint::fingerprint(data.path()));
    tracing::info!(
        "user {} cannot enter {}; keeping the database's files in {}",
        identity.cluster.name,
        data.path().display(),
        directory.display()
    );
    Ok(directory)
}

/// Returns true if the cluster's user can enter the data directory; a directory that was just made is opened to that user's
/// group.
async fn is_open(data: &DataDirectory, identity: &Identity) -> Result<bool, ClusterError> {
    let path = data.path();
    if identity.can_enter(path).await {
        return Ok(true);
    }
    let parent = path.parent().unwrap_or(path);
    if !data.is_new() || !identity.can_enter(parent).await {
        return Ok(false);
    }
    // The group gets no more than entry: it can neither list the directory nor read the server's files in it.
    chown(path, None, Some(identity.cluster.gid))
        .and_then(|()| fs::set_permissions(path, Permissions::from_mode(0o710)))
        .map_err(ClusterError::file("open to PostgreSQL's user", path))?;
    Ok(identity.can_enter(path).await)
}

fn make_base(base: &Path) -> io::Result<()> {
    if base.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o755).create(base)?;
    // The mode above is subject to the umask, and PostgreSQL's user has to get through.
    fs::set_permissions(base, Permissions::from_mode(0o755))
}

/// Returns the first name that no earlier cluster of the same data directory has.
fn free_name(base: &Path, fingerprint: &str) -> PathBuf {
    let mut path = base.join(fingerprint);
    let mut attempt = 1_u32;
    while fs::symlink_metadata(&path).is_ok() {
        attempt += 1;
        path = base.join(format!("{fingerprint}-{attempt}"));
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::private_cluster::tests::Scratch;

    #[test]
    fn a_data_directory_without_a_cluster_is_new() {
        let scratch = Scratch::new();
        assert!(existing(scratch.path()).unwrap().is_none());
    }

    #[test]
    fn a_link_to_nowhere_is_not_taken_for_an_empty_place() {
        let scratch = Scratch::new();
        std::os::unix::fs::symlink("/nowhere/at/all", entry(scratch.path())).unwrap();
        let error = existing(scratch.path()).unwrap_err().to_string();
        assert!(error.contains("its link target is gone"), "{error}");
    }

    #[test]
    fn something_else_in_the_place_of_the_cluster_is_refused() {
        let scratch = Scratch::new();
        fs::create_dir(entry(scratch.path())).unwrap();
        assert!(matches!(existing(scratch.path()), Err(ClusterError::NotACluster { .. })));
    }

    #[test]
    fn a_cluster_that_was_left_behind_keeps_its_name() {
        let scratch = Scratch::new();
        assert_eq!(free_name(scratch.path(), "f"), scratch.path().join("f"));
        fs::create_dir(scratch.path().join("f")).unwrap();
        assert_eq!(free_name(scratch.path(), "f"), scratch.path().join("f-2"));
    }
}
