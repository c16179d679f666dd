//! Child processes that are killed, frozen and thawed; none of them outlives this program.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use anyhow::Context;
pub use rustix::process::Signal;
use rustix::process::{Pid, kill_process};

/// Shell script that kills the registered processes and removes the directory of a run that ended without doing so itself:
/// it waits until the pipe from this program closes.
const LIFELINE: &str = r#"
trap '' HUP INT TERM
while read -r line; do :; done
for pid in $(cat "$1/pids"); do kill -KILL "$pid"; done 2>/dev/null
rm -rf "$1"
"#;

/// Kills every registered process and removes the run's directory as soon as this program ends, in whatever way.
#[derive(Debug)]
pub struct Lifeline {
    directory: PathBuf,
    pids: Mutex<BTreeSet<u32>>,
    shell: Child,
}

impl Lifeline {
    /// Starts the shell that guards the directory of this run.
    ///
    /// # Errors
    ///
    /// If `/bin/sh` cannot be started.
    pub fn new(directory: &Path) -> anyhow::Result<Self> {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", LIFELINE, "lifeline"]).arg(directory);
        // Own process group, so that Ctrl-C does not reach the shell.
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let shell = command.stdin(Stdio::piped()).spawn().context("there is no /bin/sh")?;
        let lifeline = Self { directory: directory.to_owned(), pids: Mutex::default(), shell };
        lifeline.edit(|_| {})?;
        Ok(lifeline)
    }

    /// Registers processes that must end with this program.
    ///
    /// # Errors
    ///
    /// If the list of processes cannot be written.
    pub fn hold(&self, pids: &[u32]) -> anyhow::Result<()> {
        self.edit(|held| held.extend(pids))
    }

    /// Removes processes that have ended, or that this program must no longer kill.
    ///
    /// # Errors
    ///
    /// If the list of processes cannot be written.
    pub fn release(&self, pids: &[u32]) -> anyhow::Result<()> {
        self.edit(|held| held.retain(|pid| !pids.contains(pid)))
    }

    fn edit(&self, edit: impl FnOnce(&mut BTreeSet<u32>)) -> anyhow::Result<()> {
        let mut pids = self.pids.lock().unwrap_or_else(PoisonError::into_inner);
        edit(&mut pids);
        let mut file = fs::File::create(self.directory.join("pids"))?;
        for pid in &*pids {
            writeln!(file, "{pid}")?;
        }
        Ok(())
    }
}

impl Drop for Lifeline {
    fn drop(&mut self) {
        // The shell acts as soon as its standard input closes.
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
    }
}

/// Sends a signal to a process. A process that has ended meanwhile is no error.
///
/// # Errors
///
/// If this program may not signal the process.
pub fn signal(pid: u32, signal: Signal) -> anyhow::Result<()> {
    let raw = i32::try_from(pid).ok().and_then(Pid::from_raw);
    match kill_process(raw.context("not a process id")?, signal) {
        Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
        Err(error) => Err(error).with_context(|| format!("cannot signal the process {pid}")),
    }
}

/// Process ids of the children of a process.
///
/// # Errors
///
/// If the operating system does not provide the information.
pub fn children(parent: u32) -> anyhow::Result<Vec<u32>> {
    if !Path::new("/proc/self/stat").exists() {
        return children_by_ps(parent);
    }
    let pids = fs::read_dir("/proc")?
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    Ok(pids.filter(|pid| parent_of(*pid) == Some(parent)).collect())
}

/// Parent of a process: the second field after the command's name. The name may contain anything, but its closing
/// parenthesis is the last one of the line.
fn parent_of(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, after) = stat.rsplit_once(')')?;
    after.split_whitespace().nth(1)?.parse().ok()
}

/// Fallback for systems without `/proc`.
fn children_by_ps(parent: u32) -> anyhow::Result<Vec<u32>> {
    let output = Command::new("ps").args(["-A", "-o", "pid=,ppid="]).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let pairs = text.lines().filter_map(|line| {
        let mut fields = line.split_whitespace().map(str::parse::<u32>);
        Some((fields.next()?.ok()?, fields.next()?.ok()?))
    });
    Ok(pairs.filter(|(_, of)| *of == parent).map(|(pid, _)| pid).collect())
}

/// Freezes a process and all its children, including those forked meanwhile; returns the frozen process ids.
///
/// # Errors
///
/// If the processes cannot be found or signalled.
pub fn freeze_family(parent: u32) -> anyhow::Result<Vec<u32>> {
    let mut frozen = vec![parent];
    signal(parent, Signal::STOP)?;
    loop {
        let new: Vec<_> =
            children(parent)?.into_iter().filter(|child| !frozen.contains(child)).collect();
        if new.is_empty() {
            return Ok(frozen);
        }
        for child in new {
            signal(child, Signal::STOP)?;
            frozen.push(child);
        }
    }
}

/// Returns a TCP port that is free at the moment.
///
/// # Errors
///
/// If no port is free.
pub fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
