//! A list of 10,000 tasks in Chromium, scrolled from top to bottom.
//!
//! The script in `tests/browser/measure` reads the clock of the page itself.

use anyhow::{Context, ensure};
use serde::Deserialize;
use tokio::process::Command;

use crate::figures::{Figure, Goal, RUNS, Row};
use crate::server::Server;

const SCRIPT: &str = "tests/browser/measure/long-list.mjs";

/// Times in milliseconds from one run of the script.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Measured {
    first_rows: f64,
    click: f64,
    elsewhere: f64,
}

pub async fn measure() -> anyhow::Result<Vec<Row>> {
    let server = Server::start("browser").await?;
    let mut runs = Vec::new();
    for _ in 0..RUNS {
        runs.push(run(&server.url).await?);
    }
    server.stop().await?;
    let row = |workload: &str, of: fn(&Measured) -> f64, goal: f64| {
        let figures = runs.iter().map(|run| Figure::of(of(run))).collect();
        Row::alone(workload, "ms", figures, Goal::AtMost(goal))
    };
    Ok(vec![
        row("the first rows of 10,000 tasks in Chromium", |run| run.first_rows, 1000.0),
        row("a click that completes a task, until it is drawn", |run| run.click, 50.0),
        row("the same done elsewhere, until it shows", |run| run.elsewhere, 200.0),
    ])
}

async fn run(url: &str) -> anyhow::Result<Measured> {
    let output = Command::new("node").args([SCRIPT, url]).kill_on_drop(true).output().await;
    let output = output.context("Node.js runs the browser")?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{SCRIPT}: {}\n{errors}", output.status);
    serde_json::from_slice(&output.stdout).context("the script prints what it measured")
}
