//! A run: cluster, clients, one fault after the other, verdict.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use futures_util::future::{join_all, try_join_all};

use crate::checker::history::{Moment, Span};
use crate::checker::{Verdict, Violation};
use crate::clients::load::{Load, try_everywhere};
use crate::clients::recorder::Tally;
use crate::clients::world::{Door, PATIENCE, World};
use crate::cluster::postgres::Role;
use crate::cluster::{Cluster, nginx};
use crate::faults::Fault;
use crate::lag::{self, Lag};
use crate::probe::{Probe, Recovery};
use crate::{Named, Plan, machine, print, report, verify};

/// Time of undisturbed load between two faults.
const QUIET: Duration = Duration::from_millis(500);
/// Number of the probe's list, after those of the users.
const PROBE: usize = 1_000;

/// A fault that was injected.
#[derive(Debug)]
pub struct Injected {
    /// Kind of the fault.
    pub fault: Fault,
    /// Interval from the start of the fault until the cluster is complete again.
    pub span: Span,
    /// Time until service recovered.
    pub recovery: Recovery,
}

/// Result of a run.
#[derive(Debug)]
pub struct Findings {
    /// Every cluster; the first one had the short faults.
    pub tormented: Vec<Tormented>,
    /// Propagation times of sign-outs.
    pub lag: Lag,
    /// Version of PostgreSQL.
    pub postgres: String,
    /// Duration of the whole run.
    pub took: Duration,
}

/// Faults injected into a cluster, and the observations of its clients.
#[derive(Debug)]
pub struct Tormented {
    /// Injected faults, in order.
    pub injected: Vec<Injected>,
    /// Summaries of all requests.
    pub tallies: Vec<Tally>,
    /// Verdict of the checker.
    pub verdict: Verdict,
}

/// A cluster with its clients' environment and its probe.
struct Arena {
    cluster: Cluster,
    world: Arc<World>,
    probe: Probe,
}

impl Arena {
    async fn enter(purpose: &str) -> anyhow::Result<Self> {
        print(&format!("{purpose}: starting two databases, three nodes and nginx …\n"))?;
        let cluster = Cluster::start(purpose).await?;
        let world = Arc::new(World::new(cluster.addresses())?);
        let probe = Probe::new(&world, PROBE).await?;
        Ok(Self { cluster, world, probe })
    }

    /// Injects one fault after the other under load, then checks the histories.
    async fn torment(mut self, rounds: usize, faults: &[Named]) -> anyhow::Result<Tormented> {
        let mut load = Load::begin(&self.world).await?;
        let injected = self.inject(rounds, faults, &load).await?;
        load.end().await;
        look_everywhere(&self.world, &load).await;
        let verdict = self.verify(&load).await?;
        verify::compare_servers(&self.cluster.postgres).await?;
        let tallies = self.world.recorder.tallies();
        self.cluster.stop().await?;
        Ok(Tormented { injected, tallies, verdict })
    }

    async fn inject(
        &mut self,
        rounds: usize,
        faults: &[Named],
        load: &Load,
    ) -> anyhow::Result<Vec<Injected>> {
        let mut injected = Vec::new();
        for round in 0..rounds {
            for (name, fault) in faults {
                tokio::time::sleep(QUIET).await;
                let Self { cluster, world, probe } = &mut *self;
                let begun = world.recorder.now();
                let recovery = fault.inject(cluster, world, probe, round).await;
                let recovery = recovery.with_context(|| format!("{name}, round {}", round + 1))?;
                let span = Span { begun, ended: world.recorder.now() };
                tell(name, round, span, recovery)?;
                injected.push(Injected { fault: *fault, span, recovery });
                for node in &mut cluster.nodes {
                    ensure!(node.is_running()?, "{} ended by itself", node.name);
                }
            }
            let verdict = self.verify(load).await?;
            print(&format!(
                "{} checks, {} violations\n",
                verdict.checks,
                verdict.violations.len()
            ))?;
            complain(&verdict.violations)?;
        }
        Ok(injected)
    }

    async fn verify(&self, load: &Load) -> anyhow::Result<Verdict> {
        verify::verify(&self.world, load, &self.probe, &self.cluster.postgres).await
    }
}

fn tell(name: &str, round: usize, span: Span, recovery: Recovery) -> anyhow::Result<()> {
    print(&format!(
        "{:7.1} s  round {:2}  {name:14} back after {:.3} s through nginx, {:.3} s through every node\n",
        span.begun.secs(),
        round + 1,
        recovery.nginx.as_secs_f64(),
        recovery.nodes.as_secs_f64(),
    ))
}

/// Runs a plan and writes its report. Faults that take long have clusters of their own, in parallel.
///
/// # Errors
///
/// If the cluster does not start, service does not recover, or a check is violated.
pub async fn run(plan: &Plan) -> anyhow::Result<()> {
    let began = Instant::now();
    let (long, short): (Vec<Named>, Vec<Named>) =
        plan.faults.iter().copied().partition(|(_, fault)| fault.is_long());
    let first = Arena::enter("chaos").await?;
    print("measuring sign-outs …\n")?;
    let lag = lag::measure(&first.world, &first.probe.person, &first.cluster.postgres).await?;
    let session = first.cluster.postgres.session(Role::Primary).await?;
    let postgres = session.client.query_one("show server_version", &[]).await?.get(0);
    drop(session);
    let mut arenas = vec![(first, short)];
    for named in long {
        arenas.push((Arena::enter(&format!("chaos-{}", named.0)).await?, vec![named]));
    }
    let tormented = arenas
        .into_iter()
        .map(|(arena, faults)| async move { arena.torment(plan.rounds, &faults).await });
    let tormented = try_join_all(tormented).await?;
    conclude(plan, &Findings { tormented, lag, postgres, took: began.elapsed() }).await
}

fn complain(violations: &[Violation]) -> anyhow::Result<()> {
    for violation in violations.iter().take(20) {
        print(&format!("VIOLATION {violation}\n"))?;
    }
    Ok(())
}

/// Final observations on the recovered cluster: every node returns every list, and accepts no ended session.
async fn look_everywhere(world: &World, load: &Load) {
    for user in &load.users {
        let Some(login) = user.person.sign_in(world, Door::InTurn).await else { continue };
        join_all(world.doors().into_iter().map(|door| {
            let (person, login) = (&user.person, &login);
            async move { person.list(world, door, login, PATIENCE).await }
        }))
        .await;
        for ended in user.ended() {
            try_everywhere(world, &user.person, &ended).await;
        }
    }
}

/// Prints the report, and keeps it if the plan was complete.
async fn conclude(plan: &Plan, findings: &Findings) -> anyhow::Result<()> {
    let mut machine = machine::describe(findings.postgres.clone());
    machine.retain(|(name, _)| *name != "load generator");
    machine.push(("nginx", nginx::version().await?));
    let text = report::document(plan, findings, &machine);
    print(&format!("\n{text}\n"))?;
    for tormented in &findings.tormented {
        complain(&tormented.verdict.violations)?;
    }
    if plan.is_whole() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/CHAOS.md");
        std::fs::write(path, text)?;
        print(&format!("written to {path}\n"))?;
    }
    match findings.violations() + findings.lag.accepted {
        0 => Ok(()),
        violations => bail!("{violations} violations"),
    }
}

impl Findings {
    /// Total number of violations.
    pub fn violations(&self) -> usize {
        self.tormented.iter().map(|tormented| tormented.verdict.violations.len()).sum()
    }
}

impl Injected {
    /// Returns true if the interval starts during the fault.
    pub fn covers(&self, span: Span) -> bool {
        let Moment(begun) = span.begun;
        (self.span.begun.0..=self.span.ended.0).contains(&begun)
    }
}
