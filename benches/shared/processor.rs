//! Processor time by process during a measurement, from the kernel's counters (`/proc`).
//!
//! On a machine without `/proc` there are no shares, and the table says so.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

/// Shares of the whole processor, all cores together, from 0 to 1.
#[derive(Debug, Clone, Default)]
pub struct Shares {
    /// Share of Keyfold, or of the limit in its place.
    pub server: f64,
    /// Share of all PostgreSQL processes.
    pub postgres: f64,
    /// Share of everything else: the load generator and the kernel.
    pub others: f64,
}

/// Processor time counters at one moment.
#[derive(Debug)]
pub struct Reading {
    busy: f64,
    all: f64,
    processes: BTreeMap<u32, (String, f64)>,
}

impl Reading {
    /// Reads the counters; `None` without `/proc`.
    pub fn take() -> Option<Self> {
        let stat = fs::read_to_string("/proc/stat").ok()?;
        let ticks: Vec<f64> = stat
            .lines()
            .next()?
            .split_whitespace()
            .skip(1)
            .take(8)
            .filter_map(|ticks| ticks.parse().ok())
            .collect();
        let all: f64 = ticks.iter().sum();
        // The fourth and fifth numbers are idle time and time waiting for I/O.
        let idle: f64 = ticks.iter().skip(3).take(2).sum();
        let entries = fs::read_dir("/proc").ok()?.flatten();
        let processes = entries.filter_map(|entry| {
            let process = entry.file_name().to_str()?.parse().ok()?;
            Some((process, process_ticks(process)?))
        });
        Some(Self { busy: all - idle, all, processes: processes.collect() })
    }

    /// Number of cores, from the ticks counted since the reading and the time passed.
    pub fn cores_until_now(&self, passed: Duration) -> Option<f64> {
        /// Unit of the counters in `/proc`: hundredths of a second, whatever the kernel's own tick is.
        const TICKS: f64 = 100.0;
        Some((Self::take()?.all - self.all) / TICKS / passed.as_secs_f64())
    }

    /// Processor shares since the reading; `server` is a process id.
    pub fn shares_until_now(&self, server: u32) -> Option<Shares> {
        let now = Self::take()?;
        let whole = (now.all - self.all).max(1.0);
        let mut shares = Shares::default();
        for (process, (name, ticks)) in &now.processes {
            let before = self.processes.get(process).map_or(0.0, |(_, ticks)| *ticks);
            let used = (ticks - before) / whole;
            if *process == server {
                shares.server += used;
            } else if name == "postgres" {
                shares.postgres += used;
            }
        }
        shares.others = (now.busy - self.busy) / whole - shares.server - shares.postgres;
        Some(shares)
    }
}

impl Shares {
    /// Text for the table: `processor` or `waiting`, then the shares in descending order.
    pub fn describe(&self) -> String {
        let idle = 1.0 - self.server - self.postgres - self.others;
        let mut parts = vec![
            (self.server, "server"),
            (self.postgres, "PostgreSQL"),
            (self.others, "load and kernel"),
            (idle, "idle"),
        ];
        parts.retain(|(share, _)| *share >= 0.015);
        parts.sort_by(|(one, _), (other, _)| other.total_cmp(one));
        let parts: Vec<_> =
            parts.iter().map(|(share, name)| format!("{name} {:.0} %", share * 100.0)).collect();
        let bound = if idle < 0.1 { "processor" } else { "waiting" };
        format!("{bound}: {}", parts.join(", "))
    }
}

/// Name and processor time of a process, in ticks.
fn process_ticks(process: u32) -> Option<(String, f64)> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name is in parentheses and may contain anything.
    let (before, after) = stat.rsplit_once(')')?;
    let name = before.split_once('(')?.1.to_owned();
    let mut fields = after.split_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((name, user + system))
}

/// Resident memory of a process in megabytes (10⁶ bytes).
pub fn resident_megabytes(process: u32) -> Option<f64> {
    megabytes(process, "VmRSS:")
}

/// A memory size of a process in megabytes: `VmRSS:` for resident memory, `VmHWM:` for its peak.
pub fn megabytes(process: u32, name: &str) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kibibytes: f64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1024.0 / 1e6)
}
