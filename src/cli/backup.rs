//! `keyfold backup` and `keyfold restore`: the private cluster into a file and back, also into a cluster of another
//! PostgreSQL version.
//!
//! PostgreSQL's own programs do the work; they see the database as it was when they began, while a server writes. Backups
//! of an external database are left to its operator.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, bail};
use tokio::process::Command;

use crate::app::storage::{OpenDatabase, OwnCluster};
use crate::config::{Config, DatabaseLocation};
use crate::postgres::Connection;
use crate::postgres::inspection::objects;

/// Reminder of the part that a backup lacks.
const SECRET: &str =
    "The secret is not in it: back it up too, because no private key opens without it.";

/// Advice to an operator after a restore.
const AFTERWARDS: &str = "\
Sessions, keys and users that were ended after the backup live again: run `keyfold sessions end`, \
`keyfold keys revoke <kid>` for each key that was revoked since and `keyfold users delete <email>` for each user that was \
deleted since, before a server runs.";

/// Dumps the private cluster into a new file, which only its owner can read.
pub(super) async fn backup(config: &Config, file: &Path) -> anyhow::Result<()> {
    require_private(config, "pg_dump")?;
    let place = OpenDatabase::join(config).await?;
    let dumped = dump(&place, file).await;
    place.close().await;
    dumped?;
    super::print(&format!("the database is in {}. {SECRET}\n", file.display()))
}

async fn dump(place: &OpenDatabase, file: &Path) -> anyhow::Result<()> {
    let options = || OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
    let out = options().with_context(|| format!("cannot create {}", file.display()))?;
    let kept = out.try_clone()?;
    let dumped = run(place, "pg_dump", &["--format=custom"], Stdio::null(), out.into()).await;
    let dumped = dumped.and_then(|()| kept.sync_all().context("the backup is not on disk"));
    if dumped.is_err() {
        // An incomplete file is removed: a backup is whole, or not there.
        let _ = fs::remove_file(file);
    }
    dumped
}

/// Creates the private cluster from a backup.
pub(super) async fn restore(config: &Config, file: &Path) -> anyhow::Result<()> {
    require_private(config, "pg_restore")?;
    let backup = File::open(file).with_context(|| format!("cannot read {}", file.display()))?;
    let place = OpenDatabase::make(config).await?;
    let restored = fill(&place, backup).await;
    place.close().await;
    restored?;
    super::print(&format!("the database is restored from {}.\n{AFTERWARDS}\n", file.display()))
}

async fn fill(place: &OpenDatabase, backup: File) -> anyhow::Result<()> {
    let connection = place.connection();
    require_empty(&connection).await?;
    let whole = ["--exit-on-error", "--single-transaction", "--no-owner"];
    let database = ["--dbname", OwnCluster::DATABASE];
    let arguments = [&whole[..], &database].concat();
    run(place, "pg_restore", &arguments, backup.into(), Stdio::null()).await?;
    // The backup carries no statistics.
    let link = connection.connect().await?;
    link.client.batch_execute("set statement_timeout = 0; analyze").await?;
    Ok(())
}

async fn require_empty(connection: &Connection) -> anyhow::Result<()> {
    let link = connection.connect().await?;
    if !objects::tables(&link).await?.is_empty() {
        bail!(
            "the data directory already has a database: move its directory `postgres` away, or name another data directory in \
             KEYFOLD_DATA"
        );
    }
    Ok(())
}

/// Refuses an external database, and names the program for it.
fn require_private(config: &Config, program: &str) -> anyhow::Result<()> {
    if matches!(config.database.location, DatabaseLocation::External(_)) {
        bail!(
            "the database of DATABASE_URL is not Keyfold's own: use {program}, or the tools of its provider"
        );
    }
    Ok(())
}

/// Runs a PostgreSQL program on the private cluster.
async fn run(
    place: &OpenDatabase,
    program: &str,
    arguments: &[&str],
    input: Stdio,
    output: Stdio,
) -> anyhow::Result<()> {
    let OwnCluster { path, environment } = place.own_cluster(program)?;
    let mut command = Command::new(path);
    command.args(arguments).envs(environment).kill_on_drop(true);
    let ran = command.stdin(input).stdout(output).stderr(Stdio::piped()).spawn();
    let ran = ran.with_context(|| format!("cannot run {program}"))?.wait_with_output().await?;
    if !ran.status.success() {
        bail!("{program} failed: {}", String::from_utf8_lossy(&ran.stderr).trim());
    }
    Ok(())
}
