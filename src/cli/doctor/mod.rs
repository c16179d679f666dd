//! `keyfold doctor`: the first checks of an operator, one line each.
//!
//! It changes nothing, works beside a running server and without one, and on a database that was never migrated. Every
//! check is a small function from facts to a [`Finding`]; this module collects the facts and prints the findings.

mod checks;
mod finding;
mod keys;
mod objects;

use std::fmt;
use std::time::Duration;

use self::checks::Log;
use self::finding::{Finding, FindingLevel};
use super::commands;
use crate::app::storage::OpenDatabase;
use crate::base::clock::Clock;
use crate::base::skew::SkewProbe;
use crate::config::Config;
use crate::eventlog::StoreError;
use crate::eventlog::cluster::membership;
use crate::eventlog::log::{reader, soundness};
use crate::keys::read_model;
use crate::postgres;
use crate::postgres::connect::pooler;
use crate::postgres::inspection::objects as db_objects;
use crate::postgres::{DatabaseError, Link, MigrationError, inspection};
use crate::{accounts, sessions};

/// Measurements of the database's clock.
const ROUNDS: usize = 5;
/// Timeout of the search for holes in the log.
const PATIENCE: Duration = Duration::from_secs(5);
/// Newest events that are compared with the read models, and searched for dates ahead of the time.
const NEWEST: i64 = 100_000;

/// Prints all findings, and fails if any of them is an error.
pub(super) async fn doctor(config: &Config) -> anyhow::Result<()> {
    let findings = examine(config).await;
    for finding in &findings {
        super::print(&format!("{finding}\n"))?;
    }
    let errors = findings.iter().filter(|finding| finding.level == FindingLevel::Error).count();
    match errors {
        0 => Ok(()),
        1 => anyhow::bail!("1 check found an error"),
        _ => anyhow::bail!("{errors} checks found an error"),
    }
}

async fn examine(config: &Config) -> Vec<Finding> {
    let place = match OpenDatabase::join(config).await {
        Ok(place) => place,
        Err(error) => return vec![Finding::error("database", format!("{error:#}"))],
    };
    let findings = match place.connection().connect().await {
        Ok(link) => examine_database(config, &place, &link).await,
        Err(error) => vec![unreachable(&error)],
    };
    place.close().await;
    findings
}

fn unreachable(error: &DatabaseError) -> Finding {
    let todo = "check that PostgreSQL runs and DATABASE_URL names it";
    Finding::error("database", format!("{error}: {todo}"))
}

async fn examine_database(config: &Config, place: &OpenDatabase, link: &Link) -> Vec<Finding> {
    let connection = place.connection();
    let now = Clock::system().now();
    let server = inspection::server(link).await.map(|server| checks::database(&server));
    let replication = inspection::replication(link).await;
    let replication = replication.map(|replication| checks::replication(&replication));
    let nodes = inspection::nodes(&link.client).await.map(|nodes| checks::nodes(&nodes, now));
    let agreement = membership::disagreements(link, &config.agreement()).await;
    let nodes = match (nodes, agreement) {
        (Ok(_), Ok(disagreements)) if !disagreements.is_empty() => {
            Ok(checks::disagreement(&disagreements))
        }
        (nodes, Ok(_) | Err(_)) => nodes,
    };
    let sessions = pooler::lends_sessions(&connection).await.map(checks::sessions);
    let checked = postgres::check_migrated(&connection).await;
    let is_migrated = checked.is_ok();
    let mut findings = vec![
        found("database", server),
        found("sessions", sessions),
        found("durability", durability(link).await),
        disk(place),
        found("replication", replication),
        found("schema", schema(link, checked).await),
        found("rights", rights(link).await),
        found("nodes", nodes),
        found("clock", clock(link).await),
    ];
    // A queue that is nearly empty needs no finding.
    match inspection::notification_queue(link).await {
        Ok(used) => findings.extend(checks::notifications(used)),
        Err(error) => findings.push(Finding::failed("queue", &error)),
    }
    if is_migrated {
        findings.push(found("guards", guards(link).await));
        findings
            .extend(log(link).await.unwrap_or_else(|error| vec![Finding::failed("log", &error)]));
        let keys = of_keys(config, place, link).await;
        findings.extend(
            keys.unwrap_or_else(|error| vec![Finding::failed("keys", &format!("{error:#}"))]),
        );
    }
    findings
}

/// Finding of a check, or an error if it could not be made.
fn found<E: fmt::Display>(check: &'static str, found: Result<Finding, E>) -> Finding {
    found.unwrap_or_else(|error| Finding::failed(check, &error))
}

async fn durability(link: &Link) -> Result<Finding, DatabaseError> {
    let off = inspection::durability(link).await?;
    Ok(checks::durability(&off, db_objects::commits_by_default(link).await?))
}

fn disk(place: &OpenDatabase) -> Finding {
    let Some((path, free)) = place.disk() else { return checks::disk(None) };
    let free = free.map(|free| checks::disk(Some((&path, free))));
    found("disk", free)
}

async fn schema(
    link: &Link,
    checked: Result<(), MigrationError>,
) -> Result<Finding, DatabaseError> {
    let tables = db_objects::tables(link).await?;
    let elsewhere = db_objects::elsewhere(link, &objects::TABLES).await?;
    Ok(objects::schema(checked, &tables, &elsewhere))
}

async fn rights(link: &Link) -> Result<Finding, DatabaseError> {
    let rights = db_objects::rights(link, &objects::PRIVILEGES, &objects::OWNED).await?;
    Ok(objects::rights(&rights))
}

async fn guards(link: &Link) -> Result<Finding, DatabaseError> {
    Ok(objects::guards(&db_objects::triggers(link).await?))
}

async fn clock(link: &Link) -> Result<Finding, DatabaseError> {
    let clock = Clock::system();
    let mut rounds = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let asked = SkewProbe::new();
        rounds.push(asked.told(inspection::now(link).await?, &clock));
    }
    let unasked = || Finding::failed("clock", &"the database was not asked");
    Ok(checks::clock(&rounds).unwrap_or_else(unasked))
}

/// Checks of the log, the dates in it, and the read models made of it.
async fn log(link: &Link) -> Result<Vec<Finding>, StoreError> {
    let now = Clock::system().now();
    let head = reader::head(&link.client).await?;
    let last = reader::read_log(&link.client, head - 1, 1, None).await?;
    let last_at = last.first().filter(|_| head > 0).map(|event| event.recorded_at);
    let looked = soundness::holes(&link.client, head, PATIENCE).await?;
    let before = (head - NEWEST).max(0);
    let newest = soundness::newest_date(&link.client, before).await?;
    let missing = [
        ("users", accounts::read_model::missing(link, before).await?),
        ("sessions", sessions::read_model::missing(link, before).await?),
        ("jwks", read_model::missing(link, 0).await?),
    ];
    Ok(vec![
        checks::log(Log { head, last_at, looked }, now),
        checks::dates(newest, now),
        checks::read_models(&missing, head - before),
    ])
}

async fn of_keys(
    config: &Config,
    place: &OpenDatabase,
    link: &Link,
) -> anyhow::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let is_sealed = read_model::holds_any(link).await?;
    if let Err(error) = place.check_secret(config, is_sealed) {
        findings.push(Finding::error("secret", format!("{error:#}")));
    }
    // A secret that is made only to look at the keys is not written to a file.
    let (secrets, _new) = place.secrets_or_new(config)?;
    let connection = place.connection();
    commands::in_vault(config, &connection, &secrets, async |vault| {
        findings.extend(keys::of(vault, &connection).await?);
        Ok(())
    })
    .await?;
    Ok(findings)
}
