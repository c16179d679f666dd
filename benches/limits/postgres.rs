//! Synthetic histories, written into the log by single statements.

use keyfold::postgres::Connection;
use tokio_postgres::Client;

use crate::server::Server;

/// Inserts streams of task creations: parameters are the user ids and the number of tasks of each.
const TASKS: &str = "\
with history as (
    select person, number from unnest($1::text[]) person, generate_series(1::bigint, $2::bigint) number
), head as (
    select events_lock() as base
)
insert into events (position, stream, version, slice, event_id, type, schema, data, context, recorded_at)
select head.base + row_number() over (), 'tasks-' || person, number, 0, gen_random_uuid(), 'TaskCreated', 1,
       json_build_object('taskId', lpad(to_hex(number), 32, '0')::uuid,
                         'task', json_build_object('title', 'Buy milk on the way home',
                                                   'description', 'Two litres of the fresh one',
                                                   'position', 'i0' || lpad(to_hex(number), 6, '0')),
                         'at', '2026-01-01T00:00:00.000Z', 'mark', 'AAAAAAAA'),
       jsonb_build_object('userId', person), now()
from head, history";

/// Inserts one stream in which tasks are created, change three times and are deleted, one event a second, with about a
/// thousand tasks alive at a time.
const LIFE: &str = "\
with history as (
    select number, (number - 1) / 5 as task, (number - 1) % 5 as step,
           to_char(timestamp '2026-01-01' + number * interval '1 second', 'YYYY-MM-DD\"T\"HH24:MI:SS\".000Z\"') as at
    from generate_series(1::bigint, $2::bigint) number
), head as (
    select events_lock() as base
)
insert into events (position, stream, version, slice, event_id, type, schema, data, context, recorded_at)
select head.base + number, 'tasks-' || $1::text, number, 0, gen_random_uuid(),
       case when step = 0 then 'TaskCreated' when step = 4 and task >= 1000 then 'TaskDeleted' else 'TaskChanged' end, 1,
       case
           when step = 0 then json_build_object('taskId', lpad(to_hex(task), 32, '0')::uuid,
               'task', json_build_object('title', 'Buy milk on the way home',
                                         'description', 'Two litres of the fresh one',
                                         'position', 'i0' || lpad(to_hex(task), 6, '0')),
               'at', at, 'mark', 'AAAAAAAA', 'step', json_build_object('below', json_build_array(number - 1, number - 1)))
           when step = 4 and task >= 1000 then json_build_object('taskId', lpad(to_hex(task - 1000), 32, '0')::uuid,
               'task', json_build_object('title', 'Buy milk on the way home',
                                         'position', 'i0' || lpad(to_hex(task - 1000), 6, '0')),
               'createdAt', at, 'previous', number - 5001, 'at', at, 'mark', 'AAAAAAAA',
               'step', json_build_object('below', json_build_array(number - 1, number - 1)))
           else json_build_object('taskId', lpad(to_hex(task), 32, '0')::uuid,
               'before', json_build_object('completedAt', case when step % 2 = 0 then at end),
               'after', json_build_object('completedAt', case when step % 2 = 1 then at end),
               'previous', number - 1, 'at', at, 'mark', 'AAAAAAAA',
               'step', json_build_object('below', json_build_array(number - 1, number - 1)))
       end,
       jsonb_build_object('userId', $1::text), now()
from head, history";

/// Users whose histories are written in one statement.
const AT_ONCE: usize = 2_500;

/// Identifier of the synthetic user with this number, who has a history but no account.
pub fn person(number: usize) -> String {
    uuid::Uuid::from_u128(0x019a_ab76_5800_7000_9000_0000_0000_0000 + number as u128).to_string()
}

/// Opens a database session without a statement timeout.
///
/// # Errors
///
/// If the database cannot be reached.
pub async fn session(connection: &Connection) -> anyhow::Result<Client> {
    let link = connection.connect().await?;
    link.client.batch_execute("set statement_timeout = 0").await?;
    Ok(link.client)
}

/// Writes `each` task creations for every user.
///
/// # Errors
///
/// If the database rejects a statement.
pub async fn write_tasks(client: &Client, people: &[String], each: i64) -> anyhow::Result<()> {
    for people in people.chunks(AT_ONCE) {
        client.execute(TASKS, &[&people, &each]).await?;
    }
    settle(client).await
}

/// Writes one long history for a user.
///
/// # Errors
///
/// If the database rejects a statement.
pub async fn write_life(client: &Client, person: &str, events: i64) -> anyhow::Result<()> {
    client.execute(LIFE, &[&person, &events]).await?;
    settle(client).await
}

/// Runs vacuum and a checkpoint now, so that autovacuum and the checkpointer do not run during a measurement.
///
/// # Errors
///
/// If the database rejects a statement.
pub async fn settle(client: &Client) -> anyhow::Result<()> {
    client.batch_execute("vacuum (analyze) events").await?;
    Ok(client.batch_execute("checkpoint").await?)
}

/// Version of PostgreSQL under the measured servers.
///
/// # Errors
///
/// If a server does not start.
pub async fn version() -> anyhow::Result<String> {
    let server = Server::start("version").await?;
    let version = session(&server.database().await?).await?;
    let version = version.query_one("show server_version", &[]).await?.get(0);
    server.stop().await?;
    Ok(version)
}
