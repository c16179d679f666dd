//! OTLP over gRPC and over HTTP, in the clear and over TLS.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use opentelemetry_sdk::trace::SpanExporter;

use super::authority::Authority;
use super::*;

/// A directory for the files of one test.
struct Files(PathBuf);

impl Files {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name =
            format!("keyfold-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        Self(std::env::temp_dir().join(name))
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Sends a span, a log record and a metric to a collector, and returns the log lines about it.
async fn tell(variables: &[(&str, &str)]) -> String {
    let config = configured(variables);
    assert_eq!(config.opentelemetry.remarks, Vec::<String>::new());
    let (telemetry, written, _guard) = start_here(&config);
    let (meters, _) = meters(&config.opentelemetry);
    meters.meter("test").u64_counter("apples").build().add(1, &[]);
    info_span!("request").in_scope(|| info!("answered"));
    Telemetry { meters: Some(meters), ..telemetry }.flush_and_shutdown().await;
    written.text()
}

/// Log lines about spans that cannot be sent. Lines of the SDK's own threads are not captured.
async fn complaint(variables: &[(&str, &str)]) -> String {
    let config = configured(variables);
    let (_telemetry, written, _guard) = start_here(&configured(&[]));
    let exporter = export::span_exporter(config.opentelemetry.traces.as_ref().unwrap()).unwrap();
    assert!(exporter.export(Vec::new()).await.is_err());
    written.text()
}

/// Signals that a collector has received.
fn told(collector: &Collector) -> [Vec<String>; 3] {
    [
        collector.spans().into_iter().map(|span| span.name).collect(),
        collector.records().into_iter().map(text_of).collect(),
        collector.metrics().into_iter().map(|metric| metric.name).collect(),
    ]
}

const PROTOCOLS: [(&str, [&str; 3]); 2] = [
    (
        "grpc",
        [
            "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
            "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
            "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        ],
    ),
    ("http/protobuf", ["/v1/logs", "/v1/metrics", "/v1/traces"]),
];

#[tokio::test]
async fn everything_arrives_over_either_protocol_in_the_clear_and_over_tls_compressed_or_not() {
    let files = Files::new();
    let authority = Authority::new(&files.0);
    let (trusted, client) = (authority.file(), authority.client());
    for (protocol, paths) in PROTOCOLS {
        for knows_clients in [None, Some(false), Some(true)] {
            for compression in ["none", "gzip"] {
                let collector = match knows_clients {
                    None => Collector::start().await,
                    Some(knows) => Collector::start_secure(authority.server(knows)).await,
                };
                let scheme = if knows_clients.is_some() { "https" } else { "http" };
                let endpoint = format!("{scheme}://localhost:{}", collector.address.port());
                let mut variables = vec![
                    ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
                    ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
                    ("OTEL_EXPORTER_OTLP_COMPRESSION", compression),
                    ("OTEL_EXPORTER_OTLP_CERTIFICATE", trusted.to_str().unwrap()),
                    ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20swordfish,x-tenant=ada"),
                ];
                if knows_clients == Some(true) {
                    let certificate = client.certificate.to_str().unwrap();
                    variables.push(("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", certificate));
                    variables.push(("OTEL_EXPORTER_OTLP_CLIENT_KEY", client.key.to_str().unwrap()));
                }
                let log = tell(&variables).await;
                let context = format!("{protocol} {knows_clients:?} {compression}: {log}");
                let expected = ["request", "answered", "apples"].map(|it| vec![it.to_owned()]);
                assert_eq!(told(&collector), expected, "{context}");
                assert_eq!(collector.paths(), paths, "{context}");
                assert_eq!(log.lines().count(), 1, "{context}");
                let name = if protocol == "grpc" { "grpc-encoding" } else { "content-encoding" };
                let encoding = if compression == "gzip" { "gzip" } else { "" };
                for asked in collector.asked() {
                    let heads = ["authorization", "x-tenant", name].map(|name| asked.header(name));
                    assert_eq!(heads, ["Bearer swordfish", "ada", encoding], "{context}");
                    let agent = asked.header("user-agent");
                    assert!(agent.starts_with("OTel-OTLP-Exporter-Rust/"), "{agent}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_collector_that_is_not_trusted_is_told_nothing_and_the_log_says_why() {
    let files = Files::new();
    let (authority, other) = (Authority::new(&files.0), Authority::new(&files.0.join("other")));
    let (trusted, others) = (authority.file(), other.file());
    let stranger = other.client();
    for (protocol, _) in PROTOCOLS {
        for (host, trusted, client, knows_clients, why) in [
            ("localhost", Some(&others), None, false, "invalid peer certificate"),
            ("localhost", None, None, false, "invalid peer certificate"),
            ("127.0.0.1", Some(&trusted), None, false, "not valid for name"),
            ("localhost", Some(&trusted), None, true, "fatal alert"),
            ("localhost", Some(&trusted), Some(&stranger), true, "fatal alert"),
        ] {
            let collector = Collector::start_secure(authority.server(knows_clients)).await;
            let endpoint = format!("https://{host}:{}", collector.address.port());
            let mut variables = vec![
                ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
                ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
            ];
            variables.extend(
                trusted.map(|file| ("OTEL_EXPORTER_OTLP_CERTIFICATE", file.to_str().unwrap())),
            );
            if let Some(client) = client {
                let certificate = client.certificate.to_str().unwrap();
                variables.push(("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", certificate));
                variables.push(("OTEL_EXPORTER_OTLP_CLIENT_KEY", client.key.to_str().unwrap()));
            }
            let log = complaint(&variables).await;
            let context = format!("{protocol} {host} {trusted:?} {knows_clients}: {log}");
            assert!(log.contains("spans are dropped") && log.contains(why), "{context}");
            tell(&variables).await;
            assert_eq!(told(&collector), [const { Vec::<String>::new() }; 3], "{context}");
        }
    }
}

#[tokio::test]
async fn files_that_cannot_be_used_prevent_the_start_and_are_named() {
    let files = Files::new();
    let authority = Authority::new(&files.0);
    let client = authority.client();
    let other = Authority::new(&files.0.join("other")).client();
    let path = |path: &PathBuf| path.to_str().unwrap().to_owned();
    let (certificate, key, another) =
        (path(&client.certificate), path(&client.key), path(&other.key));
    let nowhere = "/nowhere.pem".to_owned();
    for (protocol, _) in PROTOCOLS {
        for (trusted, certificate, key, said) in [
            (&nowhere, &certificate, &key, "/nowhere.pem holds no certificates".to_owned()),
            (&key, &certificate, &key, format!("{key} holds no certificates")),
            (&certificate, &nowhere, &key, "/nowhere.pem holds no certificates".to_owned()),
            (&certificate, &certificate, &nowhere, "/nowhere.pem holds no private key".to_owned()),
            (
                &certificate,
                &certificate,
                &another,
                format!("{another} is not the key of {certificate}"),
            ),
        ] {
            let config = configured(&[
                ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://localhost:1"),
                ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
                ("OTEL_EXPORTER_OTLP_CERTIFICATE", trusted),
                ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", certificate),
                ("OTEL_EXPORTER_OTLP_CLIENT_KEY", key),
            ]);
            let error = format!("{:#}", subscriber(&config, std::io::sink).err().unwrap());
            assert!(error.contains(&said), "{error}");
        }
    }
}

#[tokio::test]
async fn over_http_too_a_collector_that_hangs_refuses_or_is_away_does_not_hold_up_the_end() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let away = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let refusing = Collector::start_refusing().await;
    for scheme in ["http", "https"] {
        for address in [silent.local_addr().unwrap(), away, refusing.address] {
            let endpoint = format!("{scheme}://{address}");
            let started = Instant::now();
            let log = tell(&[
                ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
                ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
            ])
            .await;
            assert!(started.elapsed() < Duration::from_secs(3), "{endpoint}: {log}");
        }
    }
    assert_eq!(told(&refusing), [const { Vec::<String>::new() }; 3]);
}

#[tokio::test]
async fn a_request_is_given_up_when_its_time_is_over() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    for (protocol, why) in
        [("grpc", "imeout"), ("http/protobuf", "the collector did not answer in time")]
    {
        let log = complaint(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", &format!("http://{}", silent.local_addr().unwrap())),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "20"),
        ])
        .await;
        assert!(log.contains("spans are dropped") && log.contains(why), "{protocol}: {log}");
    }
}

#[tokio::test]
async fn what_the_environment_says_of_the_resource_goes_before_our_own() {
    let collector = Collector::start().await;
    let endpoint = format!("http://{}", collector.address);
    for (attributes, name, expected) in [
        ("", "", ["keyfold", env!("CARGO_PKG_VERSION"), ""]),
        ("service.name=of%20a%20team,service.version=7,team=%C3%A4", "", ["of a team", "7", "ä"]),
        ("service.name=of a team,team=a", "identity", ["identity", env!("CARGO_PKG_VERSION"), "a"]),
    ] {
        tell(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
            ("OTEL_RESOURCE_ATTRIBUTES", attributes),
            ("OTEL_SERVICE_NAME", name),
        ])
        .await;
        let resource = collector.resources().pop().unwrap();
        let said = |key: &str| {
            let named = resource.attributes.iter().filter(|attribute| attribute.key == key);
            let values: Vec<_> = named.map(|it| it.value.clone().unwrap().value.unwrap()).collect();
            match &values[..] {
                [] => String::new(),
                [Value::StringValue(text)] => text.clone(),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(["service.name", "service.version", "team"].map(said), expected);
        assert_eq!(said("telemetry.sdk.name"), "opentelemetry");
    }
}

#[tokio::test]
async fn signals_that_are_not_sent_are_not_made() {
    let collector = Collector::start().await;
    let endpoint = format!("http://{}", collector.address);
    for (none, expected) in [
        ("OTEL_TRACES_EXPORTER", [vec![], vec!["answered".to_owned()]]),
        ("OTEL_LOGS_EXPORTER", [vec!["request".to_owned()], vec![]]),
    ] {
        let collector = Collector::start().await;
        let endpoint = format!("http://{}", collector.address);
        tell(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint), (none, "none")]).await;
        assert_eq!(told(&collector)[..2], expected);
    }
    let disabled =
        configured(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint), ("OTEL_SDK_DISABLED", "true")]);
    let (telemetry, written, _guard) = start_here(&disabled);
    info_span!("request").in_scope(|| info!("answered"));
    telemetry.flush_and_shutdown().await;
    assert_eq!(collector.paths(), [""; 0]);
    assert!(written.text().ends_with("answered\n"));
}

#[tokio::test]
async fn a_queue_takes_as_many_as_it_is_said_and_a_batch_too() {
    let collector = Collector::start().await;
    let config = configured(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &format!("http://{}", collector.address)),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "1"),
        ("OTEL_BSP_SCHEDULE_DELAY", "600000"),
        ("OTEL_BLRP_SCHEDULE_DELAY", "600000"),
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "1"),
    ]);
    let (telemetry, _, _guard) = start_here(&config);
    for _ in 0..3 {
        info_span!("request", first = 1, second = 2).in_scope(|| info!("answered"));
    }
    telemetry.flush_and_shutdown().await;
    let of = |part: &str| collector.asked().iter().filter(|it| it.path.contains(part)).count();
    assert_eq!((of("TraceService"), of("LogsService")), (3, 1));
    let spans = collector.spans();
    let attributes: Vec<_> =
        spans.iter().map(|span| (span.attributes.len(), span.dropped_attributes_count)).collect();
    assert!(attributes.iter().all(|it| it.0 == 1 && it.1 > 0), "{attributes:?}");
    assert_eq!(collector.records().len(), 3);
}

#[test]
fn what_the_exporters_say_of_themselves_is_written_from_the_level_on_that_is_asked_for() {
    for (level, filter, expected) in [
        ("", "info", "info"),
        ("debug", "info", "info debug"),
        ("none", "debug", ""),
        ("error", "info,opentelemetry=debug", "info debug"),
    ] {
        let level = configured(&[("OTEL_LOG_LEVEL", level), ("KEYFOLD_LOG", filter)]);
        let (_telemetry, written, _guard) = start_here(&level);
        info!(target: "opentelemetry_sdk", "info");
        debug!(target: "opentelemetry-otlp", "debug");
        let text = written.text();
        let said: Vec<_> = text.lines().map(|line| line.rsplit(' ').next().unwrap()).collect();
        assert_eq!(said.join(" "), expected, "{text}");
    }
}
