//! `keyfold doctor`: what an operator checks first, one line each.
//!
//! It changes nothing, works beside a running server and without one, and on a database that was never migrated. Every
//! check is a small function from what it is told to a [`Finding`]; here they are asked and printed as they come.

mod checks;
mod finding;
mod keys;

use self::finding::{Finding, Level};
use super::commands;
use crate::app::storage::Storage;
use crate::clock::Clock;
use crate::config::Config;
use crate::database::{self, Connection, DatabaseError, Link, inspection, pooler};
use crate::eventlog::{place, store};
use crate::skew::Asked;

/// How often the database is asked for the time.
const ROUNDS: usize = 5;

/// Prints what is found, and fails if something of it is an error.
pub(super) async fn doctor(config: &Config) -> anyhow::Result<()> {
    let findings = examine(config).await;
    for finding in &findings {
        super::print(&format!("{finding}\n"))?;
    }
    let errors = findings.iter().filter(|finding| finding.level == Level::Error).count();
    match errors {
        0 => Ok(()),
        1 => anyhow::bail!("1 check found an error"),
        _ => anyhow::bail!("{errors} checks found an error"),
    }
}

async fn examine(config: &Config) -> Vec<Finding> {
    let storage = match Storage::join(config).await {
        Ok(storage) => storage,
        Err(error) => return vec![Finding::error("database", format!("{error:#}"))],
    };
    let connection = storage.connection();
    let findings = match connection.connect().await {
        Ok(link) => examine_database(config, &storage, &link).await,
        Err(error) => vec![unreachable(&error)],
    };
    storage.close().await;
    findings
}

fn unreachable(error: &DatabaseError) -> Finding {
    let todo = "check that PostgreSQL runs and DATABASE_URL names it";
    Finding::error("database", format!("{error}: {todo}"))
}

async fn examine_database(config: &Config, storage: &Storage, link: &Link) -> Vec<Finding> {
    let connection = storage.connection();
    let now = Clock::system().now();
    let server = inspection::server(link).await.map(|server| checks::database(&server));
    let replication = inspection::replication(link).await;
    let replication = replication.map(|replication| checks::replication(&replication));
    let nodes = inspection::nodes(&link.client).await.map(|nodes| checks::nodes(&nodes, now));
    let agreement = place::disagreements(link, &config.agreement()).await;
    let nodes = match (nodes, agreement) {
        (Ok(_), Ok(disagreements)) if !disagreements.is_empty() => {
            Ok(checks::disagreement(&disagreements))
        }
        (nodes, Ok(_) | Err(_)) => nodes,
    };
    let durability = inspection::durability(link).await;
    let durability = durability.map(|durability| checks::durability(&durability));
    let sessions = pooler::lends_sessions(&connection).await.map(checks::sessions);
    let checked = database::check_migrated(&connection).await;
    let is_migrated = checked.is_ok();
    let mut findings = vec![
        server.unwrap_or_else(|error| Finding::failed("database", &error)),
        sessions.unwrap_or_else(|error| Finding::failed("sessions", &error)),
        durability.unwrap_or_else(|error| Finding::failed("durability", &error)),
        replication.unwrap_or_else(|error| Finding::failed("replication", &error)),
        checks::schema(checked),
        nodes.unwrap_or_else(|error| Finding::failed("nodes", &error)),
        clock(link).await.unwrap_or_else(|error| Finding::failed("clock", &error)),
    ];
    // Of a queue that is nearly empty there is nothing to say.
    match inspection::notification_queue(link).await {
        Ok(used) => findings.extend(checks::notifications(used)),
        Err(error) => findings.push(Finding::failed("queue", &error)),
    }
    if is_migrated {
        findings.push(log(link).await.unwrap_or_else(|error| Finding::failed("log", &error)));
        let keys = of_keys(config, storage, &connection).await;
        findings.extend(
            keys.unwrap_or_else(|error| vec![Finding::failed("keys", &format!("{error:#}"))]),
        );
    }
    findings
}

async fn clock(link: &Link) -> Result<Finding, DatabaseError> {
    let clock = Clock::system();
    let mut rounds = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let asked = Asked::new();
        rounds.push(asked.told(inspection::now(link).await?, &clock));
    }
    let unasked = || Finding::failed("clock", &"the database was not asked");
    Ok(checks::clock(&rounds).unwrap_or_else(unasked))
}

async fn log(link: &Link) -> anyhow::Result<Finding> {
    let head = store::head(&link.client).await?;
    let last = store::read_log(&link.client, head - 1, 1, None).await?;
    let last_at = last.first().filter(|_| head > 0).map(|event| event.recorded_at);
    Ok(checks::log(head, last_at, Clock::system().now()))
}

async fn of_keys(
    config: &Config,
    storage: &Storage,
    connection: &Connection,
) -> anyhow::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    commands::in_vault(config, storage, async |vault| {
        findings = keys::of(vault, connection).await?;
        Ok(())
    })
    .await?;
    Ok(findings)
}
