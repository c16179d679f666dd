//! The trace of a request: through entity, append and batch to SQL, with links from shared work to its requests.

use std::fmt::Write as _;

use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use reqwest::Method;
use serde_json::json;

use super::collector::Collector;
use super::{CALLER, CREATE, exporting, hex, stop, traceparent};
use crate::support::app::{Reply, SECRET};
use crate::support::locked::Locked;
use crate::support::process::{ExternalDatabase, PUBLIC_URL, until};
use crate::support::user::{PASSWORD, TestUser};

/// Two more traces.
const BREAD: &str = "11111111111111111111111111111111";
const EGGS: &str = "22222222222222222222222222222222";

/// A span below the request with everything that is told of it but the text of a statement.
fn told(span: &Span) -> String {
    let mut told = span.name.clone();
    if span.kind() != SpanKind::Internal {
        write!(told, " [{}]", span.kind().as_str_name()).unwrap();
    }
    let mut attributes: Vec<_> = span.attributes.iter().collect();
    attributes.retain(|of| !["db.query.text", "url.path"].contains(&of.key.as_str()));
    attributes.sort_by_key(|of| &of.key);
    for attribute in attributes {
        let value = attribute.value.as_ref().unwrap().value.as_ref().unwrap();
        if let Any::StringValue(text) = value {
            write!(told, " {}={text}", attribute.key).unwrap();
        } else if let Any::IntValue(number) = value {
            write!(told, " {}={number}", attribute.key).unwrap();
        } else {
            panic!("neither text nor a number: {attribute:?}");
        }
    }
    told
}

/// The spans below a span in order of their start, indented by depth.
fn tree(spans: &[Span], parent: &[u8], depth: usize) -> Vec<String> {
    let mut children: Vec<_> = spans.iter().filter(|span| span.parent_span_id == parent).collect();
    children.sort_by_key(|span| span.start_time_unix_nano);
    let lines = children.into_iter().flat_map(|span| {
        let line = format!("{}{}", "  ".repeat(depth), told(span));
        [vec![line], tree(spans, &span.span_id, depth + 1)].concat()
    });
    lines.collect()
}

/// A statement as [`told`].
fn statement(operation: &str, table: &str) -> String {
    let summary = format!("{operation} {table}");
    let summary = summary.trim_end();
    format!(
        "{summary} [SPAN_KIND_CLIENT] db.operation.name={operation} db.query.summary={summary} \
         db.system.name=postgresql"
    )
}

/// The spans of a trace are these, below the caller's, and no others.
#[track_caller]
fn assert_trace(spans: &[Span], expected: &[String]) {
    let caller = u64::from_str_radix(CALLER, 16).unwrap().to_be_bytes();
    let found = tree(spans, &caller, 0);
    assert_eq!(found, expected, "{found:#?}");
    assert_eq!(found.len(), spans.len(), "nothing else is in the trace: {spans:#?}");
}

fn of_trace(spans: &[Span], trace: &str) -> Vec<Span> {
    spans.iter().filter(|span| hex(&span.trace_id) == trace).cloned().collect()
}

/// The one span of a trace with this name.
fn one<'s>(spans: &'s [Span], trace: &str, name: &str) -> &'s Span {
    let is_it = |span: &&Span| hex(&span.trace_id) == trace && span.name == name;
    let found: Vec<_> = spans.iter().filter(is_it).collect();
    let [span] = found[..] else { panic!("{name} of {trace}: {found:?} in {spans:#?}") };
    span
}

/// The spans that a span is linked to.
fn links(span: &Span) -> Vec<(String, String)> {
    span.links.iter().map(|link| (hex(&link.trace_id), hex(&link.span_id))).collect()
}

/// Trace id and span id of a link to this span.
fn link_to(span: &Span) -> (String, String) {
    (hex(&span.trace_id), hex(&span.span_id))
}

async fn create(user: &TestUser, trace: &str, title: &str) -> Reply {
    let request = user.request(Method::POST, &user.tasks(""));
    let request = request.header("traceparent", &traceparent(trace));
    request.header("idempotency-key", "\"once\"").json(&json!({"title": title})).send().await
}

/// The span of a request.
fn served(method: &str, route: &str, status: u16, operation: &str) -> String {
    format!(
        "{method} {route} [SPAN_KIND_SERVER] client.address=127.0.0.1 http.request.method={method} \
         http.response.status_code={status} http.route={route} operation={operation} url.scheme=http"
    )
}

#[tokio::test]
async fn the_trace_of_a_creation_goes_through_entity_append_and_batch_to_every_statement() {
    let (collector, database) = (Collector::start().await, ExternalDatabase::new().await);
    let server = exporting(&database.keyfold(SECRET), collector.address).serve().await;
    let ada = TestUser::sign_up(&server.url, "ada@example.com").await;
    create(&ada, CREATE, "Milk").await.expect(201);
    stop(server).await;

    let spans = of_trace(&collector.spans(), CREATE);
    let stream = format!("stream.name=tasks-{}", ada.id);
    let expected = [
        served("POST", "/api/{user_id}/tasks", 201, "createTask"),
        // Look-up of the key, and number of keys used today.
        format!("  {}", statement("SELECT", "idempotency_keys")),
        format!("  {}", statement("SELECT", "idempotency_keys")),
        format!("  entity.execute category=tasks commands=1 {stream}"),
        format!("    entity.hydrate category=tasks events=0 {stream}"),
        format!("      {}", statement("SELECT", "snapshots")),
        format!("      {}", statement("SELECT", "events")),
        format!("    eventlog.append events=1 {stream}"),
        "      eventlog.batch appends=1 events=1".to_owned(),
        // The log's lock, then the rows beside the log, as the transaction has them.
        format!("        {}", statement("SELECT", "")),
        format!("        {}", statement("INSERT", "idempotency_keys")),
        format!("        {}", statement("INSERT", "events")),
        format!("        {}", statement("COMMIT", "")),
    ];
    assert_trace(&spans, &expected);

    let insert = one(&spans, CREATE, "INSERT idempotency_keys");
    let text = insert.attributes.iter().find(|of| of.key == "db.query.text").unwrap();
    let Some(Any::StringValue(text)) = &text.value.as_ref().unwrap().value else { panic!() };
    assert!(text.contains("values ($1, $2, $3"), "{text}");
    let (append, batch) =
        (one(&spans, CREATE, "eventlog.append"), one(&spans, CREATE, "eventlog.batch"));
    assert_eq!((links(append), links(batch)), (vec![link_to(batch)], vec![link_to(append)]));
}

#[tokio::test]
async fn a_cold_read_loads_its_entity_in_its_trace_and_a_warm_one_does_nothing_else() {
    let (collector, database) = (Collector::start().await, ExternalDatabase::new().await);
    // Both servers have one public URL, so that the second one accepts the first one's token.
    let keyfold = database.keyfold(SECRET).set("KEYFOLD_PUBLIC_URL", PUBLIC_URL);
    let keyfold = exporting(&keyfold, collector.address);
    let server = keyfold.serve().await;
    let ada = TestUser::sign_up(&server.url, "ada@example.com").await;
    ada.create_task("Milk").await;
    stop(server).await;
    let server = keyfold.serve().await;
    let ada = ada.at(&server.url);
    for trace in [BREAD, EGGS] {
        let list = ada.request(Method::GET, &ada.tasks(""));
        list.header("traceparent", &traceparent(trace)).send().await.expect(200);
    }
    stop(server).await;

    let spans = collector.spans();
    let request = served("GET", "/api/{user_id}/tasks", 200, "listTasks");
    let mut expected = vec![request.clone(), format!("  {}", statement("SELECT", "sessions"))];
    for category in ["account", "tasks"] {
        // Both left a snapshot behind when the first server stopped.
        let stream = format!("stream.name={category}-{}", ada.id);
        expected.extend([
            format!("  entity.hydrate category={category} events=0 {stream}"),
            format!("    {}", statement("SELECT", "snapshots")),
            format!("    {}", statement("SELECT", "events")),
        ]);
    }
    assert_trace(&of_trace(&spans, BREAD), &expected);
    assert_trace(&of_trace(&spans, EGGS), &[request]);
}

#[tokio::test]
async fn the_trace_of_a_sign_in_goes_through_the_hasher_and_the_session_actor() {
    let (collector, database) = (Collector::start().await, ExternalDatabase::new().await);
    let server = exporting(&database.keyfold(SECRET), collector.address).serve().await;
    let ada = TestUser::sign_up(&server.url, "ada@example.com").await;
    let sign_in = server.post("/api/auth/signin").header("traceparent", &traceparent(CREATE));
    let body = json!({"email": "ada@example.com", "password": PASSWORD});
    sign_in.json(&body).send().await.expect(200);
    stop(server).await;

    let stream = format!("stream.name=session-{}", ada.id);
    let expected = [
        served("POST", "/api/auth/signin", 200, "signIn"),
        format!("  {}", statement("SELECT", "users")),
        "  password action=verify".to_owned(),
        format!("  entity.execute category=session commands=1 {stream}"),
        format!("    eventlog.append events=1 {stream}"),
        "      eventlog.batch appends=1 events=1".to_owned(),
        format!("        {}", statement("SELECT", "")),
        format!("        {}", statement("INSERT", "sessions")),
        format!("        {}", statement("INSERT", "events")),
        format!("        {}", statement("COMMIT", "")),
    ];
    assert_trace(&of_trace(&collector.spans(), CREATE), &expected);
}

#[tokio::test]
async fn appends_of_two_requests_in_one_batch_are_linked_to_it_and_it_to_them() {
    let (collector, database) = (Collector::start().await, ExternalDatabase::new().await);
    let keyfold = exporting(&database.keyfold(SECRET), collector.address);
    let server = keyfold.set("KEYFOLD_METRICS_LISTEN", "shared").serve().await;
    let mut users = Vec::new();
    for name in ["ada", "ben", "cleo"] {
        users.push(TestUser::sign_up(&server.url, &format!("{name}@example.com")).await);
    }
    // While the first one's batch waits for the log, the others' appends wait for the next batch.
    let lock = Locked::new(&database.connection).await;
    let waiting = |depth: usize| {
        let (server, depth) = (&server, format!("keyfold_append_queue_depth {depth}"));
        until("appends wait for their batch", async move || {
            server.get("/metrics").send().await.text.lines().any(|line| line == depth)
        })
    };
    let release = async {
        lock.is_waited_for(1).await;
        let second = async {
            waiting(2).await;
            lock.release().await;
        };
        let (bread, eggs) = (create(&users[1], BREAD, "Bread"), create(&users[2], EGGS, "Eggs"));
        tokio::join!(bread, eggs, second)
    };
    let (milk, (bread, eggs, ())) = tokio::join!(create(&users[0], CREATE, "Milk"), release);
    for created in [milk, bread, eggs] {
        created.expect(201);
    }
    stop(server).await;

    let spans = collector.spans();
    let appends = [BREAD, EGGS].map(|trace| one(&spans, trace, "eventlog.append"));
    let mut batches = appends.map(links).concat();
    batches.dedup();
    let [batch] = &batches[..] else { panic!("both are in one batch: {appends:#?}") };
    let batch = spans.iter().find(|span| link_to(span) == *batch).unwrap();
    assert_eq!(told(batch), "eventlog.batch appends=2 events=2");
    let mut found = links(batch);
    found.sort();
    assert_eq!(found, appends.map(link_to));
    assert!(appends.iter().any(|append| append.span_id == batch.parent_span_id));
}

#[tokio::test]
async fn of_a_trace_that_is_not_kept_no_span_is_exported() {
    let (collector, database) = (Collector::start().await, ExternalDatabase::new().await);
    let keyfold = exporting(&database.keyfold(SECRET), collector.address);
    let server = keyfold.set("KEYFOLD_TRACE_SAMPLING", "0").serve().await;
    let ada = TestUser::sign_up(&server.url, "ada@example.com").await;
    let unsampled = format!("00-{CREATE}-{CALLER}-00");
    for body in [json!({"title": "Milk"}), json!({"title": "Bread"})] {
        let request = ada.request(Method::POST, &ada.tasks("")).json(&body);
        request.header("traceparent", &unsampled).send().await.expect(201);
        ada.create(&body).await.expect(201);
    }
    ada.list("?limit=1").await.expect(200);
    stop(server).await;

    let spans = collector.spans();
    assert!(spans.iter().any(|span| span.name == "POST /api/auth/signup"), "{spans:#?}");
    assert_eq!(of_trace(&spans, CREATE), []);
    let of_tasks = |span: &&Span| told(span).contains("tasks") || span.name.contains("tasks");
    assert_eq!(spans.iter().filter(of_tasks).collect::<Vec<_>>(), Vec::<&Span>::new());
}

#[tokio::test]
async fn a_statement_that_the_database_refuses_says_so_in_its_span() {
    let (collector, database) = (Collector::start().await, ExternalDatabase::new().await);
    let server = exporting(&database.keyfold(SECRET), collector.address).serve().await;
    let ada = TestUser::sign_up(&server.url, "ada@example.com").await;
    let link = database.connection.connect().await.unwrap();
    link.client.batch_execute("alter table idempotency_keys rename to lost_keys").await.unwrap();
    create(&ada, CREATE, "Milk").await.expect(500);
    link.client.batch_execute("alter table events rename to lost_events").await.unwrap();
    let list = ada.request(Method::GET, &ada.tasks(""));
    list.header("traceparent", &traceparent(BREAD)).send().await.expect(500);
    stop(server).await;

    let spans = collector.spans();
    let select = one(&spans, CREATE, "SELECT idempotency_keys");
    let expected = "SELECT idempotency_keys [SPAN_KIND_CLIENT] db.operation.name=SELECT \
                    db.query.summary=SELECT idempotency_keys db.response.status_code=42P01 \
                    db.system.name=postgresql error.type=42P01";
    assert_eq!(told(select), expected);
    for (trace, name) in
        [(CREATE, "SELECT idempotency_keys"), (BREAD, "SELECT events"), (BREAD, "entity.hydrate")]
    {
        let status = one(&spans, trace, name).status.clone();
        assert_eq!(status.unwrap().code(), StatusCode::Error, "{name}");
    }
}
