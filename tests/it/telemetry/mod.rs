//! Export to a collector: one trace from the request through the actors into the log, and no secret.

// The collector of the unit tests, which cannot be imported from here.
#[path = "../../../src/telemetry/tests/collector.rs"]
mod collector;

// The certificate authority of that collector.
#[path = "../../../src/telemetry/tests/authority.rs"]
mod authority;

mod events;
mod metrics;
mod outage;
mod registered;
mod sampling;
mod standard;
mod strangers;
mod traces;
mod watched;

use std::net::SocketAddr;

use opentelemetry_proto::tonic::common::v1::AnyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use reqwest::Method;
use serde_json::{Value, json};

use self::collector::Collector;
use crate::support::app::SECRET;
use crate::support::process::{Ended, ExternalDatabase, Keyfold, Server};
use crate::support::user::TestUser;

/// The traces of a caller that signs up and then creates a task, and the caller's span in both.
const SIGN_UP: &str = "0af7651916cd43dd8448eb211c80319c";
const CREATE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

const EMAIL: &str = "zoe.quimby@example.com";
const PASSWORD: &str = "xylophone quartz vermilion";
const WRONG_PASSWORD: &str = "xylophone quartz chartreuse";
const NEW_PASSWORD: &str = "xylophone quartz cinnabar";

fn traceparent(trace: &str) -> String {
    format!("00-{trace}-{CALLER}-01")
}

fn exporting(keyfold: &Keyfold, collector: SocketAddr) -> Keyfold {
    keyfold.clone().set("OTEL_EXPORTER_OTLP_ENDPOINT", &format!("http://{collector}"))
}

async fn stop(server: Server) -> Ended {
    server.process.signal("TERM");
    let ended = server.process.ended().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    ended
}

/// Signs up, signs in again, creates a task and signs out, with mistakes on the way.
async fn whole_flow(server: &Server) -> TestUser {
    let account = json!({"email": EMAIL, "password": PASSWORD, "name": "Zoe"});
    let post = |path, body: Value| server.post(path).json(&body).send();
    let sign_up = server.post("/api/auth/signup").header("traceparent", &traceparent(SIGN_UP));
    let zoe = TestUser::signed_in(&server.url, &sign_up.json(&account).send().await.expect(201));
    post("/api/auth/signup", account).await.expect(409);
    post("/api/auth/signin", json!({"email": EMAIL, "password": WRONG_PASSWORD})).await.expect(401);
    post("/api/auth/signin", json!({"email": EMAIL, "password": PASSWORD, "x": 1}))
        .await
        .expect(400);
    post("/api/auth/signin", json!({"email": EMAIL, "password": PASSWORD})).await.expect(200);
    let cookie = format!("better-auth.session_token={}", zoe.session_token);
    server.get("/api/auth/token").header("cookie", &cookie).send().await.expect(200);

    let create =
        zoe.request(Method::POST, &zoe.tasks("")).header("traceparent", &traceparent(CREATE));
    create.json(&json!({"title": "Milk"})).send().await.expect(201);
    zoe.list("?limit=0").await.expect(400);
    zoe.sign_out().await.expect(200);
    zoe.list("").await.expect(401);
    for (current, status) in [(WRONG_PASSWORD, 400), (PASSWORD, 200)] {
        let again = json!({"email": EMAIL, "password": PASSWORD});
        let again = TestUser::signed_in(&server.url, &post("/api/auth/signin", again).await.json());
        let body = json!({"currentPassword": current, "newPassword": NEW_PASSWORD});
        let change = again.request(Method::POST, "/api/auth/password").json(&body);
        change.send().await.expect(status);
    }
    zoe
}

/// The value of an attribute, in words.
fn as_text(value: &AnyValue) -> String {
    let value = value.value.clone().unwrap();
    if let Any::IntValue(number) = value { number.to_string() } else { string(value) }
}

fn string(value: Any) -> String {
    if let Any::StringValue(text) = value { text } else { panic!("{value:?} is no text") }
}

fn hex(id: &[u8]) -> String {
    id.iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}

/// The spans of one trace with this name.
fn of_trace<'s>(spans: &'s [Span], trace: &str, name: &str) -> Vec<&'s Span> {
    spans.iter().filter(|span| hex(&span.trace_id) == trace && span.name == name).collect()
}

fn attribute(span: &Span, key: &str) -> Any {
    let found = span.attributes.iter().find(|attribute| attribute.key == key);
    let value = found.unwrap_or_else(|| panic!("{key} of {span:?}")).value.clone();
    value.unwrap().value.unwrap()
}

fn text(value: &str) -> Any {
    Any::StringValue(value.to_owned())
}

#[tokio::test]
async fn a_request_and_what_the_actors_do_for_it_are_one_trace_that_its_events_name() {
    let (collector, database) = (Collector::start().await, ExternalDatabase::new().await);
    let keyfold = database.keyfold(SECRET);
    let server = exporting(&keyfold, collector.address).serve().await;
    let zoe = whole_flow(&server).await;
    stop(server).await;

    let spans = collector.spans();
    let [request] = of_trace(&spans, CREATE, "POST /api/{user_id}/tasks")[..] else {
        panic!("{spans:?}")
    };
    assert_eq!((hex(&request.parent_span_id).as_str(), request.kind()), (CALLER, SpanKind::Server));
    assert_eq!(attribute(request, "http.request.method"), text("POST"));
    assert_eq!(attribute(request, "http.route"), text("/api/{user_id}/tasks"));
    assert_eq!(attribute(request, "http.response.status_code"), Any::IntValue(201));
    let [entity] = of_trace(&spans, CREATE, "entity.execute")[..] else { panic!("{spans:?}") };
    assert_eq!(entity.parent_span_id, request.span_id);
    assert_eq!(attribute(entity, "stream.name"), text(&format!("tasks-{}", zoe.id)));

    let [request] = of_trace(&spans, SIGN_UP, "POST /api/auth/signup")[..] else {
        panic!("{spans:?}")
    };
    let entities = of_trace(&spans, SIGN_UP, "entity.execute");
    assert_eq!(entities.len(), 2, "the account and the session: {entities:?}");
    assert!(entities.iter().all(|entity| entity.parent_span_id == request.span_id));
    let records = collector.records();
    let record = records
        .iter()
        .find(|record| record.body.as_ref().unwrap().value == Some(text("signed up")));
    let record = record.unwrap_or_else(|| panic!("{records:?}"));
    assert_eq!((&record.trace_id, &record.span_id), (&request.trace_id, &request.span_id));
    for resource in collector.resources() {
        let service = resource.attributes.iter().find(|named| named.key == "service.name").unwrap();
        assert_eq!(service.value.as_ref().unwrap().value, Some(text("keyfold")));
    }

    let events = keyfold.print(&["events"]).await;
    let events: Vec<Value> =
        events.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let traces = |name: &str| -> Vec<_> {
        events
            .iter()
            .filter(|event| event["type"] == name)
            .map(|event| event["context"]["traceparent"].as_str().unwrap()[3..35].to_owned())
            .collect()
    };
    assert_eq!(traces("TaskCreated"), [CREATE]);
    assert_eq!(traces("AccountCreated"), [SIGN_UP]);
    assert_eq!(traces("SessionStarted")[0], SIGN_UP);
}

#[tokio::test]
async fn nothing_that_is_logged_or_exported_is_secret_however_much_is_asked_for() {
    for filter in ["info", "trace,tokio_postgres::query=trace"] {
        let (collector, database) = (Collector::start().await, ExternalDatabase::new().await);
        let keyfold = exporting(&database.keyfold(SECRET), collector.address);
        let server = keyfold.set("KEYFOLD_LOG", filter).serve().await;
        let zoe = whole_flow(&server).await;
        let lines = stop(server).await.err;

        let told = format!("{:?} {:?} {lines}", collector.spans(), collector.records());
        assert!(told.contains(&zoe.id) && told.contains("createTask"), "{told}");
        let (_, signature) = zoe.token.rsplit_once('.').unwrap();
        let name = EMAIL.split('@').next().unwrap();
        let secrets = [name, PASSWORD, WRONG_PASSWORD, NEW_PASSWORD, SECRET];
        let secrets = secrets.into_iter().chain([&*zoe.session_token, signature]);
        for secret in secrets.chain(["$argon2", "PRIVATE KEY"]) {
            let place = told.find(secret).map(|place| told[..place].chars().rev().take(400));
            let before = place.map(|before| before.collect::<Vec<_>>().into_iter().rev().collect());
            assert_eq!(before, None::<String>, "{secret} is told at level {filter}, after this");
        }
    }
}
