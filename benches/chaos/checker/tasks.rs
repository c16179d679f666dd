//! Check of one user's task list.
//!
//! The check visits the starts and ends of requests in time order. `floor` is the newest version that any client can know:
//! from an acknowledged change, or from a state that a read returned. An operation that starts later must come from that
//! version or a newer one. If several versions explain a read, the check takes the oldest possible one, which is the weakest
//! assumption; so a violation is one under every explanation.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use super::history::{Action, Digest, Logged, Moment, Outcome, Span, TaskOperation, Value};
use super::{Kind, Verdict};

/// Half-open range of versions `[first, second)` in which a task had a value.
type Reign = (usize, usize);

/// Index of one list's log, by value, task and state.
#[derive(Debug, Default)]
struct Versions {
    wrote: HashMap<Value, usize>,
    twice: HashSet<Value>,
    created: HashMap<Uuid, usize>,
    deleted: HashMap<Uuid, usize>,
    reigns: HashMap<(Uuid, Value), Reign>,
    states: HashMap<Digest, Vec<usize>>,
}

/// Newest version known to any client, and the kind of operation that made it known.
#[derive(Debug, Clone, Copy)]
struct Floor {
    version: usize,
    by_read: bool,
}

/// Checks the operations of clients on a list against the log.
pub fn verify(operations: &[TaskOperation], log: &[Logged]) -> Verdict {
    let versions = Versions::of(log);
    let mut verdict = Verdict::default();
    let mut floor = Floor { version: 0, by_read: false };
    let mut floors = vec![floor; operations.len()];
    for (_, ends, index) in moments(operations) {
        let Some((operation, known)) = operations.get(index).zip(floors.get_mut(index)) else {
            continue;
        };
        if ends {
            if let Some(raised) = versions.judge(operation, *known, &mut verdict)
                && raised.version > floor.version
            {
                floor = raised;
            }
        } else {
            *known = floor;
        }
    }
    verdict
}

/// Starts and ends in time order. At equal times the starts come first, which is the lenient order.
fn moments(operations: &[TaskOperation]) -> Vec<(Moment, bool, usize)> {
    let both = operations.iter().enumerate().flat_map(|(index, operation)| {
        [(operation.span.begun, false, index), (operation.span.ended, true, index)]
    });
    let mut moments: Vec<_> = both.collect();
    moments.sort_unstable();
    moments
}

impl Versions {
    fn of(log: &[Logged]) -> Self {
        let mut versions = Self::default();
        let mut state = Digest::default();
        let mut values: HashMap<Uuid, Value> = HashMap::new();
        versions.states.entry(state).or_default().push(0);
        for (version, logged) in (1..).zip(log) {
            let (Logged::Wrote(task, _) | Logged::Deleted(task)) = *logged;
            if let Some(former) = values.remove(&task) {
                state.toggle(task, former);
                if let Some(reign) = versions.reigns.get_mut(&(task, former)) {
                    reign.1 = version;
                }
            }
            match *logged {
                Logged::Wrote(task, value) => {
                    if versions.wrote.insert(value, version).is_some() {
                        versions.twice.insert(value);
                    }
                    versions.created.entry(task).or_insert(version);
                    versions.reigns.insert((task, value), (version, usize::MAX));
                    values.insert(task, value);
                    state.toggle(task, value);
                }
                Logged::Deleted(task) => {
                    versions.deleted.insert(task, version);
                }
            }
            versions.states.entry(state).or_default().push(version);
        }
        versions
    }

    /// Checks a finished operation against the version known at its start; returns the version known after it.
    fn judge(
        &self,
        operation: &TaskOperation,
        known: Floor,
        verdict: &mut Verdict,
    ) -> Option<Floor> {
        let TaskOperation { span, action } = *operation;
        match action {
            Action::Write(value, outcome) => {
                verdict.check(!self.twice.contains(&value), Kind::MadeTwice, span, || {
                    format!("the value {value} was asked for once and is in the log more often")
                });
                let at = self.wrote.get(&value).copied();
                write(span, &format!("the value {value}"), at, outcome, known, verdict)
            }
            Action::Delete(task, outcome) => {
                let at = self.deleted.get(&task).copied();
                let what = format!("the deletion of {task}");
                // Another client may have deleted the task: then a refusal says nothing about this version.
                let outcome = if outcome == Outcome::Failed { Outcome::Unknown } else { outcome };
                let at = if outcome == Outcome::Done { at } else { None };
                write(span, &what, at, outcome, known, verdict)
            }
            Action::SawList(state) => {
                let reigns = self.states.get(&state).map(Vec::as_slice).unwrap_or_default();
                let reigns: Vec<Reign> = reigns.iter().map(|at| (*at, *at + 1)).collect();
                read(span, "the list", &reigns, known, verdict)
            }
            Action::SawTask(task, Some(value)) => {
                let reign = self.reigns.get(&(task, value)).copied();
                let what = format!("the value {value} of {task}");
                read(span, &what, reign.as_slice(), known, verdict)
            }
            Action::SawTask(task, None) => {
                let created = self.created.get(&task).copied().unwrap_or(usize::MAX);
                let mut reigns = vec![(0, created)];
                reigns.extend(self.deleted.get(&task).map(|deleted| (*deleted, usize::MAX)));
                read(span, &format!("the absence of {task}"), &reigns, known, verdict)
            }
        }
    }
}

fn write(
    span: Span,
    what: &str,
    at: Option<usize>,
    outcome: Outcome,
    known: Floor,
    verdict: &mut Verdict,
) -> Option<Floor> {
    match outcome {
        Outcome::Done => verdict.check(at.is_some(), Kind::LostWrite, span, || {
            format!("{what} was answered as done and is not in the log")
        }),
        Outcome::Failed => verdict.check(at.is_none(), Kind::RefusedButMade, span, || {
            format!("{what} was answered as not done and is in the log")
        }),
        Outcome::Unknown => {}
    }
    let version = at?;
    verdict.check(version > known.version, Kind::WriteOutOfOrder, span, || {
        format!("{what} became version {version}; {} was known before", known.version)
    });
    // A change of unknown outcome may take effect after the client has stopped waiting for it.
    (outcome == Outcome::Done).then_some(Floor { version, by_read: false })
}

fn read(
    span: Span,
    what: &str,
    reigns: &[Reign],
    known: Floor,
    verdict: &mut Verdict,
) -> Option<Floor> {
    let possible = reigns.iter().filter(|(_, until)| *until > known.version);
    let version = possible.map(|(from, _)| (*from).max(known.version)).min();
    let kind = match (reigns.is_empty(), known.by_read) {
        (true, _) => Kind::UnexplainedRead,
        (false, true) => Kind::NonMonotonicRead,
        (false, false) => Kind::StaleRead,
    };
    verdict.check(version.is_some(), kind, span, || {
        format!("{what} is of the versions {reigns:?}; {} was known before", known.version)
    });
    version.map(|version| Floor { version, by_read: true })
}
