//! `make bench`: what Keyfold does beside what the machine could do.
//!
//! Every workload is measured in turn with its limit: a bare poem server that returns the same bytes, PostgreSQL's own
//! durable inserts, the same hashes or signatures with nothing around them. The release server runs as a process of its
//! own on a private cluster with normal durability. Nothing here is asserted by tests.

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

/// The server's allocator, so that the limits have the same one.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What the table's words mean, and what stands in the way of its goals.
const NOTES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/limits/notes.md");

/// What this program is called with to be a bare server.
const BARE: &str = "--serve-bare";
/// What this program is called with to be a collector.
const COLLECT: &str = "--collect";
/// What this program is called with to hold many people's tasks in memory.
const CROWD: &str = "--hold-crowd";

fn main() -> anyhow::Result<()> {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    // Measured from a worker thread, where the server's own code runs.
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

/// The workloads with these names, or all of them.
fn chosen(arguments: &[OsString]) -> anyhow::Result<Vec<&'static str>> {
    // Cargo adds this one.
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

/// Where the measured servers keep their data.
fn scratch() -> anyhow::Result<PathBuf> {
    scratch::directory("bench")
}
