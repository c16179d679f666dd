//! Sampling of traces: a share of them, and all that are worth keeping.

use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use reqwest::Method;
use serde_json::json;

use super::collector::Collector;
use super::{as_text, exporting, hex, stop};
use crate::support::app::SECRET;
use crate::support::process::ExternalDatabase;
use crate::support::user::{PASSWORD, TestUser};

const KEPT: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const LEFT: &str = "0af7651916cd43dd8448eb211c80319c";

/// The names of the servers' spans, those of requests, sorted.
fn requests(spans: &[Span]) -> Vec<String> {
    let mut names: Vec<_> = spans
        .iter()
        .filter(|span| {
            span.attributes.iter().any(|attribute| attribute.key == "http.request.method")
        })
        .map(|span| span.name.clone())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn authentication_is_exported_though_no_share_of_the_traces_is() {
    let (collector, database) = (Collector::start().await, ExternalDatabase::new().await);
    let keyfold = exporting(&database.keyfold(SECRET), collector.address);
    let server = keyfold.set("KEYFOLD_TRACE_SAMPLING", "0").serve().await;
    let ada = TestUser::sign_up(&server.url, "ada@example.com").await;
    ada.create_task("Milk").await;
    ada.titles().await;
    server.get("/api/auth/session").bearer(&ada.session_token).send().await.expect(200);
    server.get("/api/auth/token").bearer(&ada.session_token).send().await.expect(200);
    let wrong = json!({"email": ada.email, "password": format!("not {PASSWORD}")});
    server.post("/api/auth/signin").json(&wrong).send().await.expect(401);
    ada.sign_out().await.expect(200);
    stop(server).await;
    let expected = [
        "GET /api/auth/token",
        "POST /api/auth/signin",
        "POST /api/auth/signout",
        "POST /api/auth/signup",
    ];
    assert_eq!(requests(&collector.spans()), expected);
}

#[tokio::test]
async fn a_caller_decides_for_its_own_trace_and_is_told_the_span_that_answered() {
    let (collector, database) = (Collector::start().await, ExternalDatabase::new().await);
    let keyfold = exporting(&database.keyfold(SECRET), collector.address);
    for (share, kept) in [("0", "01"), ("1", "01")] {
        let server = keyfold.clone().set("KEYFOLD_TRACE_SAMPLING", share).serve().await;
        for (trace, flags) in [(KEPT, kept), (LEFT, "00")] {
            let parent = format!("00-{trace}-00f067aa0ba902b7-{flags}");
            let reply = server.get("/health/live").header("traceparent", &parent).send().await;
            reply.expect(200);
            let told = reply.header("traceresponse");
            assert!(told.starts_with(&format!("00-{trace}-")), "{told}");
            assert!(told.ends_with(&format!("-{flags}")), "{told}");
            assert!(!told.contains("00f067aa0ba902b7"), "{told}");
        }
        assert_eq!(server.get("/health/live").send().await.header("traceresponse"), "");
        stop(server).await;
    }
    let spans = collector.spans();
    let of = |trace: &str| spans.iter().filter(|span| hex(&span.trace_id) == trace).count();
    assert_eq!((of(KEPT), of(LEFT)), (2, 0));
}

#[tokio::test]
async fn a_request_that_fails_is_exported_though_its_trace_was_not_to_be_kept() {
    let (collector, database) = (Collector::start().await, ExternalDatabase::new().await);
    let keyfold = exporting(&database.keyfold(SECRET), collector.address);
    let keyfold = keyfold.set("KEYFOLD_TRACE_SAMPLING", "0").set("KEYFOLD_STOP_DELAY", "5m");
    let mut server = keyfold.serve().await;
    server.get("/health/ready").send().await.expect(200);
    server.process.signal("TERM");
    server.process.err.say("stopping").await;
    let parent = format!("00-{LEFT}-00f067aa0ba902b7-00");
    let reply = server.get("/health/ready").header("traceparent", &parent).send().await;
    reply.expect_problem(
        503,
        "UNAVAILABLE",
        "The server cannot answer for the moment, try again shortly",
    );
    let told = reply.header("traceresponse").to_owned();
    crate::support::process::until("the span arrives", async || {
        !requests(&collector.spans()).is_empty()
    })
    .await;
    let spans = collector.spans();
    let [span] = &spans.iter().filter(|span| hex(&span.trace_id) == LEFT).collect::<Vec<_>>()[..]
    else {
        panic!("{spans:?}")
    };
    assert_eq!(span.name, "GET /health/ready");
    assert_eq!(hex(&span.parent_span_id), "00f067aa0ba902b7");
    assert_eq!(told, format!("00-{LEFT}-{}-00", hex(&span.span_id)));
    assert_eq!(span.status.as_ref().unwrap().code(), StatusCode::Error);
    let mut attributes: Vec<_> = span
        .attributes
        .iter()
        .map(|attribute| (attribute.key.as_str(), as_text(attribute.value.as_ref().unwrap())))
        .collect();
    attributes.sort_unstable();
    let expected = [
        ("client.address", "127.0.0.1"),
        ("error.type", "503"),
        ("http.request.method", "GET"),
        ("http.response.status_code", "503"),
        ("http.route", "/health/ready"),
        ("operation", "getReadiness"),
        ("url.path", "/health/ready"),
        ("url.scheme", "http"),
    ];
    assert_eq!(attributes, expected.map(|(name, value)| (name, value.to_owned())));
    // A second signal ends it at once.
    server.process.signal("TERM");
    assert_eq!(server.process.ended().await.code, Some(1));
}

#[tokio::test]
async fn every_trace_is_exported_if_all_are_asked_for() {
    let (collector, database) = (Collector::start().await, ExternalDatabase::new().await);
    let keyfold = exporting(&database.keyfold(SECRET), collector.address);
    let server = keyfold.set("KEYFOLD_TRACE_SAMPLING", "1").serve().await;
    let ada = TestUser::sign_up(&server.url, "ada@example.com").await;
    ada.request(Method::GET, &ada.tasks("")).send().await.expect(200);
    server.get("/nowhere").send().await.expect(404);
    stop(server).await;
    assert_eq!(
        requests(&collector.spans()),
        ["GET", "GET /api/{user_id}/tasks", "POST /api/auth/signup"]
    );
}
