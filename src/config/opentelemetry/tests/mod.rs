//! Standard variables, read from made-up environments: each of the table, with usable and unusable values.

mod sent;
mod wrong;

use std::collections::{BTreeMap, BTreeSet};

use super::super::{Config, VARIABLES};
use super::*;
use crate::telemetry::settings::{MetricsPlace, TelemetrySettings, TraceSampling};

const COLLECTOR: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4317");
const OVER_HTTP: (&str, &str) = ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf");

fn environment(variables: &[(&str, &str)]) -> BTreeMap<String, String> {
    variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn telemetry(variables: &[(&str, &str)]) -> TelemetrySettings {
    Config::from_environment(&environment(variables)).unwrap().telemetry
}

/// Settings made of these variables, which leave nothing to remark.
#[track_caller]
fn read(variables: &[(&str, &str)]) -> OpenTelemetrySettings {
    let config = *telemetry(variables).opentelemetry;
    assert_eq!(config.remarks, Vec::<String>::new());
    config
}

/// Remarks about variables that change nothing else.
#[track_caller]
fn remarks(beside: &[(&str, &str)], variables: &[(&str, &str)]) -> Vec<String> {
    let mut without = telemetry(beside);
    let mut with = telemetry(&[beside, variables].concat());
    without.opentelemetry.remarks.clear();
    let remarks = std::mem::take(&mut with.opentelemetry.remarks);
    assert_eq!(format!("{with:#?}"), format!("{without:#?}"), "{variables:?}");
    remarks
}

fn problem(variables: &[(&str, &str)]) -> String {
    Config::from_environment(&environment(variables)).unwrap_err().to_string()
}

/// Endpoints of spans, metrics and log records.
fn endpoints(variables: &[(&str, &str)]) -> [String; 3] {
    let config = read(variables);
    [config.traces, config.metrics, config.logs]
        .map(|to| to.map(|to| to.endpoint.url().to_string()).unwrap_or_default())
}

/// A value for every variable which is obeyed, that changes something, with what else there has to be.
const OBEYED: &[(&str, &str)] = &[
    ("OTEL_SDK_DISABLED", "TRUE"),
    ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test"),
    ("OTEL_SERVICE_NAME", "identity"),
    ("OTEL_LOG_LEVEL", "debug"),
    ("OTEL_PROPAGATORS", "none"),
    ("OTEL_TRACES_SAMPLER", "always_on"),
    ("OTEL_TRACES_SAMPLER_ARG", "0.25"),
    ("OTEL_BSP_SCHEDULE_DELAY", "1"),
    ("OTEL_BSP_EXPORT_TIMEOUT", "1"),
    ("OTEL_BSP_MAX_QUEUE_SIZE", "1000"),
    ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "1"),
    ("OTEL_BLRP_SCHEDULE_DELAY", "1"),
    ("OTEL_BLRP_EXPORT_TIMEOUT", "1"),
    ("OTEL_BLRP_MAX_QUEUE_SIZE", "1000"),
    ("OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", "1"),
    ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "0"),
    ("OTEL_SPAN_EVENT_COUNT_LIMIT", "0"),
    ("OTEL_SPAN_LINK_COUNT_LIMIT", "0"),
    ("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "0"),
    ("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", "2147483647"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://another.example"),
    ("OTEL_EXPORTER_OTLP_INSECURE", "true"),
    ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/trusted.pem"),
    ("OTEL_EXPORTER_OTLP_CLIENT_KEY", "/key.pem"),
    ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "/certificate.pem"),
    ("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=ada"),
    ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
    ("OTEL_EXPORTER_OTLP_TIMEOUT", "1"),
    ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
    ("OTEL_EXPORTER_PROMETHEUS_HOST", "::1"),
    ("OTEL_EXPORTER_PROMETHEUS_PORT", "9465"),
    ("OTEL_TRACES_EXPORTER", "none"),
    ("OTEL_METRICS_EXPORTER", "none"),
    ("OTEL_LOGS_EXPORTER", "none"),
    ("OTEL_METRIC_EXPORT_INTERVAL", "1"),
    ("OTEL_METRIC_EXPORT_TIMEOUT", "1"),
    ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "delta"),
];

/// Name of a signal's own variable, by the general one.
fn of_signal(name: &str, signal: &str) -> String {
    name.replace("OTEL_EXPORTER_OTLP_", &format!("OTEL_EXPORTER_OTLP_{signal}_"))
}

/// Variables that a variable is tried beside: without some of them, it would decide nothing.
fn beside(name: &str) -> Vec<(&'static str, &'static str)> {
    match name {
        "OTEL_TRACES_SAMPLER_ARG" => vec![COLLECTOR, ("OTEL_TRACES_SAMPLER", "traceidratio")],
        name if name.ends_with("_INSECURE") => vec![("OTEL_EXPORTER_OTLP_ENDPOINT", "collector")],
        name if name.ends_with("_CLIENT_KEY") => {
            vec![
                COLLECTOR,
                ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "/c.pem"),
                ("OTEL_EXPORTER_OTLP_CLIENT_KEY", "/k.pem"),
            ]
        }
        name if name.ends_with("_CLIENT_CERTIFICATE") => {
            vec![
                COLLECTOR,
                ("OTEL_EXPORTER_OTLP_CLIENT_KEY", "/k.pem"),
                ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "/c.pem"),
            ]
        }
        _ => vec![COLLECTOR],
    }
}

#[test]
fn every_variable_of_the_table_changes_something_or_is_named_as_not_obeyed() {
    let mut tried = BTreeSet::new();
    for variable in STANDARD_VARIABLES {
        let value = OBEYED.iter().find(|(name, _)| *name == variable.name).map(|(_, value)| *value);
        assert_eq!(value.is_some(), variable.is_obeyed, "{}", variable.name);
        for name in variable.names() {
            let beside = beside(&name);
            if let Some(value) = value {
                let (without, with) =
                    (read(&beside), telemetry(&[&beside[..], &[(&name, value)]].concat()));
                assert_eq!(with.opentelemetry.remarks, Vec::<String>::new(), "{name}");
                let (with, without) = (
                    format!("{with:?}"),
                    format!(
                        "{:?}",
                        TelemetrySettings {
                            opentelemetry: Box::new(without),
                            ..telemetry(&beside)
                        }
                    ),
                );
                assert_ne!(with, without, "{name} changes nothing");
            } else {
                let expected = [format!("not obeyed: {name}")];
                assert_eq!(remarks(&beside, &[(&name, "something")]), expected);
            }
            // An empty value counts as unset.
            for empty in ["", " "] {
                let none: [String; 0] = [];
                let beside: Vec<_> = beside.iter().copied().filter(|it| it.0 != name).collect();
                if !beside.is_empty() && !name.contains("CLIENT") {
                    assert_eq!(remarks(&beside, &[(&name, empty)]), none, "{name}");
                }
            }
            assert!(tried.insert(name));
        }
    }
    assert!(tried.len() > 70, "{}", tried.len());
}

#[test]
fn a_disabled_sdk_exports_and_measures_nothing_whatever_else_is_said() {
    let everything = [
        COLLECTOR,
        ("OTEL_SDK_DISABLED", "true"),
        ("OTEL_METRICS_EXPORTER", "otlp,prometheus"),
        ("KEYFOLD_METRICS_LISTEN", "shared"),
        ("OTEL_PROPAGATORS", "none"),
    ];
    let config = telemetry(&everything);
    assert_eq!(config.metrics, MetricsPlace::Off);
    let sent =
        [&config.opentelemetry.traces, &config.opentelemetry.metrics, &config.opentelemetry.logs];
    assert!(sent.iter().all(|signal| signal.is_none()));
    // Propagation is independent of the SDK.
    assert!(!config.opentelemetry.heeds_callers);
}

#[test]
fn prometheus_reads_where_the_standard_variables_say_unless_our_own_does() {
    let (host, port) =
        (("OTEL_EXPORTER_PROMETHEUS_HOST", "0.0.0.0"), ("OTEL_EXPORTER_PROMETHEUS_PORT", "9500"));
    assert_eq!(telemetry(&[host, port]).metrics, MetricsPlace::Own(([0, 0, 0, 0], 9500).into()));
    let localhost = ("OTEL_EXPORTER_PROMETHEUS_HOST", "LocalHost");
    assert_eq!(telemetry(&[localhost]).metrics, MetricsPlace::Own(([127, 0, 0, 1], 9464).into()));
    let own = telemetry(&[host, port, ("KEYFOLD_METRICS_LISTEN", "off")]);
    assert_eq!(own.metrics, MetricsPlace::Off);
    let said = "not obeyed: OTEL_EXPORTER_PROMETHEUS_HOST (KEYFOLD_METRICS_LISTEN takes precedence), \
                OTEL_EXPORTER_PROMETHEUS_PORT (KEYFOLD_METRICS_LISTEN takes precedence)";
    assert_eq!(own.opentelemetry.remarks, [said]);
}

#[test]
fn a_standard_sampler_is_taken_unless_our_own_variable_is_set() {
    let standard = |ratio, is_parent_based| TraceSampling::Standard { ratio, is_parent_based };
    for (sampler, argument, expected) in [
        ("always_on", None, standard(1.0, false)),
        ("ALWAYS_OFF", None, standard(0.0, false)),
        ("traceidratio", None, standard(1.0, false)),
        ("traceidratio", Some("0.25"), standard(0.25, false)),
        ("parentbased_always_on", None, standard(1.0, true)),
        ("parentbased_always_off", None, standard(0.0, true)),
        ("parentbased_traceidratio", Some("0"), standard(0.0, true)),
    ] {
        let argument = argument.map(|argument| ("OTEL_TRACES_SAMPLER_ARG", argument));
        let variables: Vec<_> =
            [("OTEL_TRACES_SAMPLER", sampler)].into_iter().chain(argument).collect();
        let config = telemetry(&variables);
        assert_eq!((config.trace_sampling, config.opentelemetry.remarks), (expected, vec![]));
    }
    for (sampler, argument, ratio, said) in [
        ("traceidratio", "1.5", 1.0, "is \"1.5\"; expected a ratio from 0 to 1"),
        ("traceidratio", "NaN", 1.0, "is \"NaN\"; expected a ratio from 0 to 1"),
        ("always_off", "0.5", 0.0, "is \"0.5\"; expected nothing, as always_off takes none"),
    ] {
        let config =
            telemetry(&[("OTEL_TRACES_SAMPLER", sampler), ("OTEL_TRACES_SAMPLER_ARG", argument)]);
        assert_eq!(config.trace_sampling, standard(ratio, false));
        assert_eq!(
            config.opentelemetry.remarks,
            [format!("ignored OTEL_TRACES_SAMPLER_ARG: {said}")]
        );
    }
    let alone = telemetry(&[("OTEL_TRACES_SAMPLER_ARG", "0.5")]);
    assert_eq!(alone.trace_sampling, TraceSampling::Share(0.1));
    let said = "not obeyed: OTEL_TRACES_SAMPLER_ARG (OTEL_TRACES_SAMPLER does not name a sampler that takes it)";
    assert_eq!(alone.opentelemetry.remarks, [said]);
    let both =
        telemetry(&[("OTEL_TRACES_SAMPLER", "always_on"), ("KEYFOLD_TRACE_SAMPLING", "0.5")]);
    assert_eq!(both.trace_sampling, TraceSampling::Share(0.5));
    assert_eq!(
        both.opentelemetry.remarks,
        ["not obeyed: OTEL_TRACES_SAMPLER (KEYFOLD_TRACE_SAMPLING takes precedence)"]
    );
}

#[test]
fn a_batch_is_never_larger_than_its_queue() {
    let spans = |variables: &[(&str, &str)]| {
        let BatchSettings { queue, batch, .. } = telemetry(variables).opentelemetry.spans;
        (queue, batch)
    };
    assert_eq!(spans(&[("OTEL_BSP_MAX_QUEUE_SIZE", "100")]), (100, 100));
    let both = [("OTEL_BSP_MAX_QUEUE_SIZE", "100"), ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "512")];
    assert_eq!(spans(&both), (100, 100));
    let said =
        "ignored OTEL_BSP_MAX_EXPORT_BATCH_SIZE: is 512; expected a whole number from 1 to 100";
    assert_eq!(telemetry(&both).opentelemetry.remarks, [said]);
    let both = [("OTEL_BSP_MAX_QUEUE_SIZE", "100"), ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "100")];
    assert_eq!(spans(&both), (100, 100));
}

#[test]
fn the_service_is_called_as_it_is_said_most_precisely() {
    let named = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let attributes = ("OTEL_RESOURCE_ATTRIBUTES", "service.name=a%20b,team=x,team=y");
    let name = ("OTEL_SERVICE_NAME", " identity ");
    for (variables, expected) in [
        (&[][..], vec![named("service.name", "keyfold")]),
        (&[attributes], vec![named("service.name", "a b"), named("team", "y")]),
        (&[attributes, name], vec![named("service.name", "identity"), named("team", "y")]),
    ] {
        assert_eq!(read(variables).resource, expected.into_iter().collect());
    }
}

#[test]
fn a_standard_variable_that_the_help_shows_is_in_the_table() {
    for variable in VARIABLES.iter().filter(|variable| variable.name.starts_with("OTEL_")) {
        assert!(STANDARD_VARIABLES.iter().any(|standard| standard.name == variable.name));
    }
}
