//! Finds PostgreSQL's server programs, which distributions rarely put on the `PATH`.
//!
//! Invariant: the result is a directory with `postgres`, `initdb` and `pg_ctl` of one major version, at least 14, and for an
//! existing cluster exactly the major version that made it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::install;
use crate::postgres::private_cluster::error::ClusterError;

/// Oldest major version that Keyfold's schema and set-up work with.
const OLDEST: u32 = 14;

/// Directories of packages: a parent, the beginning of a name in it, and the path below that.
const PLACES: [(&str, &str, &str); 7] = [
    ("/usr/lib/postgresql", "", "bin"),
    ("/usr", "pgsql-", "bin"),
    ("/usr/lib", "postgresql", "bin"),
    ("/usr/libexec", "postgresql", ""),
    ("/opt/homebrew/opt", "postgresql", "bin"),
    ("/usr/local/opt", "postgresql", "bin"),
    ("/Applications/Postgres.app/Contents/Versions", "", "bin"),
];

/// Directory with PostgreSQL's server programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Binaries {
    /// Canonical path, because the programs are run from another working directory.
    directory: PathBuf,
    /// Major version of the programs, which must be that of the cluster.
    major: u32,
}

impl Binaries {
    /// Chooses the programs for a cluster: those of the version that made it, or the newest for a new one.
    pub(crate) fn find(chosen: Option<&Path>, needed: Option<u32>) -> Result<Self, ClusterError> {
        let found: Vec<Self> = match chosen {
            Some(path) => [path.to_owned(), path.join("bin")]
                .into_iter()
                .filter_map(Self::in_directory)
                .collect(),
            None => candidates().into_iter().filter_map(Self::in_directory).collect(),
        };
        match (found.is_empty(), chosen) {
            (true, Some(path)) => Err(ClusterError::NotBinaries {
                path: path.to_owned(),
                install: install::command(needed),
            }),
            (true, None) => Err(ClusterError::NoBinaries { install: install::command(needed) }),
            (false, _) => Self::choose(found, needed),
        }
    }

    /// Directory of the programs.
    pub(crate) fn directory(self) -> PathBuf {
        self.directory
    }

    /// Absolute path of one of the programs, such as `initdb`.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Major version of the programs.
    pub(crate) fn major(&self) -> u32 {
        self.major
    }

    fn in_directory(directory: PathBuf) -> Option<Self> {
        // The path has to be absolute: the programs are run from another working directory.
        let directory = fs::canonicalize(directory).ok()?;
        let is_complete =
            ["postgres", "initdb", "pg_ctl"].iter().all(|name| directory.join(name).is_file());
        let major =
            if is_complete { version_of(&directory.join("postgres"))? } else { return None };
        (major >= OLDEST).then_some(Self { directory, major })
    }

    fn choose(found: Vec<Self>, needed: Option<u32>) -> Result<Self, ClusterError> {
        let majors: BTreeSet<u32> = found.iter().map(Self::major).collect();
        let wanted = needed.or(majors.last().copied());
        found.into_iter().find(|binaries| Some(binaries.major) == wanted).ok_or_else(|| {
            let found = majors.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            ClusterError::NoBinariesOfVersion {
                needed: needed.unwrap_or(OLDEST),
                found,
                install: install::command(needed),
            }
        })
    }
}

/// Returns the newest program with this name, which may be installed without the server's programs.
pub(crate) fn newest(name: &str) -> Result<PathBuf, ClusterError> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let directories = candidates().into_iter().chain(std::env::split_paths(&path));
    let programs = directories.map(|directory| directory.join(name));
    let versions = programs.filter_map(|program| Some((version_of(&program)?, program)));
    let newest = versions.max_by_key(|(major, _)| *major).map(|(_, program)| program);
    newest.ok_or_else(|| ClusterError::NoBinaries { install: install::command(None) })
}

/// Directories that may contain the programs, in order of preference.
fn candidates() -> Vec<PathBuf> {
    // `PATH` belongs to the system, not to Keyfold's configuration.
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).filter_map(|directory| {
        // Packages link single programs into a common directory; the other programs are where the link leads.
        let program = ["postgres", "initdb"]
            .iter()
            .map(|name| directory.join(name))
            .find(|path| path.is_file())?;
        Some(fs::canonicalize(program).ok()?.parent()?.to_owned())
    });
    on_path
        .chain(
            PLACES
                .into_iter()
                .flat_map(|(parent, prefix, below)| matching(Path::new(parent), prefix, below)),
        )
        .collect()
}

fn matching(parent: &Path, prefix: &str, below: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    let named = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix));
    named.map(|entry| entry.path().join(below)).collect()
}

fn version_of(postgres: &Path) -> Option<u32> {
    let output = Command::new(postgres)
        .arg("--version")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    major_in(&String::from_utf8_lossy(&output.stdout))
}

/// Parses the major version in a line such as `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`.
fn major_in(line: &str) -> Option<u32> {
    let (_, version) = line.split_once("(PostgreSQL)")?;
    let digits: String = version.trim_start().chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(majors: &[u32]) -> Vec<Binaries> {
        majors
            .iter()
            .map(|&major| Binaries { directory: PathBuf::from(format!("/pg/{major}")), major })
            .collect()
    }

    #[test]
    fn the_major_version_is_read_from_releases_and_previews() {
        assert_eq!(major_in("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"), Some(15));
        assert_eq!(major_in("postgres (PostgreSQL) 19beta2"), Some(19));
        assert_eq!(major_in("postgres (EnterpriseDB) 15"), None);
    }

    #[test]
    fn a_new_cluster_gets_the_newest_version() {
        assert_eq!(Binaries::choose(of(&[15, 17, 16]), None).unwrap().major(), 17);
    }

    #[test]
    fn an_existing_cluster_gets_the_version_that_made_it() {
        assert_eq!(Binaries::choose(of(&[15, 17]), Some(15)).unwrap().major(), 15);
    }

    #[test]
    fn a_version_that_is_not_installed_is_named_with_what_is() {
        let error = Binaries::choose(of(&[17, 15]), Some(14)).unwrap_err().to_string();
        assert!(
            error.contains("made by PostgreSQL 14") && error.contains("(found: 15, 17)"),
            "{error}"
        );
    }

    #[test]
    fn a_directory_without_the_programs_is_refused() {
        let error = Binaries::find(Some(Path::new("/nowhere")), None).unwrap_err();
        assert!(
            matches!(error, ClusterError::NotBinaries { path, .. } if path == Path::new("/nowhere"))
        );
    }
}
