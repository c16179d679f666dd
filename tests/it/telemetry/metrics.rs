//! Metrics: the same numbers for Prometheus and for the collector, and no identity of a user in them.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::metrics::v1::Metric;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point;

use super::collector::Collector;
use super::{as_text, exporting, stop, whole_flow};
use crate::support::app::SECRET;
use crate::support::process::{ExternalDatabase, Keyfold, Server};

/// The metrics as Prometheus reads them.
async fn scraped(server: &Server) -> String {
    let response = reqwest::get(&server.metrics).await.unwrap();
    assert_eq!(response.status(), 200);
    let format = response.headers()["content-type"].to_str().unwrap().to_owned();
    assert_eq!(format, "text/plain; version=0.0.4");
    response.text().await.unwrap()
}

/// Every sample: its name and labels, and its value.
fn samples(text: &str) -> BTreeMap<String, f64> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let (series, value) = line.rsplit_once(' ').unwrap();
            (series.to_owned(), value.parse().unwrap())
        })
        .collect()
}

/// The series of a metric of ours in Prometheus' notation.
fn series(
    name: &str,
    suffix: &str,
    attributes: &[opentelemetry_proto::tonic::common::v1::KeyValue],
) -> String {
    let mut labels: Vec<_> = attributes
        .iter()
        .map(|attribute| {
            let value = as_text(attribute.value.as_ref().unwrap());
            format!("{}=\"{value}\"", attribute.key.replace('.', "_"))
        })
        .collect();
    labels.sort();
    let labels =
        if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
    format!("{}{suffix}{labels}", name.replace('.', "_"))
}

/// Counters and histograms as the collector was told them, in Prometheus' notation.
fn told(metrics: &[Metric]) -> BTreeMap<String, f64> {
    let mut told = BTreeMap::new();
    for metric in metrics {
        let unit = if metric.unit == "s" { "_seconds" } else { "" };
        match metric.data.as_ref().unwrap() {
            Data::Sum(sum) if sum.is_monotonic => {
                for point in &sum.data_points {
                    let value = match point.value.unwrap() {
                        number_data_point::Value::AsDouble(value) => value,
                        number_data_point::Value::AsInt(value) => {
                            f64::from(i32::try_from(value).unwrap())
                        }
                    };
                    told.insert(
                        series(&metric.name, &format!("{unit}_total"), &point.attributes),
                        value,
                    );
                }
            }
            Data::Histogram(histogram) => {
                for point in &histogram.data_points {
                    let count = f64::from(u32::try_from(point.count).unwrap());
                    let name = |what: &str| {
                        series(&metric.name, &format!("{unit}_{what}"), &point.attributes)
                    };
                    told.insert(name("count"), count);
                    told.insert(name("sum"), point.sum.unwrap());
                }
            }
            Data::Sum(_) | Data::Gauge(_) | Data::ExponentialHistogram(_) | Data::Summary(_) => {}
        }
    }
    told
}

#[tokio::test]
async fn prometheus_reads_the_numbers_that_the_collector_is_sent() {
    let (collector, database) = (Collector::start().await, ExternalDatabase::new().await);
    let server = exporting(&database.keyfold(SECRET), collector.address).serve().await;
    whole_flow(&server).await;
    let read = samples(&scraped(&server).await);
    stop(server).await;
    let told = told(&collector.metrics());
    // Work of the server's stop comes after Prometheus' last scrape.
    let goes_on = |series: &str| {
        ["db_", "keyfold_rehydration", "keyfold_telemetry"]
            .iter()
            .any(|name| series.starts_with(name))
    };
    let settled: BTreeMap<_, _> = told.into_iter().filter(|(series, _)| !goes_on(series)).collect();
    assert!(settled.len() > 40, "{settled:#?}");
    for (series, value) in &settled {
        assert_eq!(read.get(series), Some(value), "{series}");
    }
    let counted = [
        ("keyfold_sign_ups_total{outcome=\"success\"}", "1"),
        ("keyfold_sign_ups_total{outcome=\"failure\",reason=\"email_taken\"}", "1"),
        ("keyfold_sign_ins_total{outcome=\"success\"}", "3"),
        ("keyfold_sign_ins_total{outcome=\"failure\",reason=\"wrong_password\"}", "1"),
        ("keyfold_sign_in_failures_total{streak=\"first\"}", "1"),
        ("keyfold_revocations_total{reason=\"signed_out\"}", "1"),
    ];
    for (series, value) in counted {
        assert_eq!(read.get(series).map(f64::to_string).as_deref(), Some(value), "{series}");
    }
}

#[tokio::test]
async fn no_metric_carries_the_id_of_a_user_a_session_or_a_request() {
    let (collector, database) = (Collector::start().await, ExternalDatabase::new().await);
    let server = exporting(&database.keyfold(SECRET), collector.address).serve().await;
    let zoe = whole_flow(&server).await;
    let text = scraped(&server).await;
    stop(server).await;
    let told = format!("{text}\n{:?}", collector.metrics());
    for id in [&zoe.id, &zoe.session_id, &zoe.session_token, &zoe.email, super::CREATE, "127.0.0.1"]
    {
        assert!(!told.contains(id), "{id} in {told}");
    }
    // Nor anything that has the form of one.
    let hexadecimal =
        |word: &str| word.len() >= 16 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let words = told.split(|character: char| !character.is_ascii_alphanumeric());
    let ids: Vec<_> = words
        .filter(|word| hexadecimal(word) && word.bytes().any(|byte| byte.is_ascii_alphabetic()))
        .collect();
    assert_eq!(ids, Vec::<&str>::new());
}

#[tokio::test]
async fn metrics_are_shown_at_their_own_address_alone_unless_they_are_to_share_the_other() {
    let database = ExternalDatabase::new().await;
    let keyfold = database.keyfold(SECRET);
    let server = keyfold.serve().await;
    assert!(!server.metrics.starts_with(&server.url), "{}", server.metrics);
    assert!(scraped(&server).await.contains("# TYPE keyfold_keys gauge"));
    server.get("/metrics").send().await.expect(404);
    let elsewhere = server.metrics.replace("/metrics", "/");
    assert_eq!(reqwest::get(elsewhere).await.unwrap().status(), 404);
    let posted = reqwest::Client::new().post(&server.metrics).send().await.unwrap();
    assert_eq!(
        (posted.status().as_u16(), &posted.headers()["allow"]),
        (405, &"GET, HEAD".parse().unwrap())
    );
    server.stop().await;

    let server = keyfold.clone().set("KEYFOLD_METRICS_LISTEN", "shared").serve().await;
    let text = server.get("/metrics").send().await.text;
    assert!(text.contains("keyfold_keys{state=\"signing\"} 1"), "{text}");
    server.stop().await;

    let server = keyfold.clone().set("KEYFOLD_METRICS_LISTEN", "off").serve().await;
    server.get("/metrics").send().await.expect(404);
    server.stop().await;
}

#[tokio::test]
async fn a_server_that_cannot_show_its_metrics_does_not_start_and_says_what_to_do() {
    // An address of no machine (RFC 5737).
    let address = "192.0.2.1:9464";
    let ended = Keyfold::new().set("KEYFOLD_METRICS_LISTEN", address).run(&[]).await;
    assert_eq!(ended.code, Some(1));
    let reason = format!("keyfold: cannot show metrics on {address}: ");
    let advice = "(KEYFOLD_METRICS_LISTEN names another address, or off)\n";
    assert!(ended.err.contains(&reason) && ended.err.ends_with(advice), "{}", ended.err);
}

#[tokio::test]
async fn metrics_are_shown_at_another_port_when_theirs_is_taken() {
    let database = ExternalDatabase::new().await;
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let server = database.keyfold(SECRET).set("KEYFOLD_METRICS_LISTEN", &address).serve().await;
    let read = samples(&scraped(&server).await);
    assert!(read.contains_key("keyfold_keys{state=\"signing\"}"), "{read:?}");
    server.stop().await;
}

#[tokio::test]
async fn what_has_not_happened_yet_is_shown_as_none_so_that_its_first_burst_is_seen() {
    let database = ExternalDatabase::new().await;
    let server = database.keyfold(SECRET).serve().await;
    let read = samples(&scraped(&server).await);
    server.stop().await;
    for series in [
        "keyfold_sign_ins_total{outcome=\"failure\",reason=\"unknown_account\"}",
        "keyfold_sign_ins_total{outcome=\"success\"}",
        "keyfold_sign_in_failures_total{streak=\"first\"}",
        "keyfold_sign_in_failures_total{streak=\"persistent\"}",
        "keyfold_token_verifications_total{cache=\"miss\",outcome=\"failure\",reason=\"unknown_key\"}",
        "keyfold_refusals_total{reason=\"hash_queue\"}",
        "keyfold_revocations_total{reason=\"revoked\"}",
        "keyfold_key_changes_total{change=\"revoked\"}",
        "keyfold_append_conflicts_total{category=\"tasks\"}",
        "keyfold_actors_restarted_total{category=\"account\"}",
    ] {
        assert_eq!(read.get(series).map(f64::to_string).as_deref(), Some("0"), "{series}");
    }
}
