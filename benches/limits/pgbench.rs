//! PostgreSQL alone as the limit of a write: pgbench commits single rows on the server's cluster.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use tokio::process::Command;
use tokio_postgres::Client;

use crate::figures::Figure;
use crate::load::{CONNECTIONS, SECONDS};
use crate::processor::Reading;

/// A copy of the log's table beside it: its columns, checks and indexes, without its triggers.
const ROWS: &str = "\
create table if not exists bench_rows (like events including all);
create sequence if not exists bench_position";

/// One task as one row in its own transaction. Each client writes its own stream, as each user does.
const INSERT: &str = r#"\set version :version + 1
insert into bench_rows (position, stream, version, slice, event_id, type, schema, data, context, recorded_at)
values (nextval('bench_position'), concat('tasks-', :run::text, '-', :client_id::text), :version, 7, gen_random_uuid(), 'TaskCreated', 1,
 '{"taskId":"019aab76-5800-7000-8000-000000000003","task":{"title":"Buy milk on the way home","description":"Two litres of the fresh one","position":"i0000000"},"at":"2026-01-01T00:00:00.000Z","mark":"AAAAAAAA","step":{"below":[7,7]}}',
 '{"userId": "019aab76-5800-7000-8000-000000000001", "sessionId": "019aab76-5800-7000-8000-000000000002", "clientAddress": "127.0.0.1", "traceId": "0af7651916cd43dd8448eb211c80319c"}',
 now());
"#;

/// Leading seconds of a paced run that are not counted, in which clients connect and prepare their statements.
const WARM_UP: u32 = 1;

/// pgbench, connected to the cluster of a server.
#[derive(Debug)]
pub struct Pgbench {
    program: PathBuf,
    socket: String,
    directory: PathBuf,
}

impl Pgbench {
    /// Creates the table for pgbench in the cluster behind `client`.
    ///
    /// # Errors
    ///
    /// If the database rejects the statements or a file cannot be written.
    pub async fn prepare(client: &Client) -> anyhow::Result<Self> {
        client.batch_execute(ROWS).await?;
        let places = "select (select setting from pg_config where name = 'BINDIR'), current_setting('unix_socket_directories')";
        let row = client.query_one(places, &[]).await?;
        let directory = crate::scratch()?.join(crate::fresh_name());
        fs::create_dir(&directory)?;
        fs::write(directory.join("insert.sql"), INSERT)?;
        let programs: &str = row.get(0);
        // The setting is a quoted list with one item.
        let socket = row.get::<_, &str>(1).trim_matches('"').to_owned();
        Ok(Self { program: PathBuf::from(programs).join("pgbench"), socket, directory })
    }

    /// Measures durable single-row inserts per second with [`CONNECTIONS`] clients.
    ///
    /// # Errors
    ///
    /// If pgbench fails.
    pub async fn run_many(&self) -> anyhow::Result<Figure> {
        let before = Reading::take();
        let text = self.run(CONNECTIONS, SECONDS, &[]).await?;
        let number = |label: &str| -> anyhow::Result<f64> {
            let rest = text.split_once(label).map(|(_, rest)| rest.trim_start());
            let word = rest.and_then(|rest| rest.split_whitespace().next());
            Ok(word.with_context(|| format!("pgbench did not say {label}: {text}"))?.parse()?)
        };
        Ok(Figure {
            value: number("tps =")?,
            average: Some(number("latency average =")?),
            shares: before.and_then(|before| before.shares_until_now(0)),
            ..Figure::default()
        })
    }

    /// Measures the 99th percentile of the commit latency in milliseconds, with [`CONNECTIONS`] clients that together make
    /// `per_second` durable commits a second.
    ///
    /// # Errors
    ///
    /// If pgbench fails.
    pub async fn slow_commits(&self, per_second: f64) -> anyhow::Result<Figure> {
        self.latencies(CONNECTIONS, &["--rate", &per_second.to_string()]).await
    }

    /// Measures the 99th percentile of the commit latency in milliseconds of a single client without other load.
    ///
    /// # Errors
    ///
    /// If pgbench fails.
    pub async fn slow_lone_commits(&self) -> anyhow::Result<Figure> {
        self.latencies(1, &[]).await
    }

    /// Latencies of a run, from pgbench's log of every transaction.
    async fn latencies(&self, clients: u32, pace: &[&str]) -> anyhow::Result<Figure> {
        let logs = self.directory.join(crate::fresh_name());
        fs::create_dir(&logs)?;
        let prefix = logs.join("log").display().to_string();
        let log = ["--log", "--log-prefix", &prefix];
        self.run(clients, WARM_UP + SECONDS, &[&log, pace].concat()).await?;
        let mut latencies = after_warm_up(&logs)?;
        latencies.sort_by(f64::total_cmp);
        let p99 = quantile(&latencies, 99);
        let p50 = Some(quantile(&latencies, 50));
        Ok(Figure { value: p99, p50, p99: Some(p99), ..Figure::default() })
    }

    /// Runs pgbench and returns its standard output.
    async fn run(&self, clients: u32, seconds: u32, options: &[&str]) -> anyhow::Result<String> {
        let run = crate::fresh_name();
        let output = Command::new(&self.program)
            .args(["--no-vacuum", "--protocol", "prepared", "--jobs", &clients.min(2).to_string()])
            .args(["--client", &clients.to_string(), "--time", &seconds.to_string()])
            .args(["--define", "version=0", "--define", &format!("run={run}")])
            .args(["--host", &self.socket, "--username", "keyfold", "--file"])
            .arg(self.directory.join("insert.sql"))
            .args(options)
            .arg("keyfold")
            .kill_on_drop(true)
            .output()
            .await
            .with_context(|| format!("{} does not run", self.program.display()))?;
        ensure!(output.status.success(), "pgbench: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?)
    }
}

/// Milliseconds taken by each transaction that ended after the warm-up.
///
/// A line of pgbench's log is: client, transaction, microseconds, script, then the end in seconds and microseconds; for a
/// paced run also the microseconds by which the transaction started late, which are included in the third field and
/// subtracted here.
fn after_warm_up(logs: &Path) -> anyhow::Result<Vec<f64>> {
    let mut transactions = Vec::new();
    for log in fs::read_dir(logs)? {
        for line in fs::read_to_string(log?.path())?.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            let [_, _, took, _, seconds, micros, late @ ..] = words.as_slice() else { continue };
            let late = late.first().map_or(Ok(0.0), |late| late.parse::<f64>())?;
            let (took, seconds) = (took.parse::<f64>()? - late, seconds.parse::<f64>()?);
            let ended = seconds + micros.parse::<f64>()? / 1e6;
            transactions.push((ended, took / 1e3));
        }
    }
    let first = transactions.iter().map(|(ended, _)| *ended).fold(f64::INFINITY, f64::min);
    let counts = |(ended, _): &&(f64, f64)| *ended > first + f64::from(WARM_UP);
    Ok(transactions.iter().filter(counts).map(|(_, took)| *took).collect())
}

/// Percentile of numbers in ascending order.
fn quantile(sorted: &[f64], percent: usize) -> f64 {
    sorted.get(sorted.len() * percent / 100).copied().unwrap_or(f64::NAN)
}
