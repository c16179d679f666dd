//! A run: the server, its honest clients, one attack after the other, and the same clients beside harmless work of the same
//! size.

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

/// Seconds that are measured before an attack.
const BEFORE: f64 = 1.5;
/// Seconds after an attack that are measured at least, and in which all must be as before at most.
const AFTER: (f64, f64) = (1.2, 10.0);
/// Seconds that an attack is played alone to see what it costs.
const ALONE: f64 = 1.5;
/// Seconds that are measured beside harmless work.
const HARMLESS: f64 = 1.8;
/// Seconds in which things come to be as they are.
const SETTLING: f64 = 0.3;
/// The share of the processor below which a server does nothing.
const IDLE: f64 = 0.05;
/// Megabytes that a server may keep of what an attack made it take.
const LEFT_OVER: f64 = 400.0;
/// Less of a core than this is no load.
const NO_LOAD: f64 = 0.03;

/// What came of an attack.
#[derive(Debug)]
pub struct Row {
    /// Which.
    pub attack: Attack,
    /// The honest clients before it.
    pub before: Figures,
    /// The honest clients after it.
    pub after: Figures,
    /// What it is judged by.
    pub measured: Measured,
    /// The cores that it took when it was played alone: attackers, server and PostgreSQL together.
    pub cores: f64,
    /// What was answered to the attackers.
    pub answered: String,
    /// What was wrong.
    pub wrong: Vec<String>,
}

/// What a run came to.
#[derive(Debug)]
pub struct Findings {
    /// Every attack.
    pub rows: Vec<Row>,
    /// Attacks that could not be played.
    pub unplayed: Vec<(Attack, String)>,
    /// What was wrong at the end, after the server was started anew.
    pub lost: Vec<String>,
    /// Whether the memory of the server was bounded.
    pub bounded: bool,
    /// The version of PostgreSQL.
    pub postgres: String,
    /// How long it took.
    pub took: Duration,
}

/// Plays the attacks.
///
/// # Errors
///
/// When the server or its clients do not come to work.
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
    // What is on the disk counts, not what is in memory.
    world.restart(Setting::Plain).await?;
    honest.look_again().await?;
    let lost = honest.wrong();
    let postgres = world.postgres_version().await?;
    world.end().await?;
    Ok(Findings { rows, unplayed, lost, bounded, postgres, took: began.elapsed() })
}

/// Before, during and after an attack; then the attack alone, and harmless work of that size.
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

/// Seconds until all is as before, watched for some time.
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

/// The cores that an attack takes when nobody else is there, so that what it does to others is not counted as its own.
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

/// The honest clients beside a process that burns so many cores.
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

/// Waits until the server serves, does nothing else any more and has given back what it took; one that does not come to that is started anew, because what
/// is measured next is to be judged by itself.
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

/// Whether the server takes next to nothing of the processor.
async fn is_idle(world: &World) -> bool {
    let Some(reading) = Reading::take() else { return true };
    pass(0.2).await;
    reading.shares_until_now(world.process()).is_none_or(|shares| shares.server < IDLE)
}

async fn pass(seconds: f64) {
    tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
}
