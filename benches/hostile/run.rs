//! A run: the server, its honest clients, one attack after the other, and the honest clients beside harmless work of the
//! attack's size.

use std::time::{Duration, Instant};

use anyhow::Context;

use crate::attack::{Attack, Setting};
use crate::burner;
use crate::honest::Honest;
use crate::player::Player;
use crate::print;
use crate::processor::Reading;
use crate::rules::{Figures, Measured, normal_after};
use crate::world::{Program, World};

/// Seconds of measurement before an attack.
const BEFORE: f64 = 1.5;
/// Seconds of measurement after an attack: at least the first, and at most the second until recovery.
const AFTER: (f64, f64) = (1.2, 10.0);
/// Seconds that an attack is played alone to measure its processor time.
const ALONE: f64 = 1.5;
/// Seconds of measurement beside harmless work.
const HARMLESS: f64 = 1.8;
/// Seconds for the load to reach a steady state.
const SETTLING: f64 = 0.3;
/// Share of the processor below which a server counts as idle.
const IDLE: f64 = 0.05;
/// Resident memory in megabytes above which the server has not settled after an attack.
const LEFT_OVER: f64 = 400.0;
/// Cores below which an attack counts as no load.
const NO_LOAD: f64 = 0.03;

/// Result of an attack.
#[derive(Debug)]
pub struct Row {
    /// The attack that was played.
    pub attack: Attack,
    /// Honest clients before the attack.
    pub before: Figures,
    /// Honest clients after the attack.
    pub after: Figures,
    /// Measurements that decide on the goals.
    pub measured: Measured,
    /// Cores used by the attack when played alone: attackers, server and PostgreSQL together.
    pub cores: f64,
    /// Responses to the attackers, as text with counts.
    pub answered: String,
    /// Errors found by the honest clients.
    pub wrong: Vec<String>,
}

/// Result of a run.
#[derive(Debug)]
pub struct Findings {
    /// Results of all attacks that were played.
    pub rows: Vec<Row>,
    /// Attacks that could not be played, with the reason.
    pub unplayed: Vec<(Attack, String)>,
    /// Errors found at the end, after a restart of the server.
    pub lost: Vec<String>,
    /// True if the server had a memory limit.
    pub bounded: bool,
    /// Version of PostgreSQL.
    pub postgres: String,
    /// Duration of the whole run.
    pub took: Duration,
}

/// Plays the attacks.
///
/// # Errors
///
/// If the server or the honest clients cannot be started.
pub async fn run(program: Program, attacks: &[Attack]) -> anyhow::Result<Findings> {
    let began = Instant::now();
    let bounded = program.knows_memory;
    let mut world = World::begin(program).await?;
    let mut honest = Honest::arrive(&world.target().url).await?;
    let (mut rows, mut unplayed) = (Vec::new(), Vec::new());
    for attack in attacks {
        print(&format!("{:20} ", attack.name))?;
        match play(attack, &mut world, &mut honest).await {
            Ok(row) => {
                print(&format!("{}\n", crate::report::line(&row)))?;
                rows.push(row);
            }
            Err(error) => {
                print(&format!("could not be played: {error:#}\n"))?;
                unplayed.push((*attack, format!("{error:#}")));
            }
        }
        settle(&mut world, &mut honest).await?;
    }
    honest.rest().await?;
    // The restart shows that the data is on disk and not only in memory.
    world.restart(Setting::Plain).await?;
    honest.look_again().await?;
    let lost = honest.wrong();
    let postgres = world.postgres_version().await?;
    world.end().await?;
    Ok(Findings { rows, unplayed, lost, bounded, postgres, took: began.elapsed() })
}

/// Measures before, during and after an attack; then the attack alone, and harmless work of its size.
async fn play(attack: &Attack, world: &mut World, honest: &mut Honest) -> anyhow::Result<Row> {
    if world.setting() != attack.setting {
        world.restart(attack.setting).await?;
    }
    let mut player = Player::ready(attack, &world.target()).await?;
    honest.forget();
    honest.work();
    pass(SETTLING).await;
    let quiet = honest.now();
    pass(BEFORE).await;
    world.forget_peak()?;
    let begun = honest.now();
    player.go().await?;
    pass(attack.seconds).await;
    let ended = honest.now();
    let peak = world.peak();
    let answered = player.stop().await.unwrap_or_else(|error| format!("{error:#}"));
    let before = Figures::of(&honest.samples_since(quiet), quiet, begun);
    let normal = until_normal(honest, &before, ended).await;
    let over = honest.now();
    let peak = peak.max(world.peak());
    honest.rest().await?;
    let samples = honest.samples_since(begun);
    let (during, after) = (
        Figures::of(&samples, begun, ended),
        Figures::of(&samples, (over - AFTER.0).max(ended), over),
    );
    let wrong = honest.wrong();
    let ended = world.has_ended()?;
    settle(world, honest).await?;
    let cores = alone(&mut player, world).await.unwrap_or(0.0);
    player.end().await?;
    settle(world, honest).await?;
    let harmless = if cores < NO_LOAD { before } else { beside_harmless(honest, cores).await? };
    let stops_service = attack.stops_service;
    let measured =
        Measured { during, harmless, peak, normal, wrong: wrong.len(), ended, stops_service };
    Ok(Row { attack: *attack, before, after, measured, cores, answered, wrong })
}

/// Seconds until recovery, polled for a limited time.
async fn until_normal(honest: &Honest, before: &Figures, ended: f64) -> Option<f64> {
    loop {
        pass(0.1).await;
        let now = honest.now();
        let normal = normal_after(honest.samples_since(ended), before, ended, now);
        if now - ended > AFTER.1 || (normal.is_some() && now - ended > AFTER.0) {
            return normal;
        }
    }
}

/// Cores used by an attack without honest clients, so that only the work of the attack itself is counted.
async fn alone(player: &mut Player, world: &World) -> Option<f64> {
    let reading = Reading::take()?;
    let begun = Instant::now();
    player.go().await.ok()?;
    pass(ALONE).await;
    let (server, attacker) =
        (reading.shares_until_now(world.process())?, reading.shares_until_now(player.process())?);
    let cores = reading.cores_until_now(begun.elapsed())?;
    player.stop().await.ok()?;
    Some((server.server + server.postgres + attacker.server) * cores)
}

/// Figures of the honest clients beside a process that burns this many cores.
async fn beside_harmless(honest: &mut Honest, cores: f64) -> anyhow::Result<Figures> {
    let mut burning = burner::start(cores)?;
    honest.work();
    pass(SETTLING).await;
    let begun = honest.now();
    pass(HARMLESS).await;
    let ended = honest.now();
    burning.kill().await.context("harmless work cannot be ended")?;
    honest.rest().await?;
    Ok(Figures::of(&honest.samples_since(begun), begun, ended))
}

/// Waits until the server responds, is idle and has released its memory. A server that does not reach this state is
/// restarted, so that the next attack is judged by itself.
async fn settle(world: &mut World, honest: &mut Honest) -> anyhow::Result<()> {
    honest.rest().await?;
    let begun = Instant::now();
    while begun.elapsed().as_secs_f64() < AFTER.1 && !world.has_ended()? {
        if honest.is_served().await && is_idle(world).await && world.resident() <= LEFT_OVER {
            return Ok(());
        }
        pass(0.1).await;
    }
    world.restart(world.setting()).await
}

/// Returns true if the server uses almost no processor time.
async fn is_idle(world: &World) -> bool {
    let Some(reading) = Reading::take() else { return true };
    pass(0.2).await;
    reading.shares_until_now(world.process()).is_none_or(|shares| shares.server < IDLE)
}

async fn pass(seconds: f64) {
    tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
}
