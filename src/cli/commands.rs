//! Operator's commands. Each opens the database, does one thing, and closes it again; a server may run meanwhile.

use ractor::{Actor, ActorCell};

use super::progress::ProgressLine;
use crate::app::Seams;
use crate::app::features::{self, Foundation, LogReading};
use crate::app::root::Root;
use crate::app::secrets::Secrets;
use crate::app::storage::{OpenDatabase, Storage};
use crate::base::clock::Clock;
use crate::base::id::Id;
use crate::base::skew::{ClockVerdict, SkewProbe};
use crate::config::Config;
use crate::eventlog::log::reader::read_log;
use crate::eventlog::log::replay;
use crate::eventlog::log::replay::ReplayProgress as Step;
use crate::eventlog::model::term::Term;
use crate::eventlog::node_status::Writable;
use crate::eventlog::{Event, ExecuteError, RecordedEvent, Resources};
use crate::keys::events::KeyEvent;
use crate::keys::private::vault;
use crate::keys::private::vault::{Successor, Vault, VaultError};
use crate::keys::ring::Rejection;
use crate::postgres;
use crate::postgres::{Connection, Pool, inspection};

/// Events read by one query.
const PAGE: i64 = 1_000;
/// Database sessions with which a command reads and appends.
const SESSIONS: usize = 8;

/// Applies the migrations that the database lacks, and prints them.
pub(super) async fn migrate(config: &Config) -> anyhow::Result<()> {
    let place = OpenDatabase::join(config).await?;
    let migrated = postgres::migrate(&place.connection()).await;
    place.close().await;
    let applied = migrated?;
    for migration in &applied {
        super::print(&format!("applied {migration}\n"))?;
    }
    super::print(&format!("{} migrations applied, the schema is up to date\n", applied.len()))
}

/// Prints events as JSON, a line each.
pub(super) async fn events(
    config: &Config,
    after: i64,
    stream: Option<&str>,
    limit: Option<u64>,
) -> anyhow::Result<()> {
    print_events(config, after, stream, limit, |event| Ok(serde_json::to_string(event)?)).await
}

/// Prints events, a line each, formatted by `show`.
async fn print_events(
    config: &Config,
    after: i64,
    stream: Option<&str>,
    limit: Option<u64>,
    show: impl Fn(&RecordedEvent) -> anyhow::Result<String>,
) -> anyhow::Result<()> {
    let place = OpenDatabase::join(config).await?;
    let printed = print_events_of(&place.connection(), after, stream, limit, show).await;
    place.close().await;
    printed
}

async fn print_events_of(
    connection: &Connection,
    mut after: i64,
    stream: Option<&str>,
    limit: Option<u64>,
    show: impl Fn(&RecordedEvent) -> anyhow::Result<String>,
) -> anyhow::Result<()> {
    postgres::check_migrated(connection).await?;
    let link = connection.connect().await?;
    let mut left = limit.and_then(|limit| i64::try_from(limit).ok()).unwrap_or(i64::MAX);
    while left > 0 {
        let page = read_log(&link.client, after, left.min(PAGE), stream).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.position;
        left -= i64::try_from(page.len())?;
        let shown = |event| Ok(format!("{}\n", show(event)?));
        let lines: String = page.iter().map(shown).collect::<anyhow::Result<_>>()?;
        if !super::print_on(&lines)? {
            return Ok(());
        }
    }
    if !read_log(&link.client, after, 1, stream).await?.is_empty() {
        let stream = stream.map_or_else(String::new, |stream| format!(" --stream {stream}"));
        super::complain(&format!(
            "limit reached, with more events to come: continue with `keyfold events --after {after}{stream}`"
        ));
    }
    Ok(())
}

/// Rebuilds the read models from the log.
pub(super) async fn replay(config: &Config) -> anyhow::Result<()> {
    let place = OpenDatabase::join(config).await?;
    let replayed = rebuild(&place.connection()).await;
    place.close().await;
    super::print(&format!("{} events replayed, the read models are rebuilt\n", replayed?))
}

async fn rebuild(connection: &Connection) -> anyhow::Result<u64> {
    postgres::check_migrated(connection).await?;
    let link = connection.connect().await?;
    let mut shown = ProgressLine::of("events replayed");
    let tell = |step| match step {
        Step::Replayed { position, head } => {
            shown.at(position.unsigned_abs(), head.unsigned_abs());
        }
        Step::Waiting => shown.say("waiting for readers of the tables that are replaced"),
    };
    Ok(replay::rebuild(&link.client, &features::projections(), tell).await?)
}

/// Prints the keys of the ring, a line each.
pub(super) async fn list_keys(config: &Config) -> anyhow::Result<()> {
    with_vault(config, async |vault| {
        let ring = vault.ring.read(&vault::stream()).await?;
        for (kid, key) in &ring.state.keys {
            let (algorithm, stage) = (key.public.algorithm(), key.stage);
            super::print(&format!("{kid}  {algorithm}  {stage}\n"))?;
        }
        Ok(())
    })
    .await
}

/// Publishes a successor of the signing key.
pub(super) async fn rotate_keys(config: &Config) -> anyhow::Result<()> {
    let storage = Storage::join(config).await?;
    let rotate = async {
        require_right_clock(&storage.connection()).await?;
        let (connection, secrets) = (storage.connection(), storage.secrets());
        in_vault(config, &connection, secrets, async |vault| {
            let Successor { kid, signs_from } = vault.rotate().await?;
            super::print(&format!("{kid} is published and signs from {signs_from}\n"))
        })
        .await
    };
    let rotated = rotate.await;
    storage.close().await;
    rotated
}

/// Revokes a key, and prints the one that signs instead.
pub(super) async fn revoke_key(config: &Config, kid: &str) -> anyhow::Result<()> {
    with_vault(config, async |vault| {
        let successor = vault.revoke(kid).await.map_err(not_revoked)?;
        super::print(&format!("{kid} is revoked: no token signed by it is accepted any more\n"))?;
        successor.map_or(Ok(()), |new| super::print(&format!("{new} signs from now on\n")))
    })
    .await
}

/// Explains an unknown key id to an operator, who may have mistyped it.
fn not_revoked(error: VaultError) -> anyhow::Error {
    if let VaultError::Execute(ExecuteError::Rejected(Rejection::UnknownKey(kid))) = error {
        return anyhow::anyhow!("there is no key {kid}; `keyfold keys list` shows all keys");
    }
    error.into()
}

/// Prints the events of the key ring.
pub(super) async fn key_history(config: &Config) -> anyhow::Result<()> {
    let show = |event: &RecordedEvent| {
        let view = event.view();
        let happened = KeyEvent::decode(view.name, view.schema, view.data)?;
        Ok(format!("{}  {happened}", event.recorded_at))
    };
    print_events(config, 0, Some(vault::stream().as_str()), None, show).await
}

/// Opens the key ring for one command, and closes the database afterwards.
async fn with_vault(
    config: &Config,
    run: impl AsyncFnOnce(&Vault) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let storage = Storage::join(config).await?;
    let done = in_vault(config, &storage.connection(), storage.secrets(), run).await;
    storage.close().await;
    done
}

/// Opens the key ring for one command on an open database, with these secrets.
pub(super) async fn in_vault(
    config: &Config,
    connection: &Connection,
    secrets: &Secrets,
    run: impl AsyncFnOnce(&Vault) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    on_foundation_at_any_time(config, connection, async |foundation, root| {
        let vault = foundation.vault(config, secrets, root).await?;
        let done = run(&vault).await;
        vault.ring.drain().await;
        done
    })
    .await
}

/// Runs a command that appends dated events, if this machine's clock is right.
pub(super) async fn on_foundation(
    config: &Config,
    connection: &Connection,
    run: impl AsyncFnOnce(&Foundation, &ActorCell) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    require_right_clock(connection).await?;
    on_foundation_at_any_time(config, connection, run).await
}

/// Runs a command with a log to append to, and an actor under which its entities live.
async fn on_foundation_at_any_time(
    config: &Config,
    connection: &Connection,
    run: impl AsyncFnOnce(&Foundation, &ActorCell) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    postgres::check_migrated(connection).await?;
    let seams = Seams::default();
    let pool = Pool::new(connection, "readers", SESSIONS)?;
    let node = Id::<()>::generate(&seams.clock).uuid();
    let budgets = features::budgets(config);
    // A command has no term of its own: it appends beside the server that owns the log.
    let beside = (node, Term::default(), Writable::default());
    let (appender, writer) = features::appender(pool.clone(), beside, &budgets, &seams);
    let resources = Resources::new(&budgets)?;
    let reading = LogReading::new(pool.clone(), appender, seams.clock.clone(), resources);
    let (root, _ended) = Actor::spawn(None, Root, ()).await?;
    let authentication = reading.clone();
    let foundation = Foundation { authentication, reading, seams, budgets };
    let parent = root.get_cell();
    let done = tokio::select! {
        done = run(&foundation, &parent) => done,
        () = writer.run() => Err(anyhow::anyhow!("the appender ended")),
    };
    let _ = root.stop_and_wait(None, None).await;
    pool.close();
    done
}

/// Refuses to go on while this machine's clock is wrong: events are dated by it, and some data is dropped by its date.
async fn require_right_clock(connection: &Connection) -> anyhow::Result<()> {
    let link = connection.connect().await?;
    let asked = SkewProbe::new();
    let round = asked.told(inspection::now(&link).await?, &Clock::system());
    if round.verdict() == ClockVerdict::Wrong {
        anyhow::bail!(
            "this machine's clock is {} the database's: set both by NTP, then run the command again",
            round.text()
        );
    }
    Ok(())
}
