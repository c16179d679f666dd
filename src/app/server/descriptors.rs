//! File descriptors: the limit is raised as far as the system allows, and a reserve is kept.
//!
//! Every connection takes one. Without a reserve, clients that connect and do nothing would take those of the database and
//! of files, and no request could be answered.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Upper bound of the limit: more are of no use, and a child process that inherits the limit may walk through all of them.
const MOST: u64 = 65_536;
/// Descriptors reserved for files, pipes, timers and listeners.
const RESERVE: u64 = 64;
/// Least number of connections, however low the limit.
const FEWEST: u64 = 16;

/// Raises this process's limit of descriptors as far as the system allows, and returns it.
pub(super) fn raise() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let (now, allowed) = (limit.current.unwrap_or(MOST), limit.maximum.unwrap_or(MOST).min(MOST));
    if now >= allowed {
        return now;
    }
    let raised = Rlimit { current: Some(allowed), maximum: limit.maximum };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => allowed,
        Err(error) => {
            tracing::warn!(%error, "failed to raise the limit of file descriptors; keeping the present one");
            now
        }
    }
}

/// Connections that the limit leaves room for, with `open` descriptors in use and `database` more for sessions of the
/// database.
pub(super) fn left(limit: u64, open: u64, database: u64) -> usize {
    let left = limit.saturating_sub(open + database + RESERVE).max(FEWEST);
    usize::try_from(left).unwrap_or(usize::MAX)
}

/// Descriptors in use by this process; an estimate if the system does not list them.
pub(super) fn open() -> u64 {
    std::fs::read_dir("/proc/self/fd").map_or(RESERVE, |entries| entries.count() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_descriptors_are_kept_back_for_the_database_and_for_files() {
        assert_eq!(left(20_000, 30, 18), 20_000 - 30 - 18 - 64);
        assert_eq!(left(256, 30, 18), 144);
        assert_eq!(left(64, 30, 18), 16);
    }

    #[test]
    fn the_limit_is_raised_to_what_the_system_allows() {
        let allowed = getrlimit(Resource::Nofile).maximum.unwrap_or(MOST).min(MOST);
        assert!(raise() >= allowed);
        assert!(open() > 2, "standard input, output and errors at least");
    }
}
