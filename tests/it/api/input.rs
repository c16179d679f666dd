//! Invalid input: a clear error, and no change is lost or half done.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::user::{PASSWORD, TestUser};

#[tokio::test(flavor = "multi_thread")]
async fn everything_wrong_with_a_sign_up_is_said_at_once() {
    let app = TestApp::spawn().await;
    let body = json!({"email": "ada", "password": "short", "name": " "});
    app.post("/api/auth/signup").json(&body).send().await.expect_invalid(&[
        ("email", "EMAIL_INVALID", "must be an email address such as ada@example.com"),
        ("password", "PASSWORD_TOO_SHORT", "must have at least 8 characters"),
        ("name", "NAME_EMPTY", "must not be empty"),
    ]);
    assert_eq!(app.dump("users").await, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limits_of_a_sign_up_are_as_documented() {
    let app = TestApp::spawn().await;
    let sign_up = async |email: &str, password: &str, name: &str| {
        app.post("/api/auth/signup")
            .json(&json!({"email": email, "password": password, "name": name}))
            .send()
            .await
    };
    sign_up("a@example.com", &"é".repeat(8), "A").await.expect(201);
    sign_up("b@example.com", &"é".repeat(128), &"é".repeat(200)).await.expect(201);
    let too_long = ("password", "PASSWORD_TOO_LONG", "must have at most 128 characters");
    sign_up("c@example.com", &"é".repeat(129), "A").await.expect_invalid(&[too_long]);
    let name = &"é".repeat(201);
    sign_up("c@example.com", PASSWORD, name).await.expect_invalid(&[(
        "name",
        "NAME_TOO_LONG",
        "must have at most 200 characters",
    )]);
    let nul = sign_up("c@example.com", PASSWORD, "a\0b").await;
    nul.expect_invalid(&[("name", "NAME_INVALID", "must not contain control characters")]);
    let body = json!({"email": "a@example.com", "password": "é".repeat(129)});
    app.post("/api/auth/signin").json(&body).send().await.expect_invalid(&[too_long]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limits_of_a_task_are_as_documented() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    ada.create(&json!({"title": "é".repeat(200), "description": "é".repeat(2_000)}))
        .await
        .expect(201);
    let both = json!({"title": "é".repeat(201), "description": "é".repeat(2_001)});
    ada.create(&both).await.expect_invalid(&[
        ("title", "TITLE_TOO_LONG", "must have at most 200 characters"),
        ("description", "DESCRIPTION_TOO_LONG", "must have at most 2000 characters"),
    ]);
    let title = |text: &str| json!({ "title": text });
    ada.create(&title(" \n ")).await.expect_invalid(&[(
        "title",
        "TITLE_EMPTY",
        "must not be empty",
    )]);
    ada.create(&title("a\0b")).await.expect_invalid(&[(
        "title",
        "TITLE_INVALID",
        "must not contain control characters",
    )]);
    assert_eq!(ada.titles().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_of_the_wrong_kind_is_named() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    let unknown = "is not known, expected one of `title`, `description`, `completed`, `priority`, `due`, `tags`";
    let number = "invalid type: integer `5`, expected a string";
    let null = "invalid type: null, expected a string";
    let text = "invalid type: string \"yes\", expected a boolean";
    for (body, problem) in [
        (json!({"title": 5}), ("title", "TITLE_WRONG_TYPE", number)),
        (json!({"title": null}), ("title", "TITLE_WRONG_TYPE", null)),
        (json!({"title": "a", "priority": 5}), ("priority", "PRIORITY_WRONG_TYPE", number)),
        (json!({"title": "a", "priority": null}), ("priority", "PRIORITY_WRONG_TYPE", null)),
        (json!({"title": "a", "completed": "yes"}), ("completed", "COMPLETED_WRONG_TYPE", text)),
        (json!({}), ("title", "TITLE_MISSING", "is missing")),
        (json!({"title": "a", "colour": "red"}), ("colour", "MEMBER_UNKNOWN", unknown)),
        (json!("title"), ("body", "BODY_WRONG_TYPE", "must be a JSON object")),
    ] {
        ada.create(&body).await.expect_invalid(&[problem]);
    }
    let twice = ada.request(Method::POST, &ada.tasks(""));
    let twice = twice.header("content-type", "application/json");
    let twice = twice.body(r#"{"title": "a", "title": "b"}"#).send().await;
    twice.expect_invalid(&[("title", "TITLE_DUPLICATE", "is given more than once")]);
    let milk = ada.create_task("milk").await;
    let path = ada.tasks(&format!("/{}", milk["id"].as_str().unwrap()));
    for (body, problem) in [
        (json!({"title": null}), ("title", "TITLE_MISSING", "cannot be removed")),
        (json!({"completed": "yes"}), ("completed", "COMPLETED_WRONG_TYPE", text)),
        (json!({"title": ""}), ("title", "TITLE_EMPTY", "must not be empty")),
    ] {
        let reply = ada.request(Method::PATCH, &path).json(&body).send().await;
        reply.expect_invalid(&[problem]);
    }
    assert_eq!(ada.request(Method::GET, &path).send().await.expect(200), milk);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parameter_out_of_range_is_named() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    ada.list("?limit=0").await.expect_invalid(&[(
        "limit",
        "LIMIT_TOO_SMALL",
        "must be at least 1",
    )]);
    ada.list("?limit=1001").await.expect_invalid(&[(
        "limit",
        "LIMIT_TOO_LARGE",
        "must be at most 1000",
    )]);
    ada.list("?cursor=x").await.expect_invalid(&[(
        "cursor",
        "CURSOR_INVALID",
        "must be the nextCursor of a page with the same sort",
    )]);
    let long = format!("?q={}", "a".repeat(201));
    ada.list(&long).await.expect_invalid(&[(
        "q",
        "Q_TOO_LONG",
        "must have at most 200 characters",
    )]);
    for (query, problem) in [
        ("?limit=many", ("limit", "LIMIT_WRONG_TYPE", "must be a whole number")),
        ("?limit=-1", ("limit", "LIMIT_WRONG_TYPE", "must be a whole number")),
        ("?completed=perhaps", ("completed", "COMPLETED_WRONG_TYPE", "must be true or false")),
    ] {
        ada.list(query).await.expect_invalid(&[problem]);
    }
}

/// Every operation with a body, as the caller that may use it.
async fn with_body(
    ada: &TestUser,
    content_type: &str,
    body: Vec<u8>,
) -> Vec<crate::support::app::Reply> {
    let milk = ada.create_task("milk").await;
    let task = ada.tasks(&format!("/{}", milk["id"].as_str().unwrap()));
    let mut replies = Vec::new();
    for (method, path) in [
        (Method::POST, "/api/auth/signup".to_owned()),
        (Method::POST, "/api/auth/signin".to_owned()),
        (Method::PATCH, "/api/auth/profile".to_owned()),
        (Method::POST, "/api/auth/password".to_owned()),
        (Method::POST, ada.tasks("")),
        (Method::PUT, task.clone()),
        (Method::PATCH, task),
    ] {
        let request = ada.request(method, &path).header("content-type", content_type);
        replies.push(request.body(body.clone()).send().await);
    }
    replies
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_no_json_is_refused_by_every_operation_that_has_one() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    for (content_type, body, status, code) in [
        ("application/json", b"{".to_vec(), 400, "INVALID_JSON"),
        ("application/json", b"".to_vec(), 400, "INVALID_JSON"),
        ("application/json", b"nonsense".to_vec(), 400, "INVALID_JSON"),
        ("application/json", b"[]".to_vec(), 400, "INVALID_INPUT"),
        ("application/json", b"7".to_vec(), 400, "INVALID_INPUT"),
        ("application/json", b"{\"title\": \"\xff\"}".to_vec(), 400, "INVALID_UTF8"),
        ("application/json; charset=utf-8", b"[".repeat(100_000), 413, "PAYLOAD_TOO_LARGE"),
        ("application/json", b"[".repeat(10_000), 400, "INVALID_INPUT"),
        ("text/plain", b"{}".to_vec(), 415, "UNSUPPORTED_MEDIA_TYPE"),
        (
            "application/x-www-form-urlencoded",
            b"title=milk".to_vec(),
            415,
            "UNSUPPORTED_MEDIA_TYPE",
        ),
        ("", b"{}".to_vec(), 415, "UNSUPPORTED_MEDIA_TYPE"),
    ] {
        for reply in with_body(&ada, content_type, body.clone()).await {
            let body = reply.expect(status);
            assert_eq!(body["code"], json!(code), "{body}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_that_does_not_exist_and_a_wrong_method_get_the_one_error_body() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    for path in [
        "/nope",
        "/api",
        "/api/auth/nope",
        "/api/auth/signin/",
        "/api/a/b/c/d",
        "/docs/nope",
        "//",
        "/%00",
    ] {
        let reply = app.get(path).send().await;
        reply.expect_problem(404, "NOT_FOUND", "There is nothing at this path");
    }
    let refused = "This path does not have this method";
    for (method, path, allow) in [
        (Method::GET, "/api/auth/signin".to_owned(), "POST"),
        (Method::POST, "/api/auth/session".to_owned(), "GET, HEAD"),
        (Method::DELETE, ada.tasks(""), "GET, HEAD, POST"),
        (Method::POST, ada.tasks("/x"), "GET, HEAD, PUT, PATCH, DELETE"),
        (Method::POST, "/docs".to_owned(), "GET, HEAD"),
        (Method::DELETE, "/openapi.json".to_owned(), "GET, HEAD"),
    ] {
        let reply = app.request(method, &path).send().await;
        reply.expect_problem(405, "METHOD_NOT_ALLOWED", refused);
        let sorted = |methods: &str| {
            let mut methods: Vec<_> = methods.split(", ").map(str::to_owned).collect();
            methods.sort();
            methods
        };
        assert_eq!(sorted(reply.header("allow")), sorted(allow), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_identifier_that_is_a_word_of_the_api_is_nobodys() {
    let app = TestApp::spawn().await;
    let ada = app.sign_up("ada@example.com").await;
    let reply = app.get("/api/auth/tasks").bearer(&ada.token).send().await;
    reply.expect_problem(403, "NOT_YOURS", "This belongs to another user");
    assert_eq!(app.get("/health/live").send().await.expect(200), json!({"status": "ok"}));
    let ready: Value = app.get("/health/ready").send().await.expect(200);
    assert_eq!(ready, json!({"status": "ok", "logHead": 4}));
}
