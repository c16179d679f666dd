//! A server exports only telemetry that the registry names, in the registered form.

use std::collections::BTreeSet;

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::metrics::v1::Metric;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind as Kind;

use super::collector::Collector;
use super::{as_text, exporting, stop, whole_flow};
use crate::observability::registry::{AttributeKind, Instrument, Place, Registry, SpanKind};
use crate::support::app::SECRET;
use crate::support::process::ExternalDatabase;

/// Violations among the attributes of a metric, span or event, which may have the `listed` ones.
fn wrong(
    registry: &Registry,
    (place, name): (Place, &str),
    listed: &[String],
    attributes: &[KeyValue],
) -> Vec<String> {
    let is_wrong = |attribute: &&KeyValue| {
        let value = attribute.value.as_ref().unwrap();
        let Some(registered) = registry.attributes.get(&attribute.key) else { return true };
        let is_int = matches!(value.value, Some(Value::IntValue(_)));
        let kind = if is_int { AttributeKind::Int } else { AttributeKind::String };
        let is_known = registered.values.is_empty() || registered.values.contains(&as_text(value));
        !(listed.contains(&attribute.key)
            && registry.allows(place, &attribute.key)
            && registered.kind == kind
            && is_known)
    };
    let broken = attributes.iter().filter(is_wrong);
    broken.map(|attribute| format!("{name}: {attribute:?}")).collect()
}

/// The attributes of every series of a metric, and its kind of instrument.
fn series(metric: &Metric) -> (Instrument, Vec<&[KeyValue]>) {
    match metric.data.as_ref().unwrap() {
        Data::Sum(sum) => {
            let points = sum.data_points.iter().map(|point| &*point.attributes).collect();
            let counts = sum.is_monotonic;
            (if counts { Instrument::Counter } else { Instrument::UpDownCounter }, points)
        }
        Data::Gauge(gauge) => {
            let points = gauge.data_points.iter().map(|point| &*point.attributes).collect();
            (Instrument::Gauge, points)
        }
        Data::Histogram(histogram) => {
            let points = histogram.data_points.iter().map(|point| &*point.attributes).collect();
            (Instrument::Histogram, points)
        }
        other @ (Data::ExponentialHistogram(_) | Data::Summary(_)) => panic!("{other:?}"),
    }
}

/// The name of a span in the registry.
fn registered_name(span: &Span) -> &str {
    match span.kind() {
        Kind::Server => "{method} {route}",
        Kind::Client => "{db.query.summary}",
        Kind::Unspecified | Kind::Internal | Kind::Producer | Kind::Consumer => &span.name,
    }
}

fn kind(span: &Span) -> SpanKind {
    match span.kind() {
        Kind::Server => SpanKind::Server,
        Kind::Client => SpanKind::Client,
        Kind::Unspecified | Kind::Internal | Kind::Producer | Kind::Consumer => SpanKind::Internal,
    }
}

#[tokio::test]
async fn a_server_exports_what_is_registered_and_nothing_else() {
    let (collector, database) = (Collector::start().await, ExternalDatabase::new().await);
    let keyfold = exporting(&database.keyfold(SECRET), collector.address);
    let server = keyfold.set("KEYFOLD_TRACE_SAMPLING", "1").serve().await;
    whole_flow(&server).await;
    stop(server).await;
    let registry = Registry::read();
    let mut broken = Vec::new();

    for metric in collector.metrics() {
        let registered = &registry.metrics[&metric.name];
        let (instrument, points) = series(&metric);
        let is_as_registered = (instrument, metric.unit.as_str(), metric.description.as_str())
            == (registered.instrument, registered.unit.as_str(), registered.meaning.as_str());
        assert!(is_as_registered, "{metric:?}");
        let name = (Place::Metric, metric.name.as_str());
        broken.extend(
            points.into_iter().flat_map(|it| wrong(&registry, name, &registered.attributes, it)),
        );
    }
    for span in collector.spans() {
        let name = registered_name(&span);
        let registered = &registry.spans[name];
        assert_eq!(registered.kind, kind(&span), "{span:?}");
        broken.extend(wrong(
            &registry,
            (Place::Span, name),
            &registered.attributes,
            &span.attributes,
        ));
    }
    let records = collector.records();
    for record in records.iter().filter(|record| !record.event_name.is_empty()) {
        let name = record.event_name.as_str();
        let registered = &registry.events[name];
        let severities: Vec<_> =
            registered.severity.iter().map(|it| format!("{it:?}").to_uppercase()).collect();
        assert!(severities.contains(&record.severity_text), "{record:?}");
        broken.extend(wrong(
            &registry,
            (Place::Event, name),
            &registered.attributes,
            &record.attributes,
        ));
    }
    for resource in collector.resources() {
        let name = (Place::Resource, "the process");
        let own: Vec<_> = resource
            .attributes
            .into_iter()
            .filter(|attribute| !attribute.key.starts_with("telemetry.sdk."))
            .collect();
        assert_eq!(own.len(), registry.resource.len(), "{own:?}");
        broken.extend(wrong(&registry, name, &registry.resource, &own));
    }
    assert_eq!(broken, Vec::<String>::new());
}

#[tokio::test]
async fn two_processes_are_two_instances_and_a_command_measures_nothing() {
    let (collector, database) = (Collector::start().await, ExternalDatabase::new().await);
    let keyfold = exporting(&database.keyfold(SECRET), collector.address);
    stop(keyfold.serve().await).await;
    let measured = collector.metrics().len();
    keyfold.print(&["keys", "rotate"]).await;
    assert!(measured > 0 && collector.metrics().len() == measured);
    let instance = |of: &[KeyValue]| {
        let id = of.iter().find(|attribute| attribute.key == "service.instance.id").unwrap();
        as_text(id.value.as_ref().unwrap())
    };
    let instances: BTreeSet<_> =
        collector.resources().iter().map(|resource| instance(&resource.attributes)).collect();
    assert_eq!(instances.len(), 2);
}
