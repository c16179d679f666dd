//! A server under test: the release program in its own process.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::processes::{self, Lifeline, Signal};

/// Configuration and process of a node, kept across its restarts.
#[derive(Debug)]
pub struct Node {
    /// `application_name` of its database sessions.
    pub name: String,
    /// Port for HTTP.
    pub port: u16,
    environment: Vec<(&'static str, String)>,
    log: PathBuf,
    process: Option<Child>,
    lifeline: Arc<Lifeline>,
}

impl Node {
    /// A node that is not started yet.
    pub fn new(
        name: String,
        port: u16,
        logs: &Path,
        mut environment: Vec<(&'static str, String)>,
        lifeline: Arc<Lifeline>,
    ) -> Self {
        environment.push(("KEYFOLD_LISTEN", format!("127.0.0.1:{port}")));
        environment.push(("KEYFOLD_METRICS_LISTEN", "127.0.0.1:0".to_owned()));
        let log = logs.join(format!("{name}.log"));
        Self { name, port, environment, log, process: None, lifeline }
    }

    /// Starts the node and waits until it serves.
    ///
    /// # Errors
    ///
    /// If the server does not start serving.
    pub async fn start(&mut self) -> anyhow::Result<()> {
        let log = File::options().create(true).append(true).open(&self.log)?;
        let mut process = Command::new(env!("CARGO_BIN_EXE_keyfold"))
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            // Own process group: Ctrl-C in the terminal is for this program, which stops its nodes itself.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        self.lifeline.hold(&[process.id().context("the node has ended")?])?;
        let out = process.stdout.take().context("the node has no output")?;
        self.process = Some(process);
        let mut lines = BufReader::new(out).lines();
        while let Some(line) = lines.next_line().await? {
            if line.starts_with("Press Ctrl-C") {
                return Ok(());
            }
        }
        bail!("{} did not start: see {}", self.name, self.log.display())
    }

    /// Runs an operator's command on the node's database and expects success.
    ///
    /// # Errors
    ///
    /// If the command fails.
    pub async fn command(&self, name: &str) -> anyhow::Result<()> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_keyfold"));
        command.arg(name).env_clear();
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.current_dir("/").stdin(Stdio::null()).kill_on_drop(true);
        let output = command.output().await?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "keyfold {name} failed: {said}");
        Ok(())
    }

    /// Kills the node with SIGKILL, without a chance to clean up.
    ///
    /// # Errors
    ///
    /// If the process is not running.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        self.end(Signal::KILL).await
    }

    /// Stops the node as an operator would, with SIGTERM.
    ///
    /// # Errors
    ///
    /// If the process is not running.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        self.end(Signal::TERM).await
    }

    /// Freezes the node with SIGSTOP.
    ///
    /// # Errors
    ///
    /// If the process is not running.
    pub fn freeze(&self) -> anyhow::Result<()> {
        processes::signal(self.pid()?, Signal::STOP)
    }

    /// Resumes a frozen node.
    ///
    /// # Errors
    ///
    /// If the process is not running.
    pub fn thaw(&self) -> anyhow::Result<()> {
        processes::signal(self.pid()?, Signal::CONT)
    }

    /// Returns true while the process runs: a node that exits by itself has failed.
    ///
    /// # Errors
    ///
    /// If the operating system does not provide the information.
    pub fn is_running(&mut self) -> anyhow::Result<bool> {
        let process = self.process.as_mut().context("the node was not started")?;
        Ok(process.try_wait()?.is_none())
    }

    async fn end(&mut self, signal: Signal) -> anyhow::Result<()> {
        let pid = self.pid()?;
        processes::signal(pid, signal)?;
        if let Some(mut process) = self.process.take() {
            process.wait().await?;
        }
        self.lifeline.release(&[pid])
    }

    fn pid(&self) -> anyhow::Result<u32> {
        let running = self.process.as_ref().and_then(Child::id);
        running.with_context(|| format!("{} does not run", self.name))
    }
}
