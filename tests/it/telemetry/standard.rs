//! OpenTelemetry's standard variables, given to the real server: the SDK reads the environment by itself, and is not asked.

use std::collections::BTreeSet;
use std::path::PathBuf;

use opentelemetry_proto::tonic::metrics::v1::AggregationTemporality;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::resource::v1::Resource;
use serde_json::json;
use tokio::net::TcpListener;

use super::authority::Authority;
use super::collector::Collector;
use super::{CREATE, as_text, hex, stop, traceparent, whole_flow};
use crate::support::app::SECRET;
use crate::support::postgres;
use crate::support::process::{ExternalDatabase, Keyfold, until};
use crate::support::user::TestUser;

async fn with(variables: &[(&str, &str)]) -> Keyfold {
    let keyfold = ExternalDatabase::new().await.keyfold(SECRET);
    variables.iter().fold(keyfold, |keyfold, (name, value)| keyfold.set(name, value))
}

/// Log lines about `OTEL_*` variables, without their time.
fn remarks(log: &str) -> Vec<&str> {
    let lines = log.lines().filter_map(|line| line.split_once("keyfold::telemetry::start: "));
    lines.map(|(_, said)| said).filter(|said| said.contains("OTEL_")).collect()
}

#[tokio::test]
async fn a_server_tells_a_collector_everything_over_http_and_over_tls() {
    let directory: PathBuf = postgres::new_directory("authority");
    let authority = Authority::new(&directory);
    let client = authority.client();
    let trusted = authority.file();
    for protocol in ["grpc", "http/protobuf"] {
        let collector = Collector::start_secure(authority.server(true)).await;
        let keyfold = with(&[
            (
                "OTEL_EXPORTER_OTLP_ENDPOINT",
                &format!("https://localhost:{}", collector.address.port()),
            ),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
            ("OTEL_EXPORTER_OTLP_CERTIFICATE", trusted.to_str().unwrap()),
            ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", client.certificate.to_str().unwrap()),
            ("OTEL_EXPORTER_OTLP_CLIENT_KEY", client.key.to_str().unwrap()),
            ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20swordfish"),
        ])
        .await;
        let server = keyfold.serve().await;
        whole_flow(&server).await;
        let log = stop(server).await.err;
        assert!(collector.spans().iter().any(|span| span.name == "POST /api/{user_id}/tasks"));
        assert!(collector.metrics().iter().any(|metric| metric.name == "keyfold.sign_ins"));
        assert!(collector.records().iter().any(|record| record.event_name == "keyfold.sign_in"));
        let said: BTreeSet<_> =
            collector.asked().iter().map(|it| it.header("authorization").to_owned()).collect();
        assert_eq!(said, ["Bearer swordfish".to_owned()].into());
        assert!(!log.contains("swordfish") && !log.contains("are dropped"), "{log}");
    }
    std::fs::remove_dir_all(directory).unwrap();
}

#[tokio::test]
async fn headers_that_are_ignored_or_not_of_this_signal_are_not_sent() {
    let collector = Collector::start().await;
    for protocol in ["grpc", "http/protobuf"] {
        let keyfold = with(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", &format!("http://{}", collector.address)),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
            ("OTEL_EXPORTER_OTLP_HEADERS", "x-who=all"),
            ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "x-who=traces,x-own=1"),
            ("OTEL_EXPORTER_OTLP_METRICS_HEADERS", "x-who=metrics,x-wrong=%zz"),
            ("OTEL_EXPORTER_OTLP_LOGS_HEADERS", ""),
            ("KEYFOLD_TRACE_SAMPLING", "1"),
        ])
        .await;
        let server = keyfold.serve().await;
        TestUser::sign_up(&server.url, "ada@example.com").await;
        let log = stop(server).await.err;
        let said = "ignored OTEL_EXPORTER_OTLP_METRICS_HEADERS: contains a `%` without two hexadecimal digits; \
                    expected key=value pairs separated by commas, percent-encoded";
        assert_eq!(remarks(&log), [said]);
    }
    let sent: BTreeSet<_> = collector
        .asked()
        .iter()
        .map(|it| {
            let heads = ["x-who", "x-own", "x-wrong"].map(|name| it.header(name)).join(" ");
            (it.path.clone(), heads)
        })
        .collect();
    let service =
        |of: &str, name: &str| format!("/opentelemetry.proto.collector.{of}.v1.{name}/Export");
    let expected = [
        (service("logs", "LogsService"), "all  ".to_owned()),
        (service("metrics", "MetricsService"), "all  ".to_owned()),
        (service("trace", "TraceService"), "traces 1 ".to_owned()),
        ("/v1/logs".to_owned(), "all  ".to_owned()),
        ("/v1/metrics".to_owned(), "all  ".to_owned()),
        ("/v1/traces".to_owned(), "traces 1 ".to_owned()),
    ];
    assert_eq!(sent, expected.into());
}

#[tokio::test]
async fn what_is_ignored_and_what_is_not_obeyed_is_told_once_at_start_and_by_every_command() {
    let keyfold = with(&[
        ("OTEL_BSP_MAX_QUEUE_SIZE", "0"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
        ("OTEL_TRACES_EXPORTER", "zipkin"),
        ("OTEL_EXPORTER_ZIPKIN_ENDPOINT", "http://zipkin:9411"),
        ("OTEL_CONFIG_FILE", "/etc/otel.yaml"),
        ("OTEL_SDK_DISABLED", "yes"),
        ("OTEL_METRICS_EXPORTER", "otlp,statsd"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1"),
        ("OTEL_LOG_LEVEL", "loud"),
    ])
    .await;
    let expected = [
        "ignored OTEL_SDK_DISABLED: is \"yes\", which counts as false; expected true or false",
        "ignored OTEL_LOG_LEVEL: is \"loud\"; expected none, off, error, warn, warning, info, debug, verbose or trace",
        "ignored OTEL_TRACES_EXPORTER: is \"zipkin\"; expected otlp or none",
        "ignored OTEL_EXPORTER_OTLP_PROTOCOL: is \"http/json\"; expected grpc or http/protobuf",
        "ignored OTEL_METRICS_EXPORTER: is \"statsd\"; expected otlp, prometheus or none",
        "ignored OTEL_BSP_MAX_QUEUE_SIZE: is 0; expected a whole number from 1 to 100000",
        "not obeyed: OTEL_CONFIG_FILE, OTEL_EXPORTER_ZIPKIN_ENDPOINT",
    ];
    let log = stop(keyfold.serve().await).await.err;
    assert_eq!(remarks(&log), expected);
    assert_eq!(remarks(&keyfold.run(&["doctor"]).await.err), expected);
    let refused = keyfold.set("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:x");
    let (served, examined) = (refused.run(&[]).await, refused.run(&["doctor"]).await);
    assert_eq!((served.code, &served.err), (Some(2), &examined.err));
}

#[tokio::test]
async fn a_disabled_sdk_tells_and_shows_nothing() {
    let collector = Collector::start().await;
    let keyfold = with(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &format!("http://{}", collector.address)),
        ("OTEL_SDK_DISABLED", "True"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "0"),
    ])
    .await;
    let server = keyfold.serve().await;
    whole_flow(&server).await;
    assert_eq!(server.metrics, "nowhere (OTEL_SDK_DISABLED)");
    stop(server).await;
    assert_eq!(collector.paths(), [""; 0]);
}

#[tokio::test]
async fn a_standard_sampler_decides_alone() {
    // Expected sampling of a trace that begins here, of one whose caller records it, and of one whose caller does not.
    for (sampler, kept) in [
        ("always_on", [true, true, true]),
        ("always_off", [false, false, false]),
        ("parentbased_always_on", [true, true, false]),
        ("parentbased_always_off", [false, true, false]),
    ] {
        let collector = Collector::start().await;
        let endpoint = format!("http://{}", collector.address);
        let variables = [
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", endpoint.as_str()),
            ("OTEL_TRACES_SAMPLER", sampler),
        ];
        let server = with(&variables).await.serve().await;
        let traces = ["11", "22", "33"].map(|byte| byte.repeat(16));
        let ask = |header: Option<String>| {
            let request = server.get("/api/auth/session");
            let header = header.unwrap_or_default();
            async move { request.header("traceparent", &header).send().await.expect(401) }
        };
        ask(None).await;
        ask(Some(format!("00-{}-00f067aa0ba902b7-01", traces[1]))).await;
        ask(Some(format!("00-{}-00f067aa0ba902b7-00", traces[2]))).await;
        stop(server).await;
        let spans: Vec<_> = collector
            .spans()
            .into_iter()
            .filter(|span| span.name == "GET /api/auth/session")
            .collect();
        let of = |trace: &str| spans.iter().any(|span| hex(&span.trace_id) == trace);
        let own = spans.iter().any(|span| !traces.contains(&hex(&span.trace_id)));
        assert_eq!([own, of(&traces[1]), of(&traces[2])], kept, "{sampler}");
    }
}

#[tokio::test]
async fn without_a_propagator_every_trace_begins_here() {
    let collector = Collector::start().await;
    let endpoint = format!("http://{}", collector.address);
    for (propagators, is_continued) in
        [("none", false), ("baggage", false), ("b3,tracecontext", true)]
    {
        let variables =
            [("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()), ("OTEL_PROPAGATORS", propagators)];
        let server = with(&variables).await.serve().await;
        let request = server.get("/api/auth/session").header("traceparent", &traceparent(CREATE));
        let answer = request.send().await;
        let body = answer.expect(401);
        assert_eq!(body["traceId"] == json!(CREATE), is_continued, "{propagators}");
        assert_eq!(answer.headers.contains_key("traceresponse"), is_continued, "{propagators}");
        stop(server).await;
    }
}

#[tokio::test]
async fn metrics_are_sent_as_often_and_counted_from_when_it_is_said() {
    let collector = Collector::start().await;
    let keyfold = with(&[
        (
            "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
            &format!("http://{}/my/metrics", collector.address),
        ),
        ("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "http/protobuf"),
        ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "Delta"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "20"),
        ("OTEL_RESOURCE_ATTRIBUTES", "service.name=of%20a%20team"),
    ])
    .await;
    let server = keyfold.serve().await;
    until("metrics are sent again and again", async || collector.asked().len() > 3).await;
    stop(server).await;
    assert_eq!(collector.paths(), ["/my/metrics"]);
    let counted = collector.metrics().into_iter().filter_map(|metric| match metric.data.unwrap() {
        Data::Sum(sum) if sum.is_monotonic => Some(sum.aggregation_temporality()),
        Data::Histogram(histogram) => Some(histogram.aggregation_temporality()),
        Data::Sum(_) | Data::Gauge(_) | Data::ExponentialHistogram(_) | Data::Summary(_) => None,
    });
    let counted: Vec<_> = counted.collect();
    assert!(!counted.is_empty());
    assert!(counted.iter().all(|it| *it == AggregationTemporality::Delta), "{counted:?}");
    let name = |resource: &Resource| {
        let found = resource.attributes.iter().find(|it| it.key == "service.name");
        as_text(found.unwrap().value.as_ref().unwrap())
    };
    assert!(collector.resources().iter().all(|resource| name(resource) == "of a team"));
}

#[tokio::test]
async fn a_collector_that_hangs_over_http_costs_requests_nothing() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let keyfold = with(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &format!("http://{}", silent.local_addr().unwrap())),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "50"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "50"),
        ("KEYFOLD_TRACE_SAMPLING", "1"),
    ])
    .await;
    let mut server = keyfold.serve().await;
    whole_flow(&server).await;
    for what in ["spans", "log records", "metrics"] {
        server
            .process
            .err
            .say(&format!("{what} are dropped until the collector accepts them"))
            .await;
    }
    TestUser::sign_up(&server.url, "ada@example.com").await.list("").await.expect(200);
    let log = stop(server).await.err;
    assert!(
        log.contains("HTTP export failed: network error: the collector did not answer in time"),
        "{log}"
    );
}
