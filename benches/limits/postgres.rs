//! PostgreSQL as the limit of a write, and histories that are written into the log at once.

use std::path::PathBuf;

use anyhow::{Context, ensure};
use keyfold::database::Connection;
use tokio::process::Command;
use tokio_postgres::Client;

use crate::figures::Figure;
use crate::load::{CONNECTIONS, SECONDS};
use crate::processor::Reading;

/// A table like the log, beside it: the same columns, checks and indexes, without its triggers.
const ROWS: &str = "\
create table if not exists bench_rows (like events including all);
create sequence if not exists bench_position";

/// One task as one row, committed by itself. Each client writes a stream of its own, as each user does.
const INSERT: &str = r#"\set version :version + 1
insert into bench_rows (position, stream, version, slice, event_id, command_id, type, schema, data, context, recorded_at)
values (nextval('bench_position'), concat('tasks-', :run::text, '-', :client_id::text), :version, 7, gen_random_uuid(), null, 'TaskCreated', 1,
 '{"taskId": "019aab76-5800-7000-8000-000000000003", "title": "Buy milk on the way home", "description": "Two litres of the fresh one", "completed": false, "createdAt": "2026-01-01T00:00:00.000Z"}',
 '{"userId": "019aab76-5800-7000-8000-000000000001", "sessionId": "019aab76-5800-7000-8000-000000000002", "clientAddress": "127.0.0.1", "traceId": "0af7651916cd43dd8448eb211c80319c"}',
 now());
"#;

/// Streams with a number of tasks each, as `(user ids, tasks of each)`.
const TASKS: &str = "\
with history as (
    select person, number from unnest($1::text[]) person, generate_series(1::bigint, $2::bigint) number
), head as (
    update log_head set position = position + (select count(*) from history)
    returning position - (select count(*) from history) as base
)
insert into events (position, stream, version, slice, event_id, type, schema, data, context, recorded_at)
select head.base + row_number() over (), 'tasks-' || person, number, 0, gen_random_uuid(), 'TaskCreated', 1,
       jsonb_build_object('taskId', lpad(to_hex(number), 32, '0')::uuid, 'title', 'Buy milk on the way home',
                          'description', 'Two litres of the fresh one', 'completed', false,
                          'createdAt', '2026-01-01T00:00:00.000Z'),
       jsonb_build_object('userId', person), now()
from head, history";

/// One stream in which tasks come, change three times and go, so that a thousand of them are there at a time.
const LIFE: &str = "\
with history as (
    select number, (number - 1) / 5 as task, (number - 1) % 5 as step from generate_series(1::bigint, $2::bigint) number
), head as (
    update log_head set position = position + $2::bigint returning position - $2::bigint as base
)
insert into events (position, stream, version, slice, event_id, type, schema, data, context, recorded_at)
select head.base + number, 'tasks-' || $1::text, number, 0, gen_random_uuid(),
       case when step = 0 then 'TaskCreated' when step = 4 and task >= 1000 then 'TaskDeleted' else 'TaskChanged' end, 1,
       case
           when step = 0 then jsonb_build_object('taskId', lpad(to_hex(task), 32, '0')::uuid,
               'title', 'Buy milk on the way home', 'description', 'Two litres of the fresh one', 'completed', false,
               'createdAt', '2026-01-01T00:00:00.000Z')
           when step = 4 and task >= 1000 then jsonb_build_object('taskId', lpad(to_hex(task - 1000), 32, '0')::uuid,
               'deletedAt', '2026-01-01T00:00:00.000Z')
           else jsonb_build_object('taskId', lpad(to_hex(task), 32, '0')::uuid, 'completed', step % 2 = 1,
               'changedAt', '2026-01-01T00:00:00.000Z')
       end,
       jsonb_build_object('userId', $1::text), now()
from head, history";

/// People whose histories are written in one statement.
const AT_ONCE: usize = 2_500;

/// The identifier of the person with this number, who has a history and nothing else.
pub fn person(number: usize) -> String {
    uuid::Uuid::from_u128(0x019a_ab76_5800_7000_9000_0000_0000_0000 + number as u128).to_string()
}

/// A session without a limit on how long a statement may take.
///
/// # Errors
///
/// When there is none.
pub async fn session(connection: &Connection) -> anyhow::Result<Client> {
    let link = connection.connect().await?;
    link.client.batch_execute("set statement_timeout = 0").await?;
    Ok(link.client)
}

/// Writes histories of tasks for these people.
///
/// # Errors
///
/// When the database refuses.
pub async fn write_tasks(client: &Client, people: &[String], each: i64) -> anyhow::Result<()> {
    for people in people.chunks(AT_ONCE) {
        client.execute(TASKS, &[&people, &each]).await?;
    }
    settle(client).await
}

/// Writes one long history for a person.
///
/// # Errors
///
/// When the database refuses.
pub async fn write_life(client: &Client, person: &str, events: i64) -> anyhow::Result<()> {
    client.execute(LIFE, &[&person, &events]).await?;
    settle(client).await
}

/// Does at once what autovacuum and the checkpointer would do soon, so that they do not run while something is measured.
async fn settle(client: &Client) -> anyhow::Result<()> {
    client.batch_execute("vacuum (analyze) events").await?;
    Ok(client.batch_execute("checkpoint").await?)
}

/// pgbench on a server's cluster.
#[derive(Debug)]
pub struct Pgbench {
    program: PathBuf,
    socket: String,
    script: PathBuf,
}

impl Pgbench {
    /// Makes its table in the cluster behind `client`.
    ///
    /// # Errors
    ///
    /// When the database refuses.
    pub async fn prepare(client: &Client) -> anyhow::Result<Self> {
        client.batch_execute(ROWS).await?;
        let places = "select (select setting from pg_config where name = 'BINDIR'), current_setting('unix_socket_directories')";
        let row = client.query_one(places, &[]).await?;
        let script = crate::scratch()?.join("insert.sql");
        std::fs::write(&script, INSERT)?;
        let programs: &str = row.get(0);
        // The setting is a quoted list with one item.
        let socket = row.get::<_, &str>(1).trim_matches('"').to_owned();
        Ok(Self { program: PathBuf::from(programs).join("pgbench"), socket, script })
    }

    /// Durable single-row inserts per second of this many clients.
    ///
    /// # Errors
    ///
    /// When pgbench fails.
    pub async fn run(&self, clients: u32) -> anyhow::Result<Figure> {
        let before = Reading::take();
        let run = crate::fresh_name();
        let output = Command::new(&self.program)
            .args(["--no-vacuum", "--protocol", "prepared", "--jobs", &clients.min(2).to_string()])
            .args(["--client", &clients.to_string(), "--time", &SECONDS.to_string()])
            .args(["--define", "version=0", "--define", &format!("run={run}")])
            .args(["--host", &self.socket, "--username", "keyfold", "--file"])
            .arg(&self.script)
            .arg("keyfold")
            .kill_on_drop(true)
            .output()
            .await
            .with_context(|| format!("{} does not run", self.program.display()))?;
        let text = String::from_utf8_lossy(&output.stdout);
        ensure!(output.status.success(), "pgbench: {}", String::from_utf8_lossy(&output.stderr));
        let number = |label: &str| -> anyhow::Result<f64> {
            let rest = text.split_once(label).map(|(_, rest)| rest.trim_start());
            let word = rest.and_then(|rest| rest.split_whitespace().next());
            Ok(word.with_context(|| format!("pgbench did not say {label}: {text}"))?.parse()?)
        };
        Ok(Figure {
            value: number("tps =")?,
            p50: Some(number("latency average =")?),
            p99: None,
            shares: before.and_then(|before| before.shares_until_now(0)),
        })
    }

    /// How long one durable commit takes when nobody else commits, in milliseconds.
    ///
    /// # Errors
    ///
    /// When pgbench fails.
    pub async fn commit_time(&self) -> anyhow::Result<Figure> {
        let run = self.run(1).await?;
        Ok(Figure::of(run.p50.unwrap_or(f64::NAN)))
    }

    /// The same as [`Pgbench::run`] with as many clients as the load generator has connections.
    ///
    /// # Errors
    ///
    /// When pgbench fails.
    pub async fn run_many(&self) -> anyhow::Result<Figure> {
        self.run(CONNECTIONS).await
    }
}
