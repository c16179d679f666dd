//! The running PostgreSQL server, tied to the life of this process.
//!
//! A small shell script (`lifeline.sh`) stands between: it starts PostgreSQL and stops it when the pipe on its standard
//! input closes, which happens when this process ends, in whatever way. Both are in a process group of their own, so Ctrl-C
//! in a terminal reaches only the Keyfold server, which then stops PostgreSQL last.

use std::ffi::OsString;
use std::fs::File;
use std::future::Future;
use std::io::{self, PipeWriter};
use std::process::ExitStatus;
use std::time::Duration;

use tokio::process::Command;
use tokio::sync::watch;

/// Shell script that runs PostgreSQL while its standard input is open.
const LIFELINE: &str = include_str!("lifeline.sh");

/// PostgreSQL server that ends with this value.
#[derive(Debug)]
pub(crate) struct Postmaster {
    /// Write end of the script's standard input: dropping it stops PostgreSQL.
    lifeline: PipeWriter,
    /// Exit status of the script, once it has one; a closed channel without a status means that none could be read.
    ended: watch::Receiver<Option<ExitStatus>>,
    /// Process id of the script, for tests that kill it.
    #[cfg(test)]
    wrapper: Option<u32>,
}

impl Postmaster {
    /// Starts PostgreSQL through the script, with its output in a log.
    ///
    /// `command` is a shell that runs as the cluster's user, `server` is PostgreSQL with its arguments.
    pub(super) fn launch(
        mut command: Command,
        server: Vec<OsString>,
        log: &File,
    ) -> io::Result<Self> {
        let (reader, lifeline) = io::pipe()?;
        command.args(["-c", LIFELINE, "keyfold-lifeline"]).args(server);
        command.stdin(reader).stdout(log.try_clone()?).stderr(log.try_clone()?).process_group(0);
        let mut child = command.spawn()?;
        #[cfg(test)]
        let wrapper = child.id();
        let (sender, ended) = watch::channel(None);
        watch_over(async move {
            let status = child.wait().await;
            // A child whose status cannot be read has ended as well; the closed channel tells that.
            sender.send_replace(status.ok());
        });
        Ok(Self {
            lifeline,
            ended,
            #[cfg(test)]
            wrapper,
        })
    }

    /// Resolves when PostgreSQL has ended, with its exit code or signal.
    pub(crate) async fn ended(&self) -> String {
        let mut ended = self.ended.clone();
        let status = ended.wait_for(Option::is_some).await.map(|status| *status);
        status.ok().flatten().map_or_else(|| "unknown status".to_owned(), describe)
    }

    /// Exit code or signal of PostgreSQL, if it has ended.
    pub(crate) fn outcome(&self) -> Option<String> {
        self.ended.borrow().map(describe)
    }

    /// Closes the lifeline, which shuts PostgreSQL down in order; `false` if it does not end in time.
    pub(crate) async fn release(self, limit: Duration) -> bool {
        let Self { lifeline, mut ended, .. } = self;
        drop(lifeline);
        tokio::time::timeout(limit, ended.wait_for(Option::is_some)).await.is_ok()
    }

    /// Process id of the script.
    #[cfg(test)]
    pub(crate) fn wrapper(&self) -> Option<u32> {
        self.wrapper
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the task ends with the process it waits for, which the lifeline ends"
)]
fn watch_over(waiting: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(waiting);
}

/// Describes the script's exit code; above 128 it stands for the signal that ended PostgreSQL.
fn describe(status: ExitStatus) -> String {
    match status.code() {
        Some(code @ 129..) => format!("signal {}", code - 128),
        Some(code) => format!("exit code {code}"),
        None => status.to_string(),
    }
}
