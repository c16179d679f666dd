//! Every limit of every body and parameter: its status, its code, and the field that it names.

use reqwest::Method;
use serde_json::{Value, json};

use super::*;

/// A request that exceeds a limit, and the expected answer.
struct Case {
    method: Method,
    rest: String,
    headers: Vec<(&'static str, String)>,
    body: String,
    told: Value,
}

/// The answer of a field's limit.
fn field(name: &str, code: &str) -> Value {
    json!({"status": 400, "code": code, "field": name})
}

/// The answer of the limit of a whole request.
fn whole(status: u16, code: &str) -> Value {
    json!({"status": status, "code": code, "field": null})
}

fn case(method: Method, rest: &str, body: impl Into<String>, told: Value) -> Case {
    let headers = vec![("content-type", "application/json".to_owned())];
    Case { method, rest: rest.to_owned(), headers, body: body.into(), told }
}

impl Case {
    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self.headers.push((name, value.to_owned()));
        self
    }

    /// Status, code and field of the answer.
    async fn told(&self, user: &TestUser) -> Value {
        let mut request = user.request(self.method.clone(), &user.tasks(&self.rest));
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let reply = request.body(self.body.clone()).send().await;
        let body = reply.json();
        let detail = body.pointer("/details/0").cloned().unwrap_or_default();
        let code = detail.get("code").unwrap_or(&body["code"]);
        let message = detail.get("message").unwrap_or(&body["message"]);
        assert!(message.as_str().is_some_and(|text| !text.is_empty()), "{body}");
        if let Some(field) = detail["field"].as_str() {
            assert!(body["message"].as_str().unwrap().contains(field), "{body}");
        }
        json!({"status": reply.status.as_u16(), "code": code, "field": detail["field"]})
    }
}

async fn assert_told(app: &TestApp, user: &TestUser, cases: &[Case]) {
    let before = (events(app).await, page(user, "").await);
    for case in cases {
        let shown: String = case.body.chars().take(120).collect();
        let request = format!("{} {} {:?} {shown}", case.method, case.rest, case.headers);
        assert_eq!(case.told(user).await, case.told, "{request}");
    }
    assert_eq!((events(app).await, page(user, "").await), before, "nothing is half applied");
}

/// The limits of the fields of a task at every entrance: `wrap` puts it in its place, `path` leads there.
fn task_limits(
    (method, rest): (&Method, &str),
    path: &str,
    wrap: impl Fn(Value) -> Value,
) -> Vec<Case> {
    let many: Vec<_> = (0..21).map(|number| number.to_string()).collect();
    [
        (json!({"title": ""}), "title", "TITLE_EMPTY"),
        (json!({"title": " \u{a0}\n"}), "title", "TITLE_EMPTY"),
        (json!({"title": "é".repeat(201)}), "title", "TITLE_TOO_LONG"),
        (json!({"title": "a\0b"}), "title", "TITLE_INVALID"),
        (json!({"description": "é".repeat(2_001)}), "description", "DESCRIPTION_TOO_LONG"),
        (json!({"description": "\0"}), "description", "DESCRIPTION_INVALID"),
        (json!({"due": ""}), "due", "DUE_INVALID"),
        (json!({"due": "2026-02-29"}), "due", "DUE_INVALID"),
        (json!({"due": "2026-12-24T18:00:00"}), "due", "DUE_INVALID"),
        (json!({"due": "2026-12-24T18:00[Europe/Atlantis]"}), "due", "DUE_INVALID"),
        (json!({"due": "10000-01-01"}), "due", "DUE_INVALID"),
        (json!({"tags": many}), "tags", "TAGS_TOO_MANY"),
        (json!({"tags": ["a", " "]}), "tags[1]", "TAGS_EMPTY"),
        (json!({"tags": ["é".repeat(51)]}), "tags[0]", "TAGS_TOO_LONG"),
        (json!({"tags": ["a;b"]}), "tags[0]", "TAGS_INVALID"),
        (json!({"tags": ["a\nb"]}), "tags[0]", "TAGS_INVALID"),
    ]
    .into_iter()
    .map(|(fields, name, code)| {
        let task = with(&json!({"title": "fine"}), &fields);
        case(method.clone(), rest, wrap(task).to_string(), field(&format!("{path}{name}"), code))
    })
    .collect()
}

/// Fields of the wrong type or name. In a batch the parser names an element by its place only.
fn shape_limits((method, rest): (&Method, &str)) -> Vec<Case> {
    [
        (json!({"title": 5}), "title", "TITLE_WRONG_TYPE"),
        (json!({"description": 5}), "description", "DESCRIPTION_WRONG_TYPE"),
        (json!({"completed": "yes"}), "completed", "COMPLETED_WRONG_TYPE"),
        (json!({"priority": "urgent"}), "priority", "PRIORITY_INVALID"),
        (json!({"due": 20_261_224}), "due", "DUE_WRONG_TYPE"),
        (json!({"tags": "home"}), "tags", "TAGS_WRONG_TYPE"),
        (json!({"tags": [1]}), "tags[0]", "TAGS_WRONG_TYPE"),
        (json!({"position": "i0000000"}), "position", "MEMBER_UNKNOWN"),
        (json!({"id": "x"}), "id", "MEMBER_UNKNOWN"),
        (json!({"completedAt": null}), "completedAt", "MEMBER_UNKNOWN"),
    ]
    .into_iter()
    .map(|(fields, name, code)| {
        let task = with(&json!({"title": "fine"}), &fields);
        case(method.clone(), rest, task.to_string(), field(name, code))
    })
    .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_limit_of_a_task_has_its_own_code_and_names_the_field_wherever_it_is_said() {
    let (app, ada) = ada().await;
    let milk = ada.create_task("Milk").await;
    let path = format!("/{}", id(&milk));
    let same = |task: Value| task;
    let (post, put, change) = (Method::POST, Method::PUT, Method::PATCH);
    let created = |task: Value| json!({"commands": [{"op": "create", "task": task}]});
    let changed =
        |task: Value| json!({"commands": [{"op": "change", "id": id(&milk), "changes": task}]});
    let mut cases = task_limits((&post, ""), "", same);
    cases.extend(task_limits((&put, &path), "", same));
    cases.extend(task_limits((&change, &path), "", same));
    cases.extend(task_limits((&post, "/batch"), "commands[0].task.", created));
    cases.extend(task_limits((&post, "/batch"), "commands[0].changes.", changed));
    cases.extend(task_limits((&post, "/import"), "tasks[0].", |task| json!({"tasks": [task]})));
    for place in [(&post, ""), (&put, path.as_str()), (&change, path.as_str())] {
        cases.extend(shape_limits(place));
    }
    assert_told(&app, &ada, &cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_limit_of_a_query_has_its_own_code_and_names_the_parameter() {
    let (app, ada) = ada().await;
    let long = "a".repeat(201);
    let priorities = "priority=low&".repeat(5);
    let tags = "tag=a&".repeat(21);
    let cases: Vec<_> = [
        ("?limit=0".to_owned(), "limit", "LIMIT_TOO_SMALL"),
        ("?limit=1001".to_owned(), "limit", "LIMIT_TOO_LARGE"),
        ("?limit=99999999999999999999".to_owned(), "limit", "LIMIT_TOO_LARGE"),
        ("?limit=many".to_owned(), "limit", "LIMIT_WRONG_TYPE"),
        ("?cursor=x".to_owned(), "cursor", "CURSOR_INVALID"),
        ("?completed=perhaps".to_owned(), "completed", "COMPLETED_WRONG_TYPE"),
        ("?priority=urgent".to_owned(), "priority", "PRIORITY_INVALID"),
        (format!("?{priorities}"), "priority", "PRIORITY_TOO_MANY"),
        (format!("?{tags}"), "tag", "TAG_TOO_MANY"),
        ("?dueFrom=soon".to_owned(), "dueFrom", "DUE_FROM_INVALID"),
        ("?dueUntil=2026-13-01".to_owned(), "dueUntil", "DUE_UNTIL_INVALID"),
        ("?dueFrom=2026-12-24T00:00".to_owned(), "dueFrom", "DUE_FROM_INVALID"),
        (format!("?q={long}"), "q", "Q_TOO_LONG"),
        ("?sort=title".to_owned(), "sort", "SORT_INVALID"),
        ("?order=up".to_owned(), "order", "ORDER_INVALID"),
        ("?asOf=yesterday".to_owned(), "asOf", "AS_OF_INVALID"),
        ("?asOf=1".to_owned(), "asOf", "AS_OF_INVALID"),
        ("/export?format=xml".to_owned(), "format", "FORMAT_INVALID"),
    ]
    .into_iter()
    .map(|(query, name, code)| case(Method::GET, &query, "", field(name, code)))
    .collect();
    assert_told(&app, &ada, &cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_limit_of_a_move_a_restoration_and_a_batch_names_the_field() {
    let (app, ada) = ada().await;
    let milk = ada.create_task("Milk").await;
    let (path, post) = (format!("/{}", id(&milk)), Method::POST);
    let (relocation, restore) = (format!("{path}/move"), format!("{path}/restore"));
    let nobody = "00000000-0000-0000-0000-000000000000";
    let both = json!({"before": id(&milk), "after": id(&milk)});
    let commands = |commands: Value| json!({"commands": commands});
    let delete = json!({"op": "delete", "id": id(&milk)});
    let if_version = json!([{"op": "delete", "id": id(&milk), "ifVersion": 1}]);
    let at = |field_name: &str, code: &str| field(&format!("commands[0]{field_name}"), code);
    let sent =
        |rest: &str, body: Value, told: Value| case(post.clone(), rest, body.to_string(), told);
    let cases = [
        sent(&relocation, json!({}), field("before", "BEFORE_MISSING")),
        sent(&relocation, both, field("after", "AFTER_INVALID")),
        sent(&relocation, json!({"before": nobody}), field("before", "BEFORE_UNKNOWN")),
        sent(&relocation, json!({"after": "x"}), field("after", "AFTER_UNKNOWN")),
        sent(&relocation, json!({"after": null}), field("after", "AFTER_WRONG_TYPE")),
        sent(&relocation, json!({"index": 1}), field("index", "MEMBER_UNKNOWN")),
        sent(&restore, json!({"version": v(99)}), field("version", "VERSION_UNKNOWN")),
        sent(&restore, json!({"version": 1}), field("version", "VERSION_WRONG_TYPE")),
        sent(&restore, json!({"version": "1"}), field("version", "VERSION_INVALID")),
        sent("/batch", json!({}), field("commands", "COMMANDS_MISSING")),
        sent("/batch", commands(json!([])), field("commands", "COMMANDS_EMPTY")),
        sent("/batch", commands(json!(vec![delete; 501])), field("commands", "COMMANDS_TOO_MANY")),
        sent("/batch", commands(json!([7])), at("", "COMMANDS_WRONG_TYPE")),
        sent("/batch", commands(json!([{"op": "paint"}])), at(".op", "OP_INVALID")),
        sent("/batch", commands(if_version), at(".ifVersion", "IF_VERSION_WRONG_TYPE")),
        sent("/batch", commands(json!([{"op": "delete"}])), at(".id", "ID_MISSING")),
        sent("/batch", commands(json!([{"op": "delete", "id": "x"}])), at(".id", "ID_UNKNOWN")),
    ];
    assert_told(&app, &ada, &cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_limit_of_a_header_names_it_for_every_write() {
    let (app, ada) = ada().await;
    let milk = ada.create_task("Milk").await;
    let path = format!("/{}", id(&milk));
    let create = json!({"op": "create", "task": {"title": "Tea"}});
    let mut cases = Vec::new();
    for (method, rest, body, has_condition) in [
        (Method::POST, String::new(), json!({"title": "Tea"}), false),
        (Method::PUT, path.clone(), json!({"title": "Tea"}), true),
        (Method::PATCH, path.clone(), json!({"title": "Tea"}), true),
        (Method::DELETE, path.clone(), json!({}), true),
        (Method::POST, format!("{path}/move"), json!({"before": id(&milk)}), true),
        (Method::POST, format!("{path}/restore"), json!({}), true),
        (Method::POST, "/batch".to_owned(), json!({"commands": [create]}), true),
        (Method::POST, "/import".to_owned(), json!({"tasks": [{"title": "Tea"}]}), true),
        (Method::POST, "/undo".to_owned(), json!({}), true),
        (Method::POST, "/redo".to_owned(), json!({}), true),
    ] {
        let sent = |name, value: &str, told| {
            case(method.clone(), &rest, body.to_string(), told).with(name, value)
        };
        let key = |value: &str, code: &str| {
            sent("idempotency-key", value, field("Idempotency-Key", code))
        };
        cases.push(key("", "IDEMPOTENCY_KEY_EMPTY"));
        cases.push(key(&"x".repeat(256), "IDEMPOTENCY_KEY_TOO_LONG"));
        cases.push(key("a b", "IDEMPOTENCY_KEY_INVALID"));
        let mut twice = key("a", "IDEMPOTENCY_KEY_DUPLICATE");
        twice.headers.push(("idempotency-key", "a".to_owned()));
        cases.push(twice);
        if has_condition {
            let many = vec![tag(1); 33].join(",");
            cases.push(sent("if-match", "7", field("If-Match", "IF_MATCH_INVALID")));
            cases.push(sent("if-match", &many, field("If-Match", "IF_MATCH_TOO_MANY")));
        }
    }
    assert_told(&app, &ada, &cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_body_has_a_media_type_a_shape_and_a_largest_size() {
    let (app, ada) = ada().await;
    let milk = ada.create_task("Milk").await;
    let path = format!("/{}", id(&milk));
    let (kib, mib) = (1024, 1024 * 1024);
    let mut cases = Vec::new();
    for (method, rest, largest) in [
        (Method::POST, String::new(), 64 * kib),
        (Method::PUT, path.clone(), 64 * kib),
        (Method::PATCH, path.clone(), 64 * kib),
        (Method::POST, format!("{path}/move"), 64 * kib),
        (Method::POST, format!("{path}/restore"), 64 * kib),
        (Method::POST, "/batch".to_owned(), 4 * mib),
        // Files have their own test: they are too large to be sent here.
        (Method::POST, "/import".to_owned(), 0),
    ] {
        let sent = |body: &str, told| case(method.clone(), &rest, body, told);
        if largest > 0 {
            let too_large = || sent(&" ".repeat(largest + 1), whole(413, "PAYLOAD_TOO_LARGE"));
            cases.push(too_large());
            cases.push(too_large().with("idempotency-key", "large"));
        }
        cases.push(sent("", whole(400, "INVALID_JSON")));
        cases.push(sent("{", whole(400, "INVALID_JSON")).with("idempotency-key", "no-json"));
        cases.push(sent(
            "{} {}",
            if rest.is_empty() || method == Method::PUT {
                field("title", "TITLE_MISSING")
            } else if rest == "/batch" {
                field("commands", "COMMANDS_MISSING")
            } else if rest == "/import" {
                field("tasks", "TASKS_MISSING")
            } else {
                whole(400, "INVALID_JSON")
            },
        ));
        cases.push(sent("[]", field("body", "BODY_WRONG_TYPE")));
        cases.push(sent("7", field("body", "BODY_WRONG_TYPE")));
        let plain = sent("{}", whole(415, "UNSUPPORTED_MEDIA_TYPE"));
        cases.push(plain.with("content-type", "text/plain"));
    }
    assert_told(&app, &ada, &cases).await;
}
