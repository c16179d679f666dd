//! `make bench`: throughput and latency of Keyfold beside the limits of the machine.
//!
//! Every workload is measured in turn with its limit: a bare poem server that returns the same bytes, durable inserts by
//! PostgreSQL alone, bare hashes or signatures. The release server runs in its own process on a private cluster with normal
//! durability. No test asserts any of these figures.

#![expect(unreachable_pub, reason = "a program of its own: nothing outside can reach it")]

mod bare;
mod collector;
mod figures;
#[path = "../shared/itself.rs"]
mod itself;
mod limits;
mod load;
#[path = "../shared/machine.rs"]
mod machine;
#[path = "../shared/people.rs"]
mod people;
mod pgbench;
mod postgres;
#[expect(dead_code, reason = "some of it is for the other benchmarks")]
#[path = "../shared/processor.rs"]
mod processor;
mod report;
mod requests;
#[path = "../shared/scratch.rs"]
mod scratch;
#[expect(dead_code, reason = "some of it is for the other benchmarks")]
#[path = "../shared/server.rs"]
mod server;
#[path = "../shared/text.rs"]
mod text;
mod workloads;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, bail};

use crate::figures::Row;
use crate::text::{fresh_name, print};
use crate::workloads::WORKLOADS;

/// The server's allocator, so that the limits use it as well.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Glossary of the table, and the reasons for goals that are not met.
const NOTES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/limits/notes.md");

/// Argument that turns this program into a bare server.
const BARE: &str = "--serve-bare";
/// Argument that turns this program into a collector.
const COLLECT: &str = "--collect";
/// Argument that makes this program hold the lists of many users in memory.
const CROWD: &str = "--hold-crowd";

fn main() -> anyhow::Result<()> {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    // Limits run on a worker thread, as the server's own code does.
    runtime.block_on(async move {
        #[expect(clippy::disallowed_methods, reason = "waited for at once")]
        tokio::spawn(run(arguments)).await?
    })
}

async fn run(arguments: Vec<OsString>) -> anyhow::Result<()> {
    match arguments.as_slice() {
        [mode, file] if mode == BARE => bare::serve(Path::new(file)).await,
        [mode] if mode == COLLECT => collector::collect().await,
        [mode, data] if mode == CROWD => workloads::memory::hold_crowd(Path::new(data)).await,
        arguments => measure(&chosen(arguments)?).await,
    }
}

/// The named workloads, or all of them if no name is given.
fn chosen(arguments: &[OsString]) -> anyhow::Result<Vec<&'static str>> {
    // Cargo adds this argument.
    let names: Vec<_> = arguments
        .iter()
        .filter_map(|name| name.to_str())
        .filter(|name| *name != "--bench")
        .collect();
    let known: Vec<_> = WORKLOADS.iter().map(|(name, _)| *name).collect();
    if let Some(unknown) = names.iter().find(|name| !known.contains(name)) {
        bail!("there is no workload {unknown}; there are: {}", known.join(", "));
    }
    Ok(known.into_iter().filter(|name| names.is_empty() || names.contains(name)).collect())
}

async fn measure(names: &[&'static str]) -> anyhow::Result<()> {
    let begun = Instant::now();
    let scratch = scratch()?;
    scratch::remove_clusters(&scratch)?;
    let mut rows: Vec<Row> = Vec::new();
    for (name, workload) in WORKLOADS.iter().filter(|(name, _)| names.contains(name)) {
        print(&format!("measuring {name} …\n"))?;
        let measured = workload().await.with_context(|| format!("the workload {name}"))?;
        print(&report::table(&measured))?;
        rows.extend(measured);
    }
    print(&format!("\n{}\n", report::table(&rows)))?;
    let postgres = postgres::version().await?;
    scratch::remove_clusters(&scratch)?;
    if names.len() == WORKLOADS.len() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/RESULTS.md");
        let date = keyfold::base::clock::Clock::system().now().to_string();
        let date = date.split('T').next().unwrap_or_default();
        let (machine, notes) = (machine::describe(postgres), std::fs::read_to_string(NOTES)?);
        std::fs::write(path, report::document(&rows, &machine, date, begun.elapsed(), &notes))?;
        print(&format!("written to {path}\n"))?;
    }
    Ok(())
}

/// Parent directory of the measured servers' data directories.
fn scratch() -> anyhow::Result<PathBuf> {
    scratch::directory("bench")
}
