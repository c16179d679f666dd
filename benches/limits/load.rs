//! Load generator: wrk, with `load.lua` choosing the requests.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::{Context, ensure};
use serde::Deserialize;
use tokio::process::Command;

use crate::figures::Figure;
use crate::processor::Reading;

/// Duration of one run.
pub const SECONDS: u32 = 2;
/// Default number of connections; [`Load::over`] changes it for one workload.
pub const CONNECTIONS: u32 = 64;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/limits/load.lua");

/// Requests that wrk repeats in a loop.
#[derive(Debug, Clone)]
pub struct Load {
    requests: PathBuf,
    connections: u32,
    pause_ms: u32,
    refused: bool,
}

#[derive(Debug, Deserialize)]
struct Report {
    requests: u64,
    seconds: f64,
    p50: f64,
    p99: f64,
    refused: u64,
    failed: u64,
}

impl Load {
    /// A load of these requests in turn, over [`CONNECTIONS`] connections.
    ///
    /// # Errors
    ///
    /// If the file for the load generator cannot be written.
    pub fn of(name: &str, requests: &[String]) -> anyhow::Result<Self> {
        let path = crate::scratch()?.join(format!("{name}.requests"));
        let mut text = String::new();
        for request in requests {
            writeln!(text, "{}\n{request}", request.len())?;
        }
        std::fs::write(&path, text)?;
        Ok(Self { requests: path, connections: CONNECTIONS, pause_ms: 0, refused: false })
    }

    /// Sets the number of connections.
    pub fn over(self, connections: u32) -> Self {
        Self { connections, ..self }
    }

    /// Adds a pause between two requests of one connection.
    pub fn paced(self, pause_ms: u32) -> Self {
        Self { pause_ms, ..self }
    }

    /// Expects every response to be an error status.
    pub fn refused(self) -> Self {
        Self { refused: true, ..self }
    }

    /// Sends the requests to a server for [`SECONDS`]. `server` is its process id, whose processor time is measured.
    ///
    /// # Errors
    ///
    /// If a response is missing or unexpected: a fast failure is no result.
    pub async fn run(&self, url: &str, server: u32) -> anyhow::Result<Figure> {
        let before = Reading::take();
        let threads = self.connections.min(2);
        let output = Command::new("wrk")
            .args(["--threads", &threads.to_string()])
            .args(["--connections", &self.connections.to_string()])
            .args(["--duration", &format!("{SECONDS}s"), "--timeout", "10s"])
            .args(["--script", SCRIPT, url, "--"])
            .arg(&self.requests)
            .arg(self.pause_ms.to_string())
            .kill_on_drop(true)
            .output()
            .await
            .context("wrk does not run; `make bench` installs it")?;
        let shares = before.and_then(|before| before.shares_until_now(server));
        let text = String::from_utf8_lossy(&output.stdout);
        let line = text.lines().rfind(|line| line.starts_with('{'));
        let line = line.with_context(|| {
            format!("wrk reported nothing: {text}{}", String::from_utf8_lossy(&output.stderr))
        })?;
        let report: Report = serde_json::from_str(line)?;
        let expected = if self.refused { report.requests } else { 0 };
        ensure!(
            report.failed == 0 && report.refused == expected && report.requests > 0,
            "not every answer was the expected one: {line}"
        );
        #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
        let value = report.requests as f64 / report.seconds;
        let (p50, p99) = (Some(report.p50), Some(report.p99));
        Ok(Figure { value, p50, p99, shares, ..Figure::default() })
    }
}

/// A complete GET request, without a body.
pub fn get(path: &str, headers: &[(&str, &str)]) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{}\r\n", lines(headers))
}

/// A complete POST request with a JSON body.
pub fn post(path: &str, headers: &[(&str, &str)], body: &str) -> String {
    with_body("POST", path, headers, body)
}

/// A complete request with any method and a JSON body.
pub fn with_body(method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> String {
    format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n{}\r\n{body}",
        body.len(),
        lines(headers),
    )
}

fn lines(headers: &[(&str, &str)]) -> String {
    headers.iter().fold(String::new(), |mut lines, (name, value)| {
        let _ = write!(lines, "{name}: {value}\r\n");
        lines
    })
}
