//! `make chaos`: three nodes on two databases behind nginx, with faults injected under load.
//!
//! Every client records its requests and their results. A checker proves from the records and the log that no acknowledged
//! change was lost, no read was stale and no credential was accepted after its sign-out. `make cluster` starts the cluster
//! without load or faults. No process outlives this program, which also writes the report.

#![expect(unreachable_pub, reason = "a program of its own: nothing outside can reach it")]

mod checker;
mod clients;
mod cluster;
mod faults;
mod lag;
#[path = "../shared/machine.rs"]
mod machine;
mod probe;
#[path = "../shared/processes.rs"]
mod processes;
mod report;
mod run;
#[path = "../shared/text.rs"]
mod text;
mod verify;

use std::ffi::OsString;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::cluster::Cluster;
use crate::cluster::postgres::Role;
use crate::faults::{FAULTS, Fault};
use crate::text::{fresh_name, print};

/// Default number of rounds of every fault.
const ROUNDS: usize = 20;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let words: Vec<String> =
        arguments.into_iter().filter_map(|word| word.into_string().ok()).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve_or_run(&words))
}

async fn serve_or_run(words: &[String]) -> anyhow::Result<()> {
    // Cargo adds the first argument.
    let words: Vec<&str> = words.iter().map(String::as_str).filter(|w| *w != "--bench").collect();
    match words.as_slice() {
        ["cluster"] => serve().await,
        words => {
            let plan = plan(words)?;
            tokio::select! {
                done = run::run(&plan) => done,
                stopped = tokio::signal::ctrl_c() => Ok(stopped?),
            }
        }
    }
}

/// Name of a fault on the command line, and the fault.
pub type Named = (&'static str, Fault);

/// Faults to inject, and the number of rounds.
#[derive(Debug)]
pub struct Plan {
    /// Number of injections of each fault.
    pub rounds: usize,
    /// Selected faults, in order.
    pub faults: Vec<Named>,
}

impl Plan {
    /// Returns true for a complete plan, whose report is kept.
    pub fn is_whole(&self) -> bool {
        self.rounds >= ROUNDS && self.faults.len() == FAULTS.len()
    }
}

/// Parses arguments such as `rounds=2 freeze stall`; both parts are optional.
fn plan(words: &[&str]) -> anyhow::Result<Plan> {
    let mut plan = Plan { rounds: ROUNDS, faults: Vec::new() };
    for word in words {
        if let Some(rounds) = word.strip_prefix("rounds=") {
            plan.rounds = rounds.parse().context("rounds= takes a number")?;
        } else if let Some(fault) = FAULTS.iter().find(|(name, _)| name == word) {
            plan.faults.push(*fault);
        } else {
            let known = FAULTS.map(|(name, _)| name).join(", ");
            bail!("there is no fault {word}; there are: {known}");
        }
    }
    if plan.faults.is_empty() {
        plan.faults = FAULTS.to_vec();
    }
    Ok(plan)
}

/// `make cluster`: starts all parts and waits for Ctrl-C.
async fn serve() -> anyhow::Result<()> {
    let cluster = Cluster::start("cluster").await?;
    let addresses = cluster.addresses();
    let databases = [Role::Primary, Role::Standby];
    let [primary, standby] = databases.map(|role| cluster.postgres.port(role));
    let mut text = format!(
        "\nThree nodes serve one database.\n\n  nginx, in turn        {}   (explorer: /docs)\n  \
         nginx, by user id     {}\n",
        addresses.in_turn, addresses.by_user
    );
    for (number, node) in (1..).zip(&addresses.nodes) {
        writeln!(text, "  node {number}                {node}")?;
    }
    write!(
        text,
        "  PostgreSQL primary    127.0.0.1:{primary}\n  PostgreSQL standby    127.0.0.1:{standby}\n  database URL          \
         {}\n  logs                  {}\n\nPress Ctrl-C to stop.\n",
        cluster.postgres.url("psql"),
        cluster::logs("cluster").display()
    )?;
    print(&text)?;
    tokio::signal::ctrl_c().await?;
    cluster.stop().await
}

/// Polls a condition until it holds.
async fn until(
    what: &str,
    mut holds: impl AsyncFnMut() -> anyhow::Result<bool>,
) -> anyhow::Result<()> {
    let deadline = Instant::now() + Duration::from_mins(1);
    while !holds().await? {
        if Instant::now() >= deadline {
            bail!("not in time: {what}");
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}
