//! Cost of full telemetry: one server without any, beside one that exports traces, metrics and log records to a collector on
//! this machine with default sampling and whose metrics are scraped every second.

use std::time::Duration;

use tokio::task::JoinSet;

use crate::collector::Collector;
use crate::figures::{Goal, Row, in_turn};
use crate::load::{CONNECTIONS, Load, get};
use crate::people::{Person, client};
use crate::server::Server;

/// Telemetry may cost at most 5 % of the throughput.
const GOAL: Goal = Goal::RatioAtLeast(0.95);

/// A server and the loads that are sent to it.
struct Side {
    server: Server,
    reads: Load,
    refusals: Load,
    writes: Load,
}

impl Side {
    async fn start(name: &str, variables: &[(&str, &str)]) -> anyhow::Result<Self> {
        let server = Server::start_with(name, variables).await?;
        let people = Person::sign_up_many(&server.url, usize::try_from(CONNECTIONS)?).await?;
        let ada = Person::sign_up(&server.url).await?;
        ada.create_tasks(&server.url, 20).await?;
        let creations: Vec<_> = people.iter().map(Person::create_request).collect();
        let forged = get(&ada.tasks(), &[("Authorization", "Bearer e30.e30.e30")]);
        Ok(Self {
            reads: Load::of(&format!("{name}-reads"), &[ada.list_request()])?,
            refusals: Load::of(&format!("{name}-refusals"), &[forged])?.refused(),
            writes: Load::of(&format!("{name}-writes"), &creations)?,
            server,
        })
    }
}

/// Selects one load of a side.
type Part = fn(&Side) -> &Load;

pub async fn measure() -> anyhow::Result<Vec<Row>> {
    let collector = Collector::start().await?;
    let without = Side::start("untold", &[("KEYFOLD_METRICS_LISTEN", "off")]).await?;
    let with = Side::start("told", &[("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url)]).await?;
    let mut scraping = JoinSet::new();
    scraping.spawn(scrape(with.server.metrics.clone()));
    let mut rows = Vec::new();
    let loads: [(&str, Part); 3] = [
        ("GET tasks with full telemetry", |side| &side.reads),
        ("401 with full telemetry", |side| &side.refusals),
        ("POST task (64 users) with full telemetry", |side| &side.writes),
    ];
    for (name, load) in loads {
        let run = |side: &Side| {
            let (load, url, process) =
                (load(side).clone(), side.server.url.clone(), side.server.process());
            async move { load.run(&url, process).await }
        };
        let (runs, limits) = in_turn(|_| run(&with), |_| run(&without)).await?;
        rows.push(Row::alone(name, "/s", runs, GOAL).beside("without any", limits));
    }
    with.server.stop().await?;
    without.server.stop().await?;
    Ok(rows)
}

/// Scrapes the metrics as Prometheus does, but every second.
async fn scrape(url: String) {
    let mut pace = tokio::time::interval(Duration::from_secs(1));
    loop {
        pace.tick().await;
        // A stopped server is no error here; the loop is aborted as `measure` returns.
        if let Ok(response) = client().get(&url).send().await {
            drop(response.bytes().await);
        }
    }
}
