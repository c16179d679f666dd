//! Durable writes beside durable inserts by PostgreSQL alone.

use crate::figures::{Figure, Goal, Row, in_turn, values};
use crate::load::{CONNECTIONS, Load};
use crate::people::Person;
use crate::pgbench::Pgbench;
use crate::postgres;
use crate::server::Server;

/// Milliseconds between two requests of a connection, in the row that shows the latency at low load.
const PAUSE: u32 = 32;

pub async fn measure() -> anyhow::Result<Vec<Row>> {
    let server = Server::start("writes").await?;
    let database = postgres::session(&server.database().await?).await?;
    let pgbench = Pgbench::prepare(&database).await?;
    let people = Person::sign_up_many(&server.url, usize::try_from(CONNECTIONS)?).await?;
    let requests: Vec<_> = people.iter().map(Person::create_request).collect();
    let load = Load::of("write-many", &requests)?;

    let (runs, limits) =
        in_turn(|_| load.run(&server.url, server.process()), |_| pgbench.run_many()).await?;
    let commits = average_commits(&limits);
    let many = Row::alone("POST task (64 users)", "/s", runs.clone(), Goal::RatioAtLeast(1.5))
        .beside("pgbench", limits);
    let busy =
        Row::alone("p99 of POST task (64 users)", "ms", latencies(&runs), Goal::RatioAtMost(4.0))
            .beside("a commit among 64", commits);

    let one = one_user(&server, &pgbench).await?;
    postgres::settle(&database).await?;
    let calm = calm(&load.paced(PAUSE), &server, &pgbench).await?;
    server.stop().await?;
    Ok(vec![many, one, busy, calm])
}

/// Latency at low load, beside commits by as many pgbench clients at the same rate and by a single client.
async fn calm(load: &Load, server: &Server, pgbench: &Pgbench) -> anyhow::Result<Row> {
    let pace = load.run(&server.url, server.process()).await?.value;
    let (runs, commits) =
        in_turn(|_| load.run(&server.url, server.process()), |_| pgbench.slow_commits(pace))
            .await?;
    let alone = pgbench.slow_lone_commits().await?;
    let name = format!("p99 of POST task (64 users, {:.0}/s)", values(&runs));
    let beside = format!(
        "p99 of commits among 64 at that pace (a lone commit: {:.2} ms, p99 {:.2} ms)",
        alone.p50.unwrap_or(f64::NAN),
        alone.value
    );
    let row = Row::alone(name, "ms", latencies(&runs), Goal::RatioAtMost(4.0));
    Ok(row.beside(beside, commits))
}

/// All connections write to one list. They change one task repeatedly, because the number of tasks in a list is limited.
async fn one_user(server: &Server, pgbench: &Pgbench) -> anyhow::Result<Row> {
    let ada = Person::sign_up(&server.url).await?;
    let task = ada.create_task(&server.url).await?;
    let load = Load::of("write-one", &[ada.change_request(&task)])?;
    let (runs, limits) =
        in_turn(|_| load.run(&server.url, server.process()), |_| pgbench.run_many()).await?;
    Ok(Row::alone("PATCH task (one user)", "/s", runs, Goal::RatioAtLeast(1.0))
        .beside("pgbench", limits))
}

/// The 99th percentiles of the latency, as figures of their own.
fn latencies(runs: &[Figure]) -> Vec<Figure> {
    runs.iter()
        .map(|run| Figure {
            value: run.p99.unwrap_or(f64::NAN),
            shares: run.shares.clone(),
            ..Figure::default()
        })
        .collect()
}

/// The average commit latencies, as figures of their own.
fn average_commits(runs: &[Figure]) -> Vec<Figure> {
    runs.iter().map(|run| Figure::of(run.average.unwrap_or(f64::NAN))).collect()
}
