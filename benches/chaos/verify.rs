//! Check of the recorded histories against the log of the primary.

use std::collections::HashMap;

use anyhow::{Context, ensure};
use uuid::Uuid;

use crate::checker::history::{Logged, TaskOperation};
use crate::checker::{Verdict, sessions, tasks};
use crate::clients::load::Load;
use crate::clients::person;
use crate::clients::world::World;
use crate::cluster::postgres::{Postgres, Role};
use crate::probe::Probe;
use crate::until;

/// Selects every change of every list, in version order.
const SELECT_CHANGES: &str = "\
select stream, version, type, data->>'taskId', coalesce(data->'task'->>'title', data->'after'->>'title') from events
where stream like 'tasks-%' order by stream, version";

/// Selects the number of events and the last position, which are equal if the log has no gap.
const SELECT_WHOLE: &str = "\
select (select count(*) from events), (select coalesce(max(position), 0) from events)";

/// Checks all records so far. Clients may continue: the next check covers their later records.
///
/// # Errors
///
/// If the log cannot be read or has a gap.
pub async fn verify(
    world: &World,
    load: &Load,
    probe: &Probe,
    postgres: &Postgres,
) -> anyhow::Result<Verdict> {
    // Histories are copied first: a change acknowledged in them must be in a log that is read later.
    let people = load.users.iter().map(|user| &user.person).chain([&probe.person]);
    let histories: Vec<(String, Vec<TaskOperation>)> = people
        .map(|person| (format!("tasks-{}", person.id), world.recorder.tasks_of(person.number)))
        .collect();
    let mut verdict = sessions::verify(&world.recorder.uses());
    let logs = logs(postgres).await?;
    for (stream, history) in histories {
        let log = logs.get(&stream).map(Vec::as_slice).unwrap_or_default();
        verdict.merge(tasks::verify(&history, log));
    }
    Ok(verdict)
}

async fn logs(postgres: &Postgres) -> anyhow::Result<HashMap<String, Vec<Logged>>> {
    let link = postgres.session(Role::Primary).await?;
    let mut logs: HashMap<String, Vec<Logged>> = HashMap::new();
    for row in link.client.query(SELECT_CHANGES, &[]).await? {
        let log = logs.entry(row.get(0)).or_default();
        let version: i64 = row.get(1);
        ensure!(usize::try_from(version)? == log.len() + 1, "a stream's versions have a hole");
        let task: Uuid = row.get::<_, &str>(3).parse()?;
        let value = row.get::<_, Option<&str>>(4).and_then(person::value);
        log.push(if row.get::<_, &str>(2) == "TaskDeleted" {
            Logged::Deleted(task)
        } else {
            Logged::Wrote(task, value.context("a change without a value")?)
        });
    }
    let row = link.client.query_one(SELECT_WHOLE, &[]).await?;
    let [count, last] = [0, 1].map(|column| row.get::<_, i64>(column));
    ensure!(count == last, "{count} events, the last at {last}");
    Ok(logs)
}

/// Compares the events of both servers, which must become equal.
///
/// # Errors
///
/// If the servers do not reach equal contents.
pub async fn compare_servers(postgres: &Postgres) -> anyhow::Result<()> {
    const SELECT: &str = "select count(*), md5(coalesce(string_agg(event_id::text, ',' order by position), '')) from events";
    let (primary, standby) =
        (postgres.session(Role::Primary).await?, postgres.session(Role::Standby).await?);
    until("the standby has what the primary has", async || {
        let (one, other) = (
            primary.client.query_one(SELECT, &[]).await?,
            standby.client.query_one(SELECT, &[]).await?,
        );
        let of = |row: &tokio_postgres::Row| (row.get::<_, i64>(0), row.get::<_, String>(1));
        Ok(of(&one) == of(&other))
    })
    .await
}
