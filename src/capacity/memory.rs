//! The memory of the process: how much there is, and what every budget gets of it.
//!
//! One number, `KEYFOLD_MEMORY`, bounds the process. What the program itself and password hashing need is set aside; the rest is
//! divided among the budgets by fixed shares, each of which leaves room for what its bytes become on the way (a body is
//! parsed, an event is encoded, a message to PostgreSQL is built).
//!
//! Invariant: what is set aside and all shares together are at most the whole.

use super::budget::{Budget, Purpose};

/// The program, its threads and its pools at rest, and what the allocator keeps.
const AT_REST: u64 = 110_000_000;

/// The parts of a thousand of what is left.
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

/// The largest size of one task list, however much memory there is.
const LARGEST_LIST: u64 = 64 << 20;

/// The largest sizes of the caches, however much memory there is: more of them would hardly be asked for again.
const MOST_SESSION_ANSWERS: u64 = 16 << 20;
const MOST_PAGES: u64 = 64 << 20;
const MOST_PASTS: u64 = 64 << 20;

/// Bytes of a stream between two events.
pub const STREAM: usize = 8 * 1024;
/// Room for 10,000 streams of events and 1,000 of revocations, however much memory there is: each takes a connection too.
const MOST_STREAMS: u64 = 10_000 * STREAM as u64;
const MOST_VERIFIERS: u64 = 1_000 * STREAM as u64;

/// What a machine is taken to have when it does not say.
const UNKNOWN: u64 = 2_000_000_000;

/// How the memory of the process is divided. All sizes are in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryPlan {
    /// States of entities in memory.
    pub entities: usize,
    /// One task list: a list that would be larger is refused.
    pub list: usize,
    /// Bodies of requests.
    pub bodies: usize,
    /// Commands that wait for their entity or are being decided.
    pub commands: usize,
    /// Appends that wait for the running batch, or are in it.
    pub appends: usize,
    /// Answers that are made or being sent.
    pub answers: usize,
    /// Work on whole lists.
    pub bulk: usize,
    /// Encoded answers about sessions that are kept.
    pub session_answers: usize,
    /// Encoded pages of task lists that are kept.
    pub pages: usize,
    /// Task lists as they were that are kept.
    pub pasts: usize,
    /// Sessions in memory.
    pub sessions: usize,
    /// Buffers of connections.
    pub connections: usize,
    /// Heads of requests and what answers them.
    pub requests: usize,
    /// Streams of events to browsers.
    pub streams: usize,
    /// Streams of revocations to verifiers elsewhere.
    pub verifiers: usize,
}

impl MemoryPlan {
    /// The plan for a process of `total` bytes of which password hashing takes `hashing`.
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

/// The budgets of a node. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Budgets {
    /// How the memory is divided.
    pub plan: MemoryPlan,
    /// Bodies of requests.
    pub bodies: Budget,
    /// Commands.
    pub commands: Budget,
    /// Appends.
    pub appends: Budget,
    /// Answers.
    pub answers: Budget,
    /// Work on whole lists.
    pub bulk: Budget,
    /// Requests that are being answered.
    pub requests: Budget,
    /// Streams of events.
    pub streams: Budget,
    /// Streams of revocations.
    pub verifiers: Budget,
}

impl Budgets {
    /// Budgets of these sizes. One holder has at most half of each.
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

/// The bytes of memory that this process may have: the machine's, or the limit of its cgroup if that is less.
pub fn available() -> u64 {
    let machine = read("/proc/meminfo").and_then(|text| total_of(&text)).unwrap_or(UNKNOWN);
    cgroup_limits().fold(machine, u64::min)
}

fn read(path: &str) -> Option<String> {
    std::fs::read_to_string(path).ok()
}

/// `MemTotal` of `/proc/meminfo`, which is in KiB.
fn total_of(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// The limits of this process's control groups (versions 2 and 1) and of all groups around them.
fn cgroup_limits() -> impl Iterator<Item = u64> {
    let groups = read("/proc/self/cgroup").unwrap_or_default();
    let files: Vec<String> = groups.lines().filter_map(group_of).flat_map(limit_files).collect();
    // "max", and the number near 2^63 by which version 1 means the same, limit nothing.
    files.into_iter().filter_map(|file| read(&file)?.trim().parse().ok())
}

/// Where the memory controller of a line of `/proc/self/cgroup` is mounted, the file of its limit, and the group's path.
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

/// The files that limit a group: its own, and those of the groups around it.
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
