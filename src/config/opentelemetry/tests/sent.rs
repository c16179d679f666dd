//! Signals that are sent, their destinations and transports.

use std::time::Duration;

use super::super::{OpenTelemetrySettings, OtlpSettings};
use super::{COLLECTOR, OVER_HTTP, endpoints, of_signal, read, telemetry};
use crate::telemetry::settings::MetricsPlace;

#[test]
fn endpoints_are_completed_as_the_protocol_asks() {
    let general = "OTEL_EXPORTER_OTLP_ENDPOINT";
    for (endpoint, whole) in [
        ("http://collector:4318", "http://collector:4318/v1/traces"),
        ("http://collector:4318/", "http://collector:4318/v1/traces"),
        ("https://collector.example/otlp", "https://collector.example/otlp/v1/traces"),
        ("https://collector.example/otlp/", "https://collector.example/otlp/v1/traces"),
        ("http://[::1]:4318/a%20b", "http://[::1]:4318/a%20b/v1/traces"),
        ("http://collector/otlp?key=1", "http://collector/otlp/v1/traces?key=1"),
    ] {
        let [spans, metrics, records] = endpoints(&[OVER_HTTP, (general, endpoint)]);
        assert_eq!(spans, whole);
        assert_eq!(
            (metrics, records),
            (whole.replace("traces", "metrics"), whole.replace("traces", "logs"))
        );
    }
    for (endpoint, whole) in [
        ("http://collector:4318", "http://collector:4318/"),
        ("https://collector.example/v1/traces/", "https://collector.example/v1/traces/"),
        ("http://collector/?key=1", "http://collector/?key=1"),
    ] {
        let own = [
            OVER_HTTP,
            (general, "http://other:1/x"),
            ("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", endpoint),
        ];
        let others = ["http://other:1/x/v1/traces", "http://other:1/x/v1/metrics"];
        assert_eq!(endpoints(&own), [others[0], others[1], whole]);
        // Without any other.
        assert_eq!(endpoints(&[own[0], own[2]]), ["", "", whole]);
    }
    for (endpoint, whole) in [
        ("http://collector:4317", "http://collector:4317/"),
        ("https://collector.example", "https://collector.example/"),
        ("collector:4317", "https://collector:4317/"),
        ("collector.example", "https://collector.example/"),
    ] {
        assert_eq!(endpoints(&[(general, endpoint)]), [whole; 3]);
    }
}

#[test]
fn what_a_signal_has_of_its_own_goes_before_what_holds_for_all() {
    for signal in ["TRACES", "METRICS", "LOGS"] {
        let of = |config: &OpenTelemetrySettings| {
            let of =
                [("TRACES", &config.traces), ("METRICS", &config.metrics), ("LOGS", &config.logs)];
            let (own, others): (Vec<_>, Vec<_>) =
                of.into_iter().partition(|(name, _)| *name == signal);
            (
                own[0].1.clone().unwrap(),
                others.into_iter().map(|(_, to)| to.clone().unwrap()).collect::<Vec<_>>(),
            )
        };
        let name = |option: &str| of_signal(&format!("OTEL_EXPORTER_OTLP_{option}"), signal);
        let variables = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT".to_owned(), "https://all"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT".to_owned(), "7"),
            ("OTEL_EXPORTER_OTLP_COMPRESSION".to_owned(), "gzip"),
            ("OTEL_EXPORTER_OTLP_CERTIFICATE".to_owned(), "/all.pem"),
            ("OTEL_EXPORTER_OTLP_CLIENT_KEY".to_owned(), "/all-key.pem"),
            ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE".to_owned(), "/all-client.pem"),
            ("OTEL_EXPORTER_OTLP_HEADERS".to_owned(), "x-who=all"),
            (name("ENDPOINT"), "http://own/path"),
            (name("PROTOCOL"), "HTTP/protobuf"),
            (name("TIMEOUT"), "9"),
            (name("COMPRESSION"), "NONE"),
            (name("CERTIFICATE"), "/own.pem"),
            (name("CLIENT_KEY"), "/own-key.pem"),
            (name("CLIENT_CERTIFICATE"), "/own-client.pem"),
            (name("HEADERS"), "x-who=own"),
        ];
        let variables: Vec<_> =
            variables.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        let (own, others) = of(&read(&variables));
        let shown = |to: &OtlpSettings| {
            let OtlpSettings { endpoint, protocol, headers, gzip, time_limit, trusted, client } =
                to;
            let client = client.as_ref().unwrap();
            format!(
                "{} {protocol:?} {} {gzip} {time_limit:?} {} {} {}",
                endpoint.url(),
                headers
                    .iter()
                    .map(|(name, value)| format!("{name}={}", value.to_str().unwrap()))
                    .collect::<Vec<_>>()
                    .concat(),
                trusted.as_ref().unwrap().display(),
                client.key.display(),
                client.certificate.display(),
            )
        };
        assert_eq!(
            shown(&own),
            "http://own/path HttpProtobuf x-who=own false 9ms /own.pem /own-key.pem /own-client.pem"
        );
        for other in others {
            assert_eq!(
                shown(&other),
                "https://all/ Grpc x-who=all true 7ms /all.pem /all-key.pem /all-client.pem"
            );
        }
    }
}

#[test]
fn of_two_time_limits_the_shorter_one_counts_and_none_is_a_very_long_one() {
    let longest = Duration::from_millis(2_147_483_647);
    let limits = |variables: &[(&str, &str)]| {
        let config = read(&[&[COLLECTOR], variables].concat());
        [config.traces, config.metrics, config.logs].map(|to| to.unwrap().time_limit)
    };
    assert_eq!(limits(&[]), [Duration::from_secs(10); 3]);
    let otlp = ("OTEL_EXPORTER_OTLP_TIMEOUT", "0");
    assert_eq!(limits(&[otlp]), [Duration::from_secs(30); 3]);
    let none = [
        otlp,
        ("OTEL_BSP_EXPORT_TIMEOUT", "0"),
        ("OTEL_METRIC_EXPORT_TIMEOUT", "0"),
        ("OTEL_BLRP_EXPORT_TIMEOUT", "5"),
    ];
    assert_eq!(limits(&none), [longest, longest, Duration::from_millis(5)]);
}

#[test]
fn exporters_decide_which_signals_are_sent_and_where_prometheus_reads() {
    let place = MetricsPlace::Own(([127, 0, 0, 1], 9464).into());
    let local = ["http://localhost:4317/"; 3];
    let all = [
        ("OTEL_TRACES_EXPORTER", "otlp"),
        ("OTEL_METRICS_EXPORTER", "otlp"),
        ("OTEL_LOGS_EXPORTER", "OTLP"),
    ];
    assert_eq!(endpoints(&all), local);
    let expected = ["traces", "metrics", "logs"].map(|it| format!("http://localhost:4318/v1/{it}"));
    assert_eq!(endpoints(&[&all[..], &[OVER_HTTP]].concat()), expected);
    for (exporters, is_sent, is_read) in [
        ("otlp", true, false),
        ("prometheus", false, true),
        ("otlp,prometheus", true, true),
        (" Prometheus , OTLP,otlp", true, true),
        ("none", false, false),
    ] {
        let config = telemetry(&[COLLECTOR, ("OTEL_METRICS_EXPORTER", exporters)]);
        assert_eq!(config.opentelemetry.metrics.is_some(), is_sent, "{exporters}");
        assert_eq!(config.metrics, if is_read { place } else { MetricsPlace::Off }, "{exporters}");
        // The program's own variable takes precedence.
        let own = telemetry(&[
            ("OTEL_METRICS_EXPORTER", exporters),
            ("KEYFOLD_METRICS_LISTEN", "127.0.0.1:9464"),
        ]);
        assert_eq!(own.metrics, place);
    }
    // Unknown words of a list are left out.
    let config = telemetry(&[COLLECTOR, ("OTEL_METRICS_EXPORTER", "console,otlp")]);
    assert_eq!((config.opentelemetry.metrics.is_some(), config.metrics), (true, MetricsPlace::Off));
    let said = "ignored OTEL_METRICS_EXPORTER: is \"console\"; expected otlp, prometheus or none";
    assert_eq!(config.opentelemetry.remarks, [said]);
}

#[test]
fn the_configuration_shows_neither_headers_nor_the_query_of_an_endpoint() {
    let secrets = [
        OVER_HTTP,
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector?key=swordfish"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=swordfish"),
    ];
    let shown = format!("{:?}", read(&secrets));
    assert!(
        shown.contains("http://collector/v1/traces") && !shown.contains("swordfish"),
        "{shown}"
    );
}
