//! Checks of the database: each turns facts into one finding.

use std::path::Path;
use std::time::Duration;

use super::finding::{Finding, span};
use crate::base::clock::Timestamp;
use crate::base::skew::{ClockVerdict, Round};
use crate::eventlog::cluster::agreement::Disagreement;
use crate::eventlog::log::soundness::HoleSearch;
use crate::postgres::inspection::{NodeSession, Replication, ServerFacts, Standby};

/// Oldest PostgreSQL version that is supported.
const OLDEST: i32 = 140_000;
/// Difference between clocks that deserves a warning.
const SKEW_WARNING: Duration = Duration::from_secs(1);
/// Used part of the notification queue that deserves a warning, and the part at which changes are refused.
const QUEUE_WARNING: f64 = 0.5;
const QUEUE_ERROR: f64 = 0.99;

pub(super) fn database(server: &ServerFacts) -> Finding {
    let ServerFacts { version, address, database, schema, .. } = server;
    let place = address
        .as_ref()
        .map_or_else(|| "a Unix socket".to_owned(), |(host, port)| format!("{host} port {port}"));
    let Some(schema) = schema else {
        let todo = "the connection's search_path names no schema that exists: create it";
        return Finding::error("database", format!("{place} answers, but {todo}"));
    };
    let text = format!("PostgreSQL {version} at {place}, database {database}, schema {schema}");
    if server.version_number < OLDEST {
        return Finding::error("database", format!("{text}: version 14 or later is needed"));
    }
    if !server.takes_writes {
        let todo = "takes no writes: name every host in DATABASE_URL, or promote this one";
        return Finding::error("database", format!("{text}, {todo}"));
    }
    Finding::ok("database", format!("{text}, takes writes"))
}

pub(super) fn sessions(are_own: bool) -> Finding {
    if are_own {
        return Finding::ok("sessions", "each client keeps its own while it is connected");
    }
    let todo = "a pooler lends them per transaction: set pool_mode = session, or name the server itself in DATABASE_URL";
    Finding::error("sessions", todo)
}

pub(super) fn durability(off: &[String], commits_by_default: bool) -> Finding {
    if !off.is_empty() {
        let text = format!(
            "{} off: acknowledged changes are lost when the machine stops; switch on what is off in postgresql.conf",
            off.join(", ")
        );
        return Finding::error("durability", text);
    }
    if !commits_by_default {
        let todo = "set synchronous_commit to on (alter system, alter database, alter role)";
        let text = "synchronous_commit is off: Keyfold switches it on for itself, other programs and psql lose what they \
                    commit when the machine stops";
        return Finding::warning("durability", format!("{text}; {todo}"));
    }
    Finding::ok("durability", "commits are on disk")
}

/// Free bytes below which an operator should make room, and below which PostgreSQL is about to stop.
const LITTLE: u64 = 1024 * 1024 * 1024;
const TOO_LITTLE: u64 = 256 * 1024 * 1024;

/// Disk of a private cluster; that of an external database is out of reach.
pub(super) fn disk(disk: Option<(&Path, u64)>) -> Finding {
    let Some((path, free)) = disk else {
        let todo = "watch the disk of the database's machine";
        return Finding::ok("disk", format!("cannot be checked from here: {todo}"));
    };
    let text = format!("{} MB free at {}", free / 1_000_000, path.display());
    let todo = "a full disk stops all changes: make room, or move the data directory";
    match free {
        ..TOO_LITTLE => Finding::error("disk", format!("{text}, {todo}")),
        TOO_LITTLE..LITTLE => Finding::warning("disk", format!("{text}, {todo}")),
        LITTLE.. => Finding::ok("disk", text),
    }
}

pub(super) fn replication(replication: &Replication) -> Finding {
    let Replication { synchronous_names, standbys } = replication;
    let are_hidden = standbys.iter().any(|standby| standby.sync_state.is_none());
    let is_waited_for =
        |standby: &Standby| matches!(standby.sync_state.as_deref(), Some("sync" | "quorum"));
    let told: Vec<_> = standbys.iter().map(told).collect();
    let told = told.join("; ");
    match (synchronous_names.is_empty(), standbys.is_empty()) {
        (true, true) => Finding::ok("replication", "no standby, commits wait for none"),
        (false, true) => Finding::error(
            "replication",
            format!("commits wait for {synchronous_names}, and no standby is connected: start one"),
        ),
        (_, false) if are_hidden => Finding::warning(
            "replication",
            format!(
                "{} standbys, but this user may not see their state: grant it pg_monitor",
                standbys.len()
            ),
        ),
        (true, false) => Finding::warning(
            "replication",
            format!(
                "{told}: commits wait for none, so a fail-over may lose some; set synchronous_standby_names"
            ),
        ),
        (false, false) if standbys.iter().any(is_waited_for) => Finding::ok("replication", told),
        (false, false) => Finding::error(
            "replication",
            format!("commits wait for {synchronous_names}, which is none of: {told}"),
        ),
    }
}

fn told(standby: &Standby) -> String {
    let Standby { name, address, state, sync_state } = standby;
    let name = name.as_deref().unwrap_or("a standby");
    let address = address.as_deref().unwrap_or("a Unix socket");
    let state = state.as_deref().unwrap_or("unknown");
    format!("{name} at {address} is {state} ({})", sync_state.as_deref().unwrap_or("unknown"))
}

pub(super) fn nodes(nodes: &[NodeSession], now: Timestamp) -> Finding {
    let told: Vec<_> = nodes.iter().map(|node| node_told(node, now)).collect();
    match nodes {
        [] => Finding::warning("nodes", "no server runs on this schema: start one"),
        [_] => Finding::ok("nodes", told.join("; ")),
        [_, _, ..] => Finding::ok("nodes", format!("{}: {}", nodes.len(), told.join("; "))),
    }
}

pub(super) fn disagreement(disagreements: &[Disagreement]) -> Finding {
    let told: Vec<_> = disagreements.iter().map(ToString::to_string).collect();
    let todo = "set the same values on all of them";
    Finding::error("nodes", format!("servers have other settings, {}: {todo}", told.join("; ")))
}

/// Notification queue: only a session that listens inside a transaction keeps PostgreSQL from emptying it.
pub(super) fn notifications(used: f64) -> Option<Finding> {
    let todo = "end the oldest transaction of a session that listens (select pid, state, xact_start from pg_stat_activity \
                order by xact_start)";
    let text = format!("{:.0}% of PostgreSQL's queue of notifications is used", used * 100.0);
    if used >= QUEUE_ERROR {
        return Some(Finding::error("queue", format!("{text}, and no change is accepted: {todo}")));
    }
    (used >= QUEUE_WARNING).then(|| {
        Finding::warning("queue", format!("{text}; when it is full, no change is accepted: {todo}"))
    })
}

fn node_told(node: &NodeSession, now: Timestamp) -> String {
    let name = node.name.as_deref().unwrap_or("a server");
    let address = node.address.as_deref().unwrap_or("a Unix socket");
    let since =
        node.since.map_or_else(String::new, |since| format!(" for {}", span(now.since(since))));
    let mode = if node.is_single { "single" } else { "cluster" };
    format!("{name} from {address}{since}, {mode} mode")
}

/// Facts about the log.
#[derive(Debug, Clone, Copy)]
pub(super) struct Log {
    /// Position of the last event; 0 in an empty log.
    pub(super) head: i64,
    /// Date of the last event; `None` in an empty log.
    pub(super) last_at: Option<Timestamp>,
    /// Result of the search for holes, which may have stopped early.
    pub(super) looked: HoleSearch,
}

pub(super) fn log(log: Log, now: Timestamp) -> Finding {
    let Log { head, last_at, looked } = log;
    if let Some(hole) = looked.hole {
        let text = "so something was deleted: stop the servers and restore a backup";
        return Finding::error("log", format!("there is no event at position {hole}, {text}"));
    }
    let holes = match looked.after {
        0 => "no hole".to_owned(),
        after => format!("no hole after position {after}, older events were not checked"),
    };
    match last_at {
        Some(at) => {
            let ago = span(now.since(at));
            Finding::ok(
                "log",
                format!("position {head}, {holes}, the last event {ago} ago at {at}"),
            )
        }
        None => Finding::ok("log", "position 0, nothing has happened yet"),
    }
}

/// Dates ahead of the time: a clock was wrong when they were written.
pub(super) fn dates(newest: Option<Timestamp>, now: Timestamp) -> Finding {
    match newest {
        Some(at) if at > now.after(SKEW_WARNING) => {
            let ahead = span(at.since(now));
            let todo = "check NTP on every machine that runs a server; the log is not rewritten, and lists of tasks that have \
                        such a date go on from it until it has passed";
            Finding::warning(
                "dates",
                format!("an event is dated {at}, {ahead} ahead of now: a clock was wrong; {todo}"),
            )
        }
        Some(_) | None => Finding::ok("dates", "no event is dated ahead of now"),
    }
}

/// Rows that the read models lack according to the newest events.
pub(super) fn read_models(missing: &[(&str, i64)], events: i64) -> Finding {
    let lacking = missing.iter().filter(|(_, count)| *count > 0);
    let lacking: Vec<_> = lacking.map(|(table, count)| format!("{table} {count}")).collect();
    if lacking.is_empty() {
        let text = format!("match the newest {events} events");
        return Finding::ok("read models", text);
    }
    let text = format!("rows are missing ({}): run `keyfold replay`", lacking.join(", "));
    Finding::error("read models", text)
}

/// Judges by the shortest round, which is the most exact.
pub(super) fn clock(rounds: &[Round]) -> Option<Finding> {
    let best = rounds.iter().min_by_key(|round| round.took)?;
    if best.apart() <= SKEW_WARNING {
        return Some(Finding::ok("clock", "within 1s of the database's"));
    }
    let text = format!("this machine is {} the database: set both by NTP", best.text());
    Some(match best.verdict() {
        ClockVerdict::Wrong => {
            Finding::error("clock", format!("{text}; until then a server refuses requests"))
        }
        ClockVerdict::Right | ClockVerdict::Unknown => {
            Finding::warning("clock", format!("{text}, tokens and the lead of keys depend on it"))
        }
    })
}

#[cfg(test)]
mod tests;
