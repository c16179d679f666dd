//! The registry by itself: what it lists it defines, and no metric can identify a user.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::yaml;
use crate::tidy::assert_none;

/// `observability/registry.yaml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registry {
    pub resource: Vec<String>,
    pub attributes: BTreeMap<String, Attribute>,
    pub metrics: BTreeMap<String, Metric>,
    pub events: BTreeMap<String, Event>,
    pub spans: BTreeMap<String, Span>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attribute {
    #[serde(rename = "type")]
    pub kind: AttributeKind,
    pub on: Vec<Place>,
    #[serde(default)]
    pub values: Vec<String>,
    meaning: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AttributeKind {
    String,
    Int,
}

/// Kinds of telemetry that an attribute may belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    Event,
    Metric,
    Resource,
    Span,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metric {
    pub instrument: Instrument,
    pub unit: String,
    pub attributes: Vec<String>,
    pub meaning: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Instrument {
    Counter,
    UpDownCounter,
    Gauge,
    Histogram,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    pub severity: Vec<Severity>,
    pub attributes: Vec<String>,
    meaning: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Severity {
    Info,
    Warn,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Span {
    pub kind: SpanKind,
    pub attributes: Vec<String>,
    meaning: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SpanKind {
    Server,
    Internal,
    Client,
}

impl Registry {
    pub fn read() -> Self {
        yaml("observability/registry.yaml")
    }

    /// True if an attribute may belong to this kind of telemetry.
    pub fn allows(&self, place: Place, attribute: &str) -> bool {
        self.attributes.get(attribute).is_some_and(|it| it.on.contains(&place))
    }

    /// The time series of all metrics in Prometheus, each with the labels that it can have.
    pub fn series(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut series = BTreeMap::new();
        for (name, metric) in &self.metrics {
            let labels: BTreeSet<_> =
                metric.attributes.iter().map(|name| in_prometheus(name)).collect();
            for series_name in metric.series(name) {
                let mut labels = labels.clone();
                labels.extend(["instance", "job"].map(str::to_owned));
                if series_name.ends_with("_bucket") {
                    labels.insert("le".to_owned());
                }
                series.insert(series_name, labels);
            }
        }
        series
    }
}

impl Metric {
    /// Names of its time series, as the exporter for Prometheus makes them.
    pub fn series(&self, name: &str) -> Vec<String> {
        let unit = match self.unit.as_str() {
            "s" => "_seconds",
            "By" => "_bytes",
            "1" => "_ratio",
            annotation if annotation.starts_with('{') => "",
            unit => panic!("how does the exporter name the unit {unit} of {name}?"),
        };
        let name = format!("{}{unit}", in_prometheus(name));
        match self.instrument {
            Instrument::Counter => vec![format!("{name}_total")],
            Instrument::UpDownCounter | Instrument::Gauge => vec![name],
            Instrument::Histogram => {
                ["bucket", "sum", "count"].map(|part| format!("{name}_{part}")).into()
            }
        }
    }
}

/// A name as Prometheus has it.
pub fn in_prometheus(name: &str) -> String {
    name.replace('.', "_")
}

/// Attributes that would identify a user or a request.
const IDENTIFYING: [&str; 7] = [
    "user.id",
    "session.id",
    "client.address",
    "key.id",
    "stream.name",
    "url.path",
    "db.query.text",
];

/// Attributes of metrics whose values conventions or the program's own tables bound: methods, path templates, statuses,
/// SQLSTATEs, and statements.
const BOUNDED_ELSEWHERE: [&str; 5] = [
    "http.request.method",
    "http.route",
    "http.response.status_code",
    "error.type",
    "db.query.summary",
];

#[test]
fn whatever_lists_an_attribute_may_have_it_and_no_attribute_is_left_over() {
    let registry = Registry::read();
    let metrics = registry.metrics.iter().map(|(name, it)| (Place::Metric, name, &it.attributes));
    let events = registry.events.iter().map(|(name, it)| (Place::Event, name, &it.attributes));
    let spans = registry.spans.iter().map(|(name, it)| (Place::Span, name, &it.attributes));
    let process = "the process".to_owned();
    let resource = [(Place::Resource, &process, &registry.resource)];
    let all: Vec<_> = metrics.chain(events).chain(spans).chain(resource).collect();
    let broken = all.iter().flat_map(|(place, name, attributes)| {
        let broken = attributes.iter().filter(|attribute| !registry.allows(*place, attribute));
        broken.map(move |attribute| format!("{name}: {attribute} on a {place:?}"))
    });
    assert_none("an attribute is defined, and allowed where it is listed", broken);

    let is_used = |place: Place, attribute: &String| {
        all.iter().any(|(here, _, attributes)| *here == place && attributes.contains(attribute))
    };
    let unused = registry.attributes.iter().flat_map(|(name, attribute)| {
        let places = attribute.on.iter().filter(|place| !is_used(**place, name));
        places.map(move |place| format!("{name} on a {place:?}"))
    });
    assert_none("an attribute is listed by something of every kind that it is allowed on", unused);
}

#[test]
fn attributes_of_metrics_have_few_values_and_identify_nobody() {
    let registry = Registry::read();
    let of_metrics = || registry.attributes.iter().filter(|(_, it)| it.on.contains(&Place::Metric));
    let unbounded = of_metrics().filter(|(name, attribute)| {
        attribute.values.is_empty() && !BOUNDED_ELSEWHERE.contains(&name.as_str())
    });
    assert_none(
        "an attribute of metrics lists its values, unless something else bounds them",
        unbounded.map(|(name, _)| name.clone()),
    );
    let identifying = of_metrics().filter(|(name, _)| IDENTIFYING.contains(&name.as_str()));
    assert_none("no metric identifies anybody", identifying.map(|(name, _)| name.clone()));
    for name in IDENTIFYING.iter().chain(&BOUNDED_ELSEWHERE) {
        assert!(registry.attributes.contains_key(*name), "{name} is an attribute");
    }
}

#[test]
fn everything_registered_says_what_it_means() {
    let registry = Registry::read();
    let attributes = registry.attributes.iter().map(|(name, it)| (name, &it.meaning));
    let metrics = registry.metrics.iter().map(|(name, it)| (name, &it.meaning));
    let events = registry.events.iter().map(|(name, it)| (name, &it.meaning));
    let spans = registry.spans.iter().map(|(name, it)| (name, &it.meaning));
    let all = attributes.chain(metrics).chain(events).chain(spans);
    let broken = all.filter(|(_, meaning)| meaning.len() < 10 || !meaning.ends_with('.'));
    assert_none("a meaning is a sentence", broken.map(|(name, _)| name.clone()));
    let doubled = registry.attributes.iter().filter(|(_, attribute)| {
        let values: BTreeSet<_> = attribute.values.iter().collect();
        values.len() != attribute.values.len()
            || (!values.is_empty() && matches!(attribute.kind, AttributeKind::Int))
    });
    assert_none("values are words, each listed once", doubled.map(|(name, _)| name.clone()));
}
