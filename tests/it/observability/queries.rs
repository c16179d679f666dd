//! Every query of dashboards and rules: valid in its language, with registered names only; together they use every metric.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::registry::Registry;
use super::{ALERTS, RECORDING, array, dashboards, rules, text, yaml};
use crate::support::postgres::new_directory;
use crate::support::tools::{Tool, node, program, run, tests};
use crate::tidy::assert_none;

/// The provisioning of data sources, in which a query leads from a trace to its log records.
const DATA_SOURCES: &str = "observability/grafana/provisioning/datasources/datasources.yaml";

/// A query of a file, with values for Grafana's variables.
#[derive(Debug, Serialize)]
pub(super) struct Query {
    #[serde(skip)]
    pub(super) place: String,
    pub(super) language: Language,
    #[serde(rename = "query")]
    pub(super) text: String,
    /// Legend of the series in the answer.
    #[serde(skip)]
    legend: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Language {
    Promql,
    Logql,
    Traceql,
}

impl Query {
    fn new(place: String, language: Language, text: &str) -> Self {
        let variables = [
            ("$__rate_interval", "5m"),
            ("$instance", ".*"),
            ("$${__trace.traceId}", "0af7651916cd43dd8448eb211c80319c"),
        ];
        let text =
            variables.iter().fold(text.to_owned(), |text, (name, value)| text.replace(name, value));
        assert!(!text.contains('$'), "{place} has a variable that is not known: {text}");
        Self { place, language, text, legend: String::new() }
    }
}

/// Queries of a dashboard.
fn of_dashboard(path: &str, dashboard: &Value) -> Vec<Query> {
    let mut queries = Vec::new();
    for panel in array(&dashboard["panels"]) {
        for target in array(&panel["targets"]) {
            let place = format!("{path}: {}", text(panel, "title"));
            let (language, key) = match text(&target["datasource"], "type") {
                "prometheus" => (Language::Promql, "expr"),
                "loki" => (Language::Logql, "expr"),
                "tempo" => (Language::Traceql, "query"),
                other => panic!("{place} asks a {other}"),
            };
            let query = Query::new(place, language, text(target, key));
            let legend = target["legendFormat"].as_str().unwrap_or_default().to_owned();
            queries.push(Query { legend, ..query });
        }
    }
    for annotation in array(&dashboard["annotations"]["list"]) {
        let place = format!("{path}: {}", text(annotation, "name"));
        queries.push(Query::new(place, Language::Promql, text(annotation, "expr")));
    }
    for variable in array(&dashboard["templating"]["list"]) {
        let place = format!("{path}: ${}", text(variable, "name"));
        let query = text(&variable["query"], "query");
        let values = query.strip_prefix("label_values(").and_then(|rest| rest.strip_suffix(')'));
        let (selector, label) = values.and_then(|values| values.rsplit_once(", ")).unwrap();
        let query = format!("count by ({label}) ({selector})");
        queries.push(Query::new(place, Language::Promql, &query));
    }
    queries
}

/// Queries of all dashboards.
pub(super) fn of_dashboards() -> Vec<Query> {
    dashboards().iter().flat_map(|(path, dashboard)| of_dashboard(path, dashboard)).collect()
}

/// Queries of the rules, in the order of their evaluation.
pub(super) fn of_rules() -> Vec<Query> {
    let of = |path: &str| {
        let query = |rule: &Value| {
            let name = rule["record"].as_str().or(rule["alert"].as_str()).unwrap();
            Query::new(format!("{path}: {name}"), Language::Promql, text(rule, "expr"))
        };
        rules(path).iter().map(query).collect::<Vec<_>>()
    };
    [RECORDING, ALERTS].map(of).into_iter().flatten().collect()
}

/// Queries that lead from a trace to its log records.
fn of_data_sources() -> Vec<Query> {
    let file: Value = yaml(DATA_SOURCES);
    let sources = array(&file["datasources"]);
    let query = |source: &Value| {
        let query = source["jsonData"]["tracesToLogsV2"]["query"].as_str()?.to_owned();
        Some(Query::new(DATA_SOURCES.to_owned(), Language::Logql, &query))
    };
    sources.filter_map(query).collect()
}

/// A query as its grammar reads it.
#[derive(Debug, Deserialize)]
struct Reading {
    error: Option<String>,
    #[serde(default)]
    selectors: Vec<Selector>,
}

/// A selector of a query: its metric, and every label that it names.
#[derive(Debug, Deserialize)]
struct Selector {
    metric: Option<String>,
    labels: Vec<String>,
}

async fn read_queries(queries: &[Query]) -> Vec<Reading> {
    let clients = tests("clients");
    let mut tool = Tool::start(&mut node(&clients, &clients.join("queries.mjs")));
    tool.tell(&serde_json::to_string(queries).unwrap()).await;
    let readings: Vec<Reading> = serde_json::from_str(&tool.printed().await).unwrap();
    assert_eq!(readings.len(), queries.len());
    readings
}

/// Recorded series, each with the labels of the metrics that it is recorded from.
async fn recorded(
    known: &BTreeMap<String, BTreeSet<String>>,
) -> BTreeMap<String, BTreeSet<String>> {
    let mut series = known.clone();
    let queries = of_rules();
    let readings = read_queries(&queries).await;
    for (rule, reading) in rules(RECORDING).iter().zip(&readings) {
        let metrics = reading.selectors.iter().map(|it| it.metric.as_deref().unwrap_or_default());
        let labels = metrics.filter_map(|metric| series.get(metric)).flatten().cloned().collect();
        let twice = series.insert(text(rule, "record").to_owned(), labels);
        assert!(twice.is_none(), "{rule} is recorded twice");
    }
    series
}

/// Every time series and its labels: registered metrics, recorded series, and Prometheus' own.
async fn series() -> BTreeMap<String, BTreeSet<String>> {
    let mut series = Registry::read().series();
    let own: [(&str, &[&str]); 3] = [
        ("up", &["job", "instance"]),
        ("target_info", &["job", "instance", "service_name", "service_version"]),
        ("ALERTS", &["alertname", "alertstate", "severity", "job", "instance"]),
    ];
    for (name, labels) in own {
        series.insert(name.to_owned(), labels.iter().map(|it| (*it).to_owned()).collect());
    }
    recorded(&series).await
}

/// The labels in a legend: `{{reason}}`.
fn of_legend(legend: &str) -> impl Iterator<Item = &str> {
    legend.split("{{").skip(1).filter_map(|rest| rest.split("}}").next())
}

#[tokio::test]
async fn every_query_is_one_of_its_language() {
    let queries: Vec<_> =
        [of_dashboards(), of_rules(), of_data_sources()].into_iter().flatten().collect();
    for language in [Language::Promql, Language::Logql, Language::Traceql] {
        assert!(queries.iter().any(|query| query.language == language), "{language:?} is used");
    }
    let readings = read_queries(&queries).await;
    let broken = queries.iter().zip(readings).filter_map(|(query, reading)| {
        Some(format!("{}: {} {}", query.place, reading.error?, query.text))
    });
    assert_none("a query is read by its grammar", broken);
}

#[tokio::test]
async fn prometheus_itself_understands_every_query_of_a_dashboard() {
    let queries = of_dashboards();
    let queries = queries.iter().filter(|query| query.language == Language::Promql);
    let rules: Vec<_> = queries
        .enumerate()
        .map(|(number, query)| json!({"record": format!("query:{number}"), "expr": query.text}))
        .collect();
    assert!(rules.len() > 50, "{} queries", rules.len());
    let directory = new_directory("promtool");
    // JSON is YAML.
    let file = directory.join("rules.yaml");
    let groups = json!({"groups": [{"name": "dashboards", "rules": rules}]});
    fs::write(&file, groups.to_string()).unwrap();
    run(program("promtool").args(["check", "rules"]).arg(file)).await;
    fs::remove_dir_all(directory).unwrap();
}

#[tokio::test]
async fn every_query_names_registered_metrics_and_their_own_labels_alone() {
    let series = series().await;
    let queries: Vec<_> = of_dashboards().into_iter().chain(of_rules()).collect();
    let readings = read_queries(&queries).await;
    let mut broken = Vec::new();
    for (query, reading) in queries.iter().zip(&readings) {
        let mut of_all = BTreeSet::new();
        for Selector { metric, labels } in &reading.selectors {
            let metric = metric.as_deref().unwrap_or("a selector without a name");
            let Some(allowed) = series.get(metric) else {
                broken.push(format!("{}: {metric}", query.place));
                continue;
            };
            let labels = labels.iter().filter(|label| !allowed.contains(*label));
            broken.extend(labels.map(|label| format!("{}: {label} of {metric}", query.place)));
            of_all.extend(allowed.iter().map(String::as_str));
        }
        let legend = of_legend(&query.legend).filter(|label| !of_all.contains(label));
        broken.extend(legend.map(|label| format!("{}: {label} in the legend", query.place)));
    }
    assert_none("a query names what there is", broken);
}

#[tokio::test]
async fn every_metric_is_on_a_dashboard_and_every_recorded_series_is_used() {
    let queries: Vec<_> = of_dashboards().into_iter().chain(of_rules()).collect();
    let readings = read_queries(&queries).await;
    let shown: BTreeSet<_> = queries
        .iter()
        .zip(&readings)
        .filter(|(query, _)| query.place.contains("/dashboards/"))
        .flat_map(|(_, reading)| &reading.selectors)
        .filter_map(|selector| selector.metric.clone())
        .collect();
    let registry = Registry::read();
    let missing = registry
        .metrics
        .iter()
        .filter(|(name, metric)| !metric.series(name).iter().any(|series| shown.contains(series)));
    assert_none("a metric is on a dashboard", missing.map(|(name, _)| name.clone()));

    let used: BTreeSet<_> = readings
        .iter()
        .flat_map(|reading| &reading.selectors)
        .filter_map(|selector| selector.metric.as_deref())
        .collect();
    let recorded = rules(RECORDING);
    let unused = recorded.iter().map(|rule| text(rule, "record")).filter(|it| !used.contains(it));
    assert_none("what is recorded is used", unused.map(str::to_owned));
}

#[test]
fn log_queries_name_registered_events_and_attributes() {
    let registry = Registry::read();
    let own = ["service_name", "event_name", "trace_id"];
    let mut known: BTreeSet<_> =
        registry.attributes.keys().map(|it| it.replace('.', "_")).collect();
    known.extend(own.map(str::to_owned));
    let queries: Vec<_> = of_dashboards().into_iter().chain(of_data_sources()).collect();
    let mut broken = Vec::new();
    for query in queries.iter().filter(|query| query.language == Language::Logql) {
        let names = query.text.split("event_name =~ `").nth(1).and_then(|it| it.split('`').next());
        let names = names.into_iter().flat_map(|names| names.split('|'));
        let names = names.filter(|name| !registry.events.contains_key(*name));
        broken.extend(names.map(|name| format!("{}: {name}", query.place)));
        let labels = query.text.split("{{.").skip(1).filter_map(|rest| rest.split("}}").next());
        let labels = labels.filter(|label| !known.contains(*label));
        broken.extend(labels.map(|label| format!("{}: {label}", query.place)));
    }
    assert_none("log queries name what is registered", broken);
}
