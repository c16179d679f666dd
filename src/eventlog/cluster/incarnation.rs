//! Which process of which machine a server is, and whether another one has ended.
//!
//! A server that is started again must not wait for a session that its predecessor left in the database. Whether that has
//! ended is known for certain on the same machine only: by the process id and when that process began, within the same
//! boot and the same namespace of process ids; or because the machine was booted since. Of everybody else nothing is known
//! but what the database says.

use std::fs;

use rustix::io::Errno;
use rustix::process::{Pid, getpid, test_kill_process};

/// A process, as other processes may know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incarnation {
    /// The name of the machine or container.
    pub host: String,
    /// Its process id there.
    pub process: i32,
    /// Told by Linux alone.
    facts: Option<Facts>,
}

/// What tells whether it has ended. No part holds white space.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Facts {
    /// Which machine it is, if that is known (`machine-id(5)`).
    machine: String,
    /// Another one after every boot (`/proc/sys/kernel/random/boot_id`).
    boot: String,
    /// In which process ids are counted (`pid_namespaces(7)`).
    namespace: String,
    process: i32,
    /// When it began, in ticks since the boot (`proc_pid_stat(5)`, field 22).
    began: u64,
}

/// What stands for a machine that has no identity.
const NO_MACHINE: &str = "-";

impl Incarnation {
    /// This process.
    pub fn of_this_process() -> Self {
        let process = Pid::as_raw(Some(getpid()));
        let host = read("/proc/sys/kernel/hostname").unwrap_or_else(|| "this machine".to_owned());
        Self { host, process, facts: Facts::of_this_process(process) }
    }

    /// What is written down of it, for whoever comes after it.
    pub(super) fn facts(&self) -> Option<String> {
        self.facts.as_ref().map(Facts::to_text)
    }

    /// Whether the process of which this was written down, on a machine of this name, has ended for certain.
    pub(super) fn outlives(&self, host: &str, facts: Option<&str>) -> bool {
        let (Some(own), Some(other)) = (&self.facts, facts.and_then(Facts::parse)) else {
            return false;
        };
        if own.boot == other.boot {
            return own.namespace == other.namespace && !other.is_alive();
        }
        // Booted since. Machines that were copied have the same identity, and a name of their own.
        own.machine != NO_MACHINE && own.machine == other.machine && self.host == host
    }
}

impl Facts {
    fn of_this_process(process: i32) -> Option<Self> {
        Some(Self {
            machine: read("/etc/machine-id").unwrap_or_else(|| NO_MACHINE.to_owned()),
            boot: read("/proc/sys/kernel/random/boot_id")?,
            namespace: fs::read_link("/proc/self/ns/pid").ok()?.to_str()?.to_owned(),
            process,
            began: began(process)?,
        })
    }

    fn to_text(&self) -> String {
        let Self { machine, boot, namespace, process, began } = self;
        format!("{machine} {boot} {namespace} {process} {began}")
    }

    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let mut word = || words.next().map(str::to_owned);
        let (machine, boot, namespace) = (word()?, word()?, word()?);
        let (process, began) = (word()?.parse().ok()?, word()?.parse().ok()?);
        Some(Self { machine, boot, namespace, process, began })
    }

    /// Whether it runs still, where its process id means this one. Another process may have its id meanwhile.
    fn is_alive(&self) -> bool {
        let Some(pid) = Pid::from_raw(self.process) else { return false };
        if test_kill_process(pid) == Err(Errno::SRCH) {
            return false;
        }
        // That of somebody else may be hidden.
        began(self.process).is_none_or(|began| began == self.began)
    }
}

/// When a process began.
fn began(process: i32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name of the program, in parentheses, may hold anything.
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(19)?.parse().ok()
}

/// The text of a file of one line, if there is any.
fn read(path: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let text = text.trim();
    let is_word = !text.is_empty() && !text.contains(char::is_whitespace);
    is_word.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(machine: &str, boot: &str, namespace: &str, process: i32, began: u64) -> Facts {
        let [machine, boot, namespace] = [machine, boot, namespace].map(ToOwned::to_owned);
        Facts { machine, boot, namespace, process, began }
    }

    fn here(facts: Facts) -> Incarnation {
        Incarnation { host: "here".to_owned(), process: facts.process, facts: Some(facts) }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_has_not_ended_and_what_is_written_of_it_can_be_read() {
        let this = Incarnation::of_this_process();
        let text = this.facts().unwrap();
        assert_eq!(Facts::parse(&text), this.facts);
        assert!(!this.outlives(&this.host, Some(&text)));
        let mut reused = this.facts.clone().unwrap();
        reused.began += 1;
        assert!(this.outlives(&this.host, Some(&reused.to_text())), "another process has its id");
        let mut gone = this.facts.clone().unwrap();
        gone.process = i32::MAX;
        assert!(this.outlives(&this.host, Some(&gone.to_text())));
    }

    #[test]
    fn of_a_process_that_cannot_be_looked_at_nothing_is_known() {
        let own = here(facts("m", "boot", "pid:[1]", 7, 1));
        for (host, other, has_ended) in [
            ("here", Some(facts("m", "boot", "pid:[2]", i32::MAX, 1)), false),
            ("here", Some(facts("m", "earlier", "pid:[2]", i32::MAX, 1)), true),
            ("there", Some(facts("m", "earlier", "pid:[1]", i32::MAX, 1)), false),
            ("here", Some(facts("other", "earlier", "pid:[1]", i32::MAX, 1)), false),
            ("here", None, false),
        ] {
            let text = other.as_ref().map(Facts::to_text);
            assert_eq!(own.outlives(host, text.as_deref()), has_ended, "{host} {other:?}");
        }
        let nameless = here(facts(NO_MACHINE, "boot", "pid:[1]", 7, 1));
        let earlier = facts(NO_MACHINE, "earlier", "pid:[1]", 7, 1).to_text();
        assert!(!nameless.outlives("here", Some(&earlier)));
        assert!(!own.outlives("here", Some("no such words")));
    }
}
