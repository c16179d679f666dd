//! The registry and the program: the same metrics, words, events and spans.

use std::collections::{BTreeMap, BTreeSet};

use keyfold::telemetry::audit_events::{KeyChange, Streak};
use keyfold::telemetry::metrics::METRICS;
use keyfold::telemetry::metrics::instrument::InstrumentKind;
use keyfold::telemetry::reason::Reason;

use super::registry::{Instrument, Place, Registry, Severity};
use crate::tidy::{assert_none, read, sources};

/// Source file of the audit events.
const EVENTS: &str = "src/telemetry/audit_events.rs";

/// Spans that are given their names when they are made: their names in the sources, and in the registry.
const NAMED_WHEN_MADE: [(&str, &str); 2] =
    [("http.request", "{method} {route}"), ("statement", "{db.query.summary}")];

#[test]
fn the_registry_has_exactly_the_metrics_of_the_program() {
    let registry = Registry::read();
    let registered: BTreeMap<_, _> = registry
        .metrics
        .iter()
        .map(|(name, it)| (name.as_str(), (it.instrument, it.unit.as_str(), it.meaning.as_str())))
        .collect();
    let programs: BTreeMap<_, _> = METRICS
        .iter()
        .map(|it| {
            let instrument = match it.kind {
                InstrumentKind::Counter => Instrument::Counter,
                InstrumentKind::UpDownCounter => Instrument::UpDownCounter,
                InstrumentKind::Gauge => Instrument::Gauge,
                InstrumentKind::Histogram => Instrument::Histogram,
            };
            (it.name, (instrument, it.unit, it.meaning))
        })
        .collect();
    assert_eq!(programs.len(), METRICS.len(), "no metric is defined twice");
    assert_eq!(registered, programs);
}

#[test]
fn the_words_of_the_program_are_the_values_of_the_registry() {
    let registry = Registry::read();
    let values = |attribute: &str| -> BTreeSet<_> {
        registry.attributes[attribute].values.iter().map(String::as_str).collect()
    };
    let reasons: BTreeSet<_> = Reason::ALL.iter().map(|reason| reason.word()).collect();
    assert_eq!(values("reason"), reasons);
    let changes = [
        KeyChange::Published,
        KeyChange::Signing,
        KeyChange::Verifying,
        KeyChange::Retired,
        KeyChange::Revoked,
    ];
    assert_eq!(values("change"), changes.map(KeyChange::word).into());
    let streaks = [Streak::First, Streak::Repeated, Streak::Persistent];
    assert_eq!(values("streak"), streaks.map(Streak::word).into());
}

#[test]
fn every_event_of_the_program_is_registered_with_its_severity_and_no_other() {
    let text = read(EVENTS);
    let (text, _) = text.split_once("#[cfg(test)]").unwrap_or((&text, ""));
    let mut told: BTreeMap<String, BTreeSet<Severity>> = BTreeMap::new();
    for call in text.split("tell!(").skip(1) {
        let severity = match call.trim_start().split(',').next() {
            Some("INFO") => Severity::Info,
            Some("WARN") => Severity::Warn,
            // The macros themselves.
            _ => continue,
        };
        // Inside of `attempted!` there is no name.
        if let Some(name) = literals(call).next().filter(|name| name.contains('.')) {
            told.entry(name.to_owned()).or_default().insert(severity);
        }
    }
    for call in text.split("attempted!(").skip(1) {
        let name = literals(call).next().unwrap().to_owned();
        told.insert(name, [Severity::Info, Severity::Warn].into());
    }
    let registry = Registry::read();
    let registered: BTreeMap<_, BTreeSet<_>> = registry
        .events
        .iter()
        .map(|(name, it)| (name.clone(), it.severity.iter().copied().collect()))
        .collect();
    assert_eq!(told, registered);

    let fields = text.split_once("Level::$level,\n            {").unwrap().1;
    let fields = fields.split_once('}').unwrap().0.lines();
    let fields: BTreeSet<_> =
        fields.filter_map(|line| Some(line.split_once(" = ")?.0.trim())).collect();
    let listed = registry.events.values().flat_map(|event| &event.attributes);
    assert_eq!(fields, listed.map(String::as_str).collect());
}

/// The string literals of a text.
fn literals(text: &str) -> impl Iterator<Item = &str> {
    text.split('"').skip(1).step_by(2)
}

/// The spans that the program makes, and the fields that they begin with.
fn spans() -> BTreeMap<String, BTreeSet<String>> {
    let mut spans: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    let mut found = |arguments: &str| {
        let arguments = arguments_of(arguments);
        let Some(name) = arguments.iter().find_map(|argument| argument.strip_prefix('"')) else {
            return;
        };
        let name = name.trim_end_matches('"').to_owned();
        let named = NAMED_WHEN_MADE.iter().find(|(called, _)| *called == name);
        let name = named.map_or(name, |(_, registered)| (*registered).to_owned());
        let fields = arguments.iter().filter_map(|argument| field(argument));
        spans.entry(name).or_default().extend(fields);
    };
    for source in sources("src").iter().filter(|source| !source.path.contains("/tests")) {
        let text = source.text.split("#[cfg(test)]\nmod tests").next().unwrap();
        for makes in ["child_span!(", "span_outliving!(", "info_span!("] {
            text.split(makes).skip(1).for_each(&mut found);
        }
    }
    spans
}

/// The arguments of a call, from behind its parenthesis.
fn arguments_of(text: &str) -> Vec<String> {
    let (mut depth, mut arguments, mut argument) = (0, Vec::new(), String::new());
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    for character in lines.flat_map(|line| line.chars().chain(['\n'])) {
        depth += i32::from("([{".contains(character)) - i32::from(")]}".contains(character));
        if depth < 0 {
            break;
        }
        if depth == 0 && character == ',' {
            arguments.push(std::mem::take(&mut argument));
        } else {
            argument.push(character);
        }
    }
    arguments.push(argument);
    arguments.iter().map(|argument| argument.trim().to_owned()).collect()
}

/// The name of a field: `name = value`, or `name` alone.
fn field(argument: &str) -> Option<String> {
    let name = argument.split(" = ").next().unwrap();
    let is_name = !name.is_empty()
        && name.chars().all(|it| it.is_ascii_lowercase() || it == '.' || it == '_');
    (is_name && !name.starts_with("otel.")).then(|| name.to_owned())
}

#[test]
fn every_span_of_the_program_is_registered_with_its_fields_and_no_other() {
    let registry = Registry::read();
    let spans = spans();
    assert_eq!(spans.keys().collect::<Vec<_>>(), registry.spans.keys().collect::<Vec<_>>());
    let broken = spans.iter().flat_map(|(name, fields)| {
        let listed = &registry.spans[name].attributes;
        let broken = fields.iter().filter(|field| !listed.contains(field));
        broken.map(move |field| format!("{name}: {field}"))
    });
    assert_none("a span has registered attributes only", broken);
}

#[test]
fn metrics_are_given_registered_attributes_only() {
    let registry = Registry::read();
    let program = sources("src").into_iter().filter(|source| !source.path.contains("tests"));
    let broken = program.flat_map(|source| {
        let given = source.text.split("KeyValue::new(\"").skip(1);
        let names = given.filter_map(|rest| rest.split('"').next());
        let place = match source.path.as_str() {
            // Attributes of the resource, and of the span of a failed request.
            "src/telemetry/start.rs" => Place::Resource,
            "src/http/edge/trace.rs" => Place::Span,
            _ => Place::Metric,
        };
        let broken = names.filter(|name| !registry.allows(place, name));
        broken.map(|name| format!("{}: {name}", source.path)).collect::<Vec<_>>()
    });
    assert_none("metrics have registered attributes only", broken);
}
