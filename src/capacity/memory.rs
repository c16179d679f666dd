//! Memory of the process: its total, and the share of every budget.
//!
//! One number, `KEYFOLD_MEMORY`, bounds the process. The program itself and password hashing get their part first; the rest
//! is divided among the budgets by fixed shares. Each share has room for the copies that its bytes turn into (a body is
//! parsed, an event is encoded, a message to PostgreSQL is built).
//!
//! Invariant: the reserved part and all shares together are at most the total.

use super::budget::{Budget, Purpose};

/// Bytes for the program, its threads and its pools at rest, and for memory that the allocator retains.
const AT_REST: u64 = 110_000_000;

/// Shares in thousandths of the rest.
const ENTITIES: u64 = 290;
const BODIES: u64 = 90;
const COMMANDS: u64 = 60;
const APPENDS: u64 = 60;
const ANSWERS: u64 = 80;
const BULK: u64 = 110;
const SESSION_ANSWERS: u64 = 10;
const PAGES: u64 = 35;
const PASTS: u64 = 35;
const SESSIONS: u64 = 60;
const CONNECTIONS: u64 = 90;
const REQUESTS: u64 = 40;
const STREAMS: u64 = 20;
const VERIFIERS: u64 = 10;

/// Largest size of one task list, however much memory there is.
const LARGEST_LIST: u64 = 64 << 20;

/// Largest sizes of the caches, however much memory there is: entries beyond them would hardly be hit.
const MOST_SESSION_ANSWERS: u64 = 16 << 20;
const MOST_PAGES: u64 = 64 << 20;
const MOST_PASTS: u64 = 64 << 20;

/// Bytes of a stream while no event is sent.
pub const STREAM: usize = 8 * 1024;
/// Memory for 10,000 streams of events and 1,000 of revocations, however much there is: each takes a connection too.
const MOST_STREAMS: u64 = 10_000 * STREAM as u64;
const MOST_VERIFIERS: u64 = 1_000 * STREAM as u64;

/// Memory assumed for a machine that does not report its own.
const UNKNOWN: u64 = 2_000_000_000;

/// Division of the process's memory. All sizes are in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryPlan {
    /// States of entities in memory, above which actors are passivated.
    pub entities: usize,
    /// One task list: changes that would make it larger are refused.
    pub list: usize,
    /// Bodies of requests that arrive or are being read.
    pub bodies: usize,
    /// Commands that wait for their entity or are being decided.
    pub commands: usize,
    /// Appends that wait for the running batch, or are in it.
    pub appends: usize,
    /// Answers that are encoded or being sent.
    pub answers: usize,
    /// Imports, exports and histories of whole lists.
    pub bulk: usize,
    /// Cached encodings of answers about sessions.
    pub session_answers: usize,
    /// Cached encodings of pages of task lists.
    pub pages: usize,
    /// Cached past states of task lists.
    pub pasts: usize,
    /// Sessions in memory, and the feed of their revocations.
    pub sessions: usize,
    /// Buffers of connections, which bound their number.
    pub connections: usize,
    /// Heads of requests and the tasks that answer them.
    pub requests: usize,
    /// Streams of events to browsers.
    pub streams: usize,
    /// Streams of revocations to external verifiers.
    pub verifiers: usize,
}

impl MemoryPlan {
    /// Divides `total` bytes, of which password hashing takes `hashing`.
    pub fn of(total: u64, hashing: u64) -> Self {
        let left = total.saturating_sub(AT_REST).saturating_sub(hashing).max(total / 4);
        let part = |thousandths: u64| bytes(left / 1_000 * thousandths);
        Self {
            entities: part(ENTITIES),
            list: part(ENTITIES / 10).min(bytes(LARGEST_LIST)),
            bodies: part(BODIES),
            commands: part(COMMANDS),
            appends: part(APPENDS),
            answers: part(ANSWERS),
            bulk: part(BULK),
            session_answers: part(SESSION_ANSWERS).min(bytes(MOST_SESSION_ANSWERS)),
            pages: part(PAGES).min(bytes(MOST_PAGES)),
            pasts: part(PASTS).min(bytes(MOST_PASTS)),
            sessions: part(SESSIONS),
            connections: part(CONNECTIONS),
            requests: part(REQUESTS),
            streams: part(STREAMS).min(bytes(MOST_STREAMS)),
            verifiers: part(VERIFIERS).min(bytes(MOST_VERIFIERS)),
        }
    }
}

fn bytes(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// Budgets of a node. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Budgets {
    /// Division of memory that the budgets were made from.
    pub plan: MemoryPlan,
    /// Bodies of requests that arrive or are being read.
    pub bodies: Budget,
    /// Commands that wait for their entity or are being decided.
    pub commands: Budget,
    /// Appends that wait for the running batch, or are in it.
    pub appends: Budget,
    /// Answers that are encoded or being sent.
    pub answers: Budget,
    /// Imports, exports and histories of whole lists.
    pub bulk: Budget,
    /// Requests that are being answered.
    pub requests: Budget,
    /// Streams of events to browsers.
    pub streams: Budget,
    /// Streams of revocations to external verifiers.
    pub verifiers: Budget,
}

impl Budgets {
    /// Creates budgets of these sizes. The share of one holder is half of each.
    pub fn new(plan: MemoryPlan) -> Self {
        let half = |purpose, limit| Budget::new(purpose, limit, limit / 2);
        Self {
            plan,
            bodies: half(Purpose::Bodies, plan.bodies),
            commands: half(Purpose::Commands, plan.commands),
            appends: half(Purpose::Appends, plan.appends),
            answers: half(Purpose::Answers, plan.answers),
            bulk: half(Purpose::Bulk, plan.bulk),
            requests: half(Purpose::Requests, plan.requests),
            streams: half(Purpose::Streams, plan.streams),
            verifiers: half(Purpose::Verifiers, plan.verifiers),
        }
    }
}

/// Memory in bytes that this process may use: the machine's, or the limit of its cgroup if that is less.
pub fn available() -> u64 {
    let machine = read("/proc/meminfo").and_then(|text| total_of(&text)).unwrap_or(UNKNOWN);
    cgroup_limits().fold(machine, u64::min)
}

fn read(path: &str) -> Option<String> {
    std::fs::read_to_string(path).ok()
}

/// Parses `MemTotal` of `/proc/meminfo`, which is in KiB.
fn total_of(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// Limits of this process's control groups (versions 2 and 1) and of all groups around them.
fn cgroup_limits() -> impl Iterator<Item = u64> {
    let groups = read("/proc/self/cgroup").unwrap_or_default();
    let files: Vec<String> = groups.lines().filter_map(group_of).flat_map(limit_files).collect();
    // "max", and the number near 2^63 that version 1 has instead, limit nothing.
    files.into_iter().filter_map(|file| read(&file)?.trim().parse().ok())
}

/// Parses a line of `/proc/self/cgroup`: mount point of the memory controller, name of the limit file, path of the group.
fn group_of(line: &str) -> Option<(&'static str, &'static str, &str)> {
    let mut parts = line.splitn(3, ':');
    let (_, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
    if controllers.is_empty() {
        Some(("/sys/fs/cgroup", "memory.max", path))
    } else if controllers.split(',').any(|controller| controller == "memory") {
        Some(("/sys/fs/cgroup/memory", "memory.limit_in_bytes", path))
    } else {
        None
    }
}

/// Files that limit a group: its own, and those of the groups around it.
fn limit_files((mount, file, path): (&str, &str, &str)) -> Vec<String> {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    (0..=parts.len())
        .map(|depth| {
            let inner: String = parts.iter().take(depth).flat_map(|part| ["/", part]).collect();
            format!("{mount}{inner}/{file}")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shares_and_what_is_set_aside_are_at_most_the_whole() {
        for (total, hashing) in
            [(400_000_000, 40_000_000), (12_000_000_000, 40_000_000), (1_000_000_000, 160_000_000)]
        {
            let plan = MemoryPlan::of(total, hashing);
            let shares = plan.entities
                + plan.bodies
                + plan.commands
                + plan.appends
                + plan.answers
                + plan.bulk
                + plan.session_answers
                + plan.pages
                + plan.pasts
                + plan.sessions
                + plan.connections
                + plan.requests
                + plan.streams
                + plan.verifiers;
            assert!(shares as u64 + AT_REST + hashing <= total, "{plan:?}");
            assert!(plan.list * 10 <= plan.entities, "{plan:?}");
            assert!(plan.list <= plan.pasts, "the largest list of the past is kept: {plan:?}");
        }
    }

    #[test]
    fn one_holder_has_at_most_half_of_a_budget() {
        let budgets = Budgets::new(MemoryPlan::of(400_000_000, 40_000_000));
        let Budgets {
            plan,
            bodies,
            commands,
            appends,
            answers,
            bulk,
            requests,
            streams,
            verifiers,
        } = budgets;
        for (budget, limit) in [
            (bodies, plan.bodies),
            (commands, plan.commands),
            (appends, plan.appends),
            (answers, plan.answers),
            (bulk, plan.bulk),
            (requests, plan.requests),
            (streams, plan.streams),
            (verifiers, plan.verifiers),
        ] {
            assert_eq!((budget.limit(), budget.share()), (limit, limit / 2));
        }
    }

    #[test]
    fn the_total_of_meminfo_is_in_kib() {
        let meminfo = "MemTotal:       24684092 kB\nMemFree:        1 kB\n";
        assert_eq!(total_of(meminfo), Some(24_684_092 * 1024));
        assert_eq!(total_of("MemFree: 1 kB"), None);
    }

    #[test]
    fn the_limit_of_a_group_is_also_that_of_the_groups_around_it() {
        let version_2 = group_of("0::/system.slice/keyfold.service").map(limit_files);
        let expected = [
            "/sys/fs/cgroup/memory.max",
            "/sys/fs/cgroup/system.slice/memory.max",
            "/sys/fs/cgroup/system.slice/keyfold.service/memory.max",
        ];
        assert_eq!(version_2.unwrap(), expected);
        let version_1 = group_of("4:cpu,memory:/docker/7").map(limit_files);
        let expected = [
            "/sys/fs/cgroup/memory/memory.limit_in_bytes",
            "/sys/fs/cgroup/memory/docker/memory.limit_in_bytes",
            "/sys/fs/cgroup/memory/docker/7/memory.limit_in_bytes",
        ];
        assert_eq!(version_1.unwrap(), expected);
        assert_eq!(group_of("3:cpu:/docker/7"), None);
    }
}
