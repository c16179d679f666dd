//! Values that cannot be used, and variables that are unknown or not obeyed.

use super::{COLLECTOR, endpoints, problem, remarks};

const COUNT: &str = "a whole number from 0 to 2147483647";
const QUEUE_SIZE: &str = "a whole number from 1 to 100000";

/// A variable, values that it does not understand, and its effect then.
type Wrong = (&'static str, &'static [&'static str], &'static str);

const NUMBERS: &[Wrong] = &[
    ("OTEL_BSP_SCHEDULE_DELAY", &["-1", "5s", "1.5", "2147483648", "many"], COUNT),
    ("OTEL_BSP_EXPORT_TIMEOUT", &["-1", "x"], COUNT),
    ("OTEL_BSP_MAX_QUEUE_SIZE", &["0", "-1", "100001", "x"], QUEUE_SIZE),
    ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", &["0", "2049", "x"], "a whole number from 1 to 2048"),
    ("OTEL_BLRP_SCHEDULE_DELAY", &["-1", "x"], COUNT),
    ("OTEL_BLRP_EXPORT_TIMEOUT", &["-1", "x"], COUNT),
    ("OTEL_BLRP_MAX_QUEUE_SIZE", &["0", "x"], QUEUE_SIZE),
    ("OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", &["0", "2049", "x"], "a whole number from 1 to 2048"),
    ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", &["-1", "x"], COUNT),
    ("OTEL_SPAN_EVENT_COUNT_LIMIT", &["-1", "x"], COUNT),
    ("OTEL_SPAN_LINK_COUNT_LIMIT", &["-1", "x"], COUNT),
    ("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", &["-1", "x"], COUNT),
    ("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", &["-1", "x"], COUNT),
    ("OTEL_EXPORTER_OTLP_TIMEOUT", &["-1", "10s"], COUNT),
    ("OTEL_EXPORTER_OTLP_LOGS_TIMEOUT", &["-1"], COUNT),
    ("OTEL_METRIC_EXPORT_INTERVAL", &["0", "-1", "1m"], "a whole number from 1 to 2147483647"),
    ("OTEL_METRIC_EXPORT_TIMEOUT", &["-1"], COUNT),
    ("OTEL_EXPORTER_PROMETHEUS_PORT", &["65536", "x"], "a whole number from 0 to 65535"),
    ("OTEL_EXPORTER_PROMETHEUS_HOST", &["metrics.example"], "an IP address or localhost"),
];

const WORDS: &[Wrong] = &[
    ("OTEL_LOG_LEVEL", &["loud"], "none, off, error, warn, warning, info, debug, verbose or trace"),
    (
        "OTEL_PROPAGATORS",
        &["b3", "b3multi", "jaeger", "xray", "ottrace"],
        "tracecontext, baggage or none",
    ),
    (
        "OTEL_TRACES_SAMPLER",
        &["jaeger_remote", "parentbased_jaeger_remote", "xray", "parentbased_", "sometimes"],
        "always_on, always_off, traceidratio, perhaps after parentbased_",
    ),
    ("OTEL_EXPORTER_OTLP_COMPRESSION", &["zstd", "GZIP "], "none or gzip"),
    ("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", &["best"], "none or gzip"),
    ("OTEL_EXPORTER_OTLP_PROTOCOL", &["http/json", "http"], "grpc or http/protobuf"),
    ("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", &["http/json"], "grpc or http/protobuf"),
    ("OTEL_TRACES_EXPORTER", &["zipkin", "console", "logging", "otlp/stdout"], "otlp or none"),
    ("OTEL_METRICS_EXPORTER", &["console", "statsd"], "otlp, prometheus or none"),
    ("OTEL_LOGS_EXPORTER", &["console"], "otlp or none"),
    (
        "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",
        &["alpha"],
        "cumulative, delta or lowmemory",
    ),
];

#[test]
fn values_that_the_specification_calls_invalid_are_ignored_and_remarked_on() {
    for (name, values, expected) in NUMBERS.iter().chain(WORDS) {
        for value in *values {
            let said = remarks(&[COLLECTOR], &[(name, value)]);
            // A number that can be read is not quoted.
            let said: Vec<_> =
                said.iter().map(|it| it.replace(&format!("{value:?}"), value)).collect();
            assert_eq!(said, [format!("ignored {name}: is {value}; expected {expected}")]);
        }
    }
}

#[test]
fn only_true_is_true_and_what_is_neither_counts_as_false_with_a_remark() {
    for name in
        ["OTEL_SDK_DISABLED", "OTEL_EXPORTER_OTLP_INSECURE", "OTEL_EXPORTER_OTLP_LOGS_INSECURE"]
    {
        let collector = [("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317")];
        for value in ["false", "FALSE"] {
            assert_eq!(remarks(&collector, &[(name, value)]), [""; 0]);
        }
        for value in ["1", "yes", "on", "t"] {
            let said = format!(
                "ignored {name}: is {value:?}, which counts as false; expected true or false"
            );
            assert_eq!(remarks(&collector, &[(name, value)]), [said]);
        }
    }
    let of_logs = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317"),
        ("OTEL_EXPORTER_OTLP_INSECURE", "True"),
        ("OTEL_EXPORTER_OTLP_LOGS_INSECURE", "false"),
    ];
    let expected = ["http://collector:4317/", "http://collector:4317/", "https://collector:4317/"];
    assert_eq!(endpoints(&of_logs), expected);
}

#[test]
fn lists_with_a_wrong_part_are_ignored_as_a_whole_and_not_repeated() {
    let expected = "expected key=value pairs separated by commas, percent-encoded";
    for name in [
        "OTEL_RESOURCE_ATTRIBUTES",
        "OTEL_EXPORTER_OTLP_HEADERS",
        "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
    ] {
        let said = remarks(&[COLLECTOR], &[(name, "a=1,b=%swordfish")]);
        assert_eq!(
            said,
            [format!("ignored {name}: contains a `%` without two hexadecimal digits; {expected}")]
        );
    }
}

#[test]
fn a_client_certificate_and_its_key_are_nothing_alone() {
    for (name, other) in [
        ("OTEL_EXPORTER_OTLP_CLIENT_KEY", "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE"),
        ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "OTEL_EXPORTER_OTLP_CLIENT_KEY"),
    ] {
        let said = format!("{name}: is set, and {other} is not; expected both or none");
        assert_eq!(problem(&[COLLECTOR, (name, "/x.pem")]), said);
    }
}

#[test]
fn an_endpoint_that_cannot_be_used_is_a_problem_and_shows_nothing_secret() {
    for (protocol, endpoint, said) in [
        ("grpc", "ftp://collector", "has a scheme that cannot be used"),
        ("grpc", "unix:///run/collector", "has a scheme that cannot be used"),
        ("grpc", "http://", "is not a URL"),
        ("grpc", "http://collector:port", "is not a URL"),
        ("grpc", "http://collector:4317/v1/traces", "has a path, and OTLP over gRPC has none"),
        (
            "grpc",
            "http://collector:4317/?key=swordfish",
            "has a query, and OTLP over gRPC has none",
        ),
        ("grpc", "https://ada:swordfish@collector", "contains a user name or password"),
        ("http/protobuf", "collector:4318", "has a scheme that cannot be used"),
        ("http/protobuf", "https://ada:swordfish@collector", "contains a user name or password"),
    ] {
        for name in ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT"] {
            let problem = problem(&[("OTEL_EXPORTER_OTLP_PROTOCOL", protocol), (name, endpoint)]);
            let starts = format!("{name}: {said}; expected ");
            assert!(problem.lines().all(|line| line.starts_with(&starts)), "{problem}");
            assert!(!problem.contains("swordfish"), "{problem}");
        }
    }
}

#[test]
fn names_that_are_no_variables_are_told_in_the_one_line_and_those_of_a_platform_are_not() {
    let said = remarks(
        &[COLLECTOR],
        &[
            ("OTEL_EXPORTER_JAEGER_ENDPOINT", "http://jaeger"),
            ("OTEL_PYTHON_LOG_CORRELATION", "true"),
            ("OTEL_SERVCE_NAME", "identity"),
            ("OTEL_METRICS_EXEMPLAR_FILTER", "trace_based"),
            (
                "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION",
                "explicit_bucket_histogram",
            ),
            ("OTEL_CONFIG_FILE", ""),
            ("OTEL_COLLECTOR_SERVICE_HOST", "10.0.0.7"),
            ("OTEL_COLLECTOR_PORT_4317_TCP_ADDR", "10.0.0.7"),
        ],
    );
    let names = "OTEL_EXPORTER_JAEGER_ENDPOINT, OTEL_METRICS_EXEMPLAR_FILTER, OTEL_PYTHON_LOG_CORRELATION, OTEL_SERVCE_NAME";
    assert_eq!(said, [format!("not obeyed: {names}")]);
}

#[test]
fn the_line_of_names_is_bounded() {
    let names: Vec<_> = (100..200).map(|n| format!("OTEL_X_{n}")).collect();
    let variables: Vec<_> = names.iter().map(|name| (name.as_str(), "1")).collect();
    let said = remarks(&[], &variables);
    assert_eq!(said.len(), 1);
    assert!(said[0].ends_with(", OTEL_X_163, 36 more"), "{said:?}");
}
