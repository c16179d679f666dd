//! The release server in its own process, with minimal configuration, on a private cluster.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use keyfold::postgres::Connection;
use keyfold::postgres::private_cluster::{ClusterConfig, PrivateCluster};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// Timeout of the wait for a line of the log, and the interval of looking for it.
const LOG_TIMEOUT: Duration = Duration::from_secs(5);
const LOG_INTERVAL: Duration = Duration::from_millis(5);

/// A running server.
#[derive(Debug)]
pub struct Server {
    child: Child,
    data: PathBuf,
    /// Base URL: `http://127.0.0.1:PORT`
    pub url: String,
    /// URL of the metrics endpoint.
    pub metrics: String,
    /// Time from the start of the process to readiness.
    pub started_in: Duration,
}

impl Server {
    /// Starts a server on the data directory of this name, which is created if missing.
    ///
    /// # Errors
    ///
    /// If the server does not start serving.
    pub async fn start(name: &str) -> anyhow::Result<Self> {
        Self::start_with(name, &[]).await
    }

    /// Starts a server with additional environment variables.
    ///
    /// # Errors
    ///
    /// If the server does not start serving.
    pub async fn start_with(name: &str, variables: &[(&str, &str)]) -> anyhow::Result<Self> {
        Self::start_program(name, Command::new(env!("CARGO_BIN_EXE_keyfold")), variables).await
    }

    /// Starts a given server program, which may be another build than this one.
    ///
    /// # Errors
    ///
    /// If the server does not start serving.
    pub async fn start_program(
        name: &str,
        mut program: Command,
        variables: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        let scratch = crate::scratch()?;
        let data = scratch.join(name);
        let log = scratch.join(format!("{name}.log"));
        keep(&log)?;
        let begun = Instant::now();
        let mut child = program
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("KEYFOLD_LISTEN", "127.0.0.1:0")
            .env("KEYFOLD_METRICS_LISTEN", "127.0.0.1:0")
            .env("KEYFOLD_DATA", &data)
            .envs(variables.iter().copied())
            // Fixed issuer, independent of the port.
            .env("KEYFOLD_PUBLIC_URL", "http://localhost")
            .current_dir(&scratch)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&log)?)
            .kill_on_drop(true)
            .spawn()?;
        let out = child.stdout.take().context("the server has no output")?;
        let mut lines = BufReader::new(out).lines();
        let mut metrics = String::new();
        while let Some(line) = lines.next_line().await? {
            if let Some(shown) = line.trim_start().strip_prefix("Metrics ") {
                shown.trim_start().clone_into(&mut metrics);
            }
            if line.starts_with("Press Ctrl-C") {
                let started_in = begun.elapsed();
                let url = address(&log).await?;
                return Ok(Self { child, data, url, metrics, started_in });
            }
        }
        bail!("the server did not start: see {}", log.display())
    }

    /// Process id of the server.
    pub fn process(&self) -> u32 {
        self.child.id().unwrap_or_default()
    }

    /// Data directory of the server.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Connection settings of the server's database.
    ///
    /// # Errors
    ///
    /// If the cluster is not available.
    pub async fn database(&self) -> anyhow::Result<Connection> {
        database(&self.data).await
    }

    /// Returns true if the process has ended by itself.
    ///
    /// # Errors
    ///
    /// If the operating system does not provide the information.
    pub fn has_ended(&mut self) -> anyhow::Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }

    /// Stops the server, and kills it if it takes longer than `patience`.
    ///
    /// # Errors
    ///
    /// If the process cannot be signalled or waited for.
    pub async fn end(&mut self, patience: Duration) -> anyhow::Result<()> {
        if let Some(process) = self.child.id() {
            Command::new("kill").arg(process.to_string()).status().await?;
        }
        if tokio::time::timeout(patience, self.child.wait()).await.is_err() {
            self.child.kill().await?;
        }
        Ok(())
    }

    /// Stops the server as an operator would, with SIGTERM.
    ///
    /// # Errors
    ///
    /// If the process does not exit successfully.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        let stop = Command::new("kill").arg(self.process().to_string()).status().await?;
        ensure!(stop.success(), "the server cannot be told to stop");
        let ended = self.child.wait().await?;
        ensure!(ended.success(), "the server ended with {ended}");
        Ok(())
    }
}

/// Connection settings of the private cluster in a data directory.
///
/// # Errors
///
/// If the cluster is not available.
pub async fn database(data: &Path) -> anyhow::Result<Connection> {
    let config = ClusterConfig { data: data.to_owned(), binaries: None, run_as: None, sessions: 0 };
    Ok(PrivateCluster::join_or_start(&config).await?.connection())
}

/// Renames the log of an earlier server, so that the reason for its end stays readable.
fn keep(log: &Path) -> std::io::Result<()> {
    let name = |number: u32| log.with_extension(format!("{number}.log"));
    match (1..1_000).map(name).find(|name| !name.exists()) {
        Some(free) if log.exists() => std::fs::rename(log, free),
        Some(_) | None => Ok(()),
    }
}

/// Base URL of the server, from the address in its log. The server announces itself on its output at once, while a thread
/// of its own writes the log: the line may come a moment later.
async fn address(log: &Path) -> anyhow::Result<String> {
    let begun = Instant::now();
    while begun.elapsed() < LOG_TIMEOUT {
        let text = std::fs::read_to_string(log)?;
        let rest = text.split_once("listening address=").map(|(_, rest)| rest);
        if let Some((address, _)) = rest.and_then(|rest| rest.split_once(char::is_whitespace)) {
            return Ok(format!("http://{address}"));
        }
        tokio::time::sleep(LOG_INTERVAL).await;
    }
    bail!("the server did not say where it listens: see {}", log.display())
}
