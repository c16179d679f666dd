//! Identity of a server's process, and the proof that an earlier one has ended.
//!
//! A server that is started again must not wait for a session that its predecessor left in the database. The end of the
//! predecessor is known for certain on the same machine only: by the process id and the start of that process, within the
//! same boot and the same namespace of process ids; or because the machine was booted since. Of any other process nothing
//! is known but what the database says.

use std::fs;

use rustix::io::Errno;
use rustix::process::{Pid, getpid, test_kill_process};

/// A process, as other processes may know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incarnation {
    /// The name of the machine or container.
    pub host: String,
    /// Process id there, in the namespace of the process.
    pub process: i32,
    /// Facts by which a successor can tell that it has ended; Linux only.
    facts: Option<Facts>,
}

/// Facts by which a process can be told to have ended. No part holds white space.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Facts {
    /// Identity of the machine, if that is known (`machine-id(5)`).
    machine: String,
    /// Identity of the boot, a new one after each (`/proc/sys/kernel/random/boot_id`).
    boot: String,
    /// Namespace in which process ids are counted (`pid_namespaces(7)`).
    namespace: String,
    /// Process id, which is reused after its end.
    process: i32,
    /// Start in ticks since the boot (`proc_pid_stat(5)`, field 22), which distinguishes it from a later process with its
    /// id.
    began: u64,
}

/// Placeholder of a machine that has no identity.
const NO_MACHINE: &str = "-";

impl Incarnation {
    /// The incarnation of the running process.
    pub fn of_this_process() -> Self {
        let process = Pid::as_raw(Some(getpid()));
        let host = read("/proc/sys/kernel/hostname").unwrap_or_else(|| "this machine".to_owned());
        Self { host, process, facts: Facts::of_this_process(process) }
    }

    /// Its facts in the form in which they are stored, for a successor.
    pub(super) fn facts(&self) -> Option<String> {
        self.facts.as_ref().map(Facts::to_text)
    }

    /// Returns true if the process that stored these facts, on a machine of this name, has ended for certain.
    pub(super) fn outlives(&self, host: &str, facts: Option<&str>) -> bool {
        let (Some(own), Some(other)) = (&self.facts, facts.and_then(Facts::parse)) else {
            return false;
        };
        if own.boot == other.boot {
            return own.namespace == other.namespace && !other.is_alive();
        }
        // The machine was booted since. Copies of a machine have one identity, but each a name of its own.
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

    /// Returns true if it still runs. Asked only in the boot and namespace of its process id, which another process may
    /// have meanwhile.
    fn is_alive(&self) -> bool {
        let Some(pid) = Pid::from_raw(self.process) else { return false };
        if test_kill_process(pid) == Err(Errno::SRCH) {
            return false;
        }
        // The start of another user's process may be hidden.
        began(self.process).is_none_or(|began| began == self.began)
    }
}

/// Start of a process in ticks since the boot.
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
