//! `make hostile`: attacks by strangers and users while honest clients work.
//!
//! Every attack is bounded in count and time, and its target is a server started by this program on the loopback interface.
//! No test asserts the figures; the rules by which a run is judged have tests (`tests/it/benches/hostile_rules.rs`).

#![expect(unreachable_pub, reason = "a program of its own: nothing outside can reach it")]

mod attack;
mod attacks;
mod burner;
mod crowding;
mod honest;
#[path = "../shared/machine.rs"]
mod machine;
#[expect(dead_code, reason = "some of it is for the other benchmarks")]
#[path = "../shared/people.rs"]
mod people;
mod player;
#[expect(dead_code, reason = "some of it is for the other benchmarks")]
#[path = "../shared/processes.rs"]
mod processes;
#[expect(dead_code, reason = "some of it is for the other benchmarks")]
#[path = "../shared/processor.rs"]
mod processor;
mod report;
mod rules;
mod run;
#[path = "../shared/scratch.rs"]
mod scratch;
#[expect(dead_code, reason = "some of it is for the other benchmarks")]
#[path = "../shared/server.rs"]
mod server;
mod stage;
#[path = "../shared/text.rs"]
mod text;
mod world;

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{bail, ensure};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::attack::Attack;
use crate::text::{fresh_name, print};
use crate::world::Program;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let words: Vec<String> =
        arguments.into_iter().filter_map(|word| word.into_string().ok()).collect();
    // Cargo adds the first argument.
    let words: Vec<&str> = words.iter().map(String::as_str).filter(|w| *w != "--bench").collect();
    if let [burner::BURN, cores] = words.as_slice() {
        return burner::burn(cores);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(attack_or_run(&words))
}

async fn attack_or_run(words: &[&str]) -> anyhow::Result<()> {
    open_many_descriptors()?;
    match words {
        [player::ATTACK, name, target] => player::play(name, target).await,
        words => {
            let attacks = chosen(words)?;
            tokio::select! {
                done = measure(&attacks) => done,
                stopped = tokio::signal::ctrl_c() => Ok(stopped?),
            }
        }
    }
}

/// Raises the soft limit of file descriptors: attackers open many connections.
fn open_many_descriptors() -> anyhow::Result<()> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    Ok(setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?)
}

/// The named attacks, or all of them if no name is given.
fn chosen(names: &[&str]) -> anyhow::Result<Vec<Attack>> {
    let all = attack::all();
    let is_known = |name: &&str| all.iter().any(|attack| attack.name == *name);
    if let Some(unknown) = names.iter().find(|name| !is_known(name)) {
        let known: Vec<_> = all.iter().map(|attack| attack.name).collect();
        bail!("there is no attack {unknown}; there are: {}", known.join(", "));
    }
    let too_narrow = attack::too_narrow(&all);
    ensure!(too_narrow.is_empty(), "these kinds have fewer variations than two: {too_narrow:?}");
    Ok(all.into_iter().filter(|a| names.is_empty() || names.contains(&a.name)).collect())
}

async fn measure(attacks: &[Attack]) -> anyhow::Result<()> {
    let scratch = scratch()?;
    scratch::remove_clusters(&scratch)?;
    let program = Program::chosen().await?;
    let is_whole = attacks.len() == attack::all().len() && !program.is_foreign;
    let findings = run::run(program, attacks).await?;
    scratch::remove_clusters(&scratch)?;
    let mut machine = machine::describe(findings.postgres.clone());
    machine.retain(|(name, _)| *name != "load generator");
    let text = report::document(&findings, &machine);
    print(&format!("\n{text}\n"))?;
    if is_whole {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/HOSTILE.md");
        std::fs::write(path, text)?;
        print(&format!("written to {path}\n"))?;
    }
    Ok(())
}

/// Parent directory of the attacked server's data directory.
fn scratch() -> anyhow::Result<PathBuf> {
    scratch::directory("hostile")
}
