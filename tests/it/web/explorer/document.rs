//! The OpenAPI document: committed as it is served, and complete.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::support::app::TestApp;

/// The committed document.
const TEXT: &str = include_str!("../../../../openapi/openapi.json");

/// The tasks that examples tell of.
const EXAMPLE_TASK: &str = "019aab76-5800-7000-8000-000000000003";
const EXAMPLE_NEIGHBOUR: &str = "019aab76-5800-7000-8000-000000000004";

pub(super) fn document() -> Value {
    serde_json::from_str(TEXT).unwrap()
}

#[tokio::test]
async fn the_committed_document_is_the_servers() {
    let app = TestApp::spawn().await;
    let served = app.get("/openapi.json").send().await;
    assert_eq!(served.header("content-type"), "application/json");
    assert!(
        served.text == TEXT,
        "openapi/openapi.json is not what this server serves: run `make openapi`"
    );
}

/// The operations of the document by their ids, each with its method and path.
pub(super) fn operations(document: &Value) -> BTreeMap<String, (String, String, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    let all = paths.iter().flat_map(|(path, methods)| {
        let methods = methods.as_object().unwrap();
        methods.iter().map(move |(method, operation)| {
            let id = operation["operationId"]
                .as_str()
                .unwrap_or_else(|| panic!("{method} {path} has no operationId"));
            (id.to_owned(), (method.to_uppercase(), path.clone(), operation))
        })
    });
    let by_id: BTreeMap<_, _> = all.collect();
    let count: usize = paths.values().map(|methods| methods.as_object().unwrap().len()).sum();
    assert_eq!(by_id.len(), count, "operation ids are unique");
    by_id
}

/// The example of a body, whichever media type it has, or failing that of its schema: each of them has one.
fn example<'a>(document: &'a Value, body: &'a Value) -> Option<&'a Value> {
    let of_media = |media: &'a Value| {
        let named = media["schema"]["$ref"]
            .as_str()
            .and_then(|path| document.pointer(path.trim_start_matches('#')));
        media.get("example").or_else(|| named.unwrap_or(&media["schema"]).get("example"))
    };
    let examples: Option<Vec<_>> = body["content"].as_object()?.values().map(of_media).collect();
    examples?.first().copied()
}

#[test]
fn every_operation_says_what_it_does_who_may_and_what_for() {
    let document = document();
    let names = |list: &Value| -> BTreeSet<String> {
        list.as_array()
            .unwrap()
            .iter()
            .map(|tag| tag["name"].as_str().unwrap().to_owned())
            .collect()
    };
    let (chapters, schemes) =
        (names(&document["tags"]), document["components"]["securitySchemes"].as_object().unwrap());
    for (id, (_, _, operation)) in operations(&document) {
        for text in ["summary", "description"] {
            assert!(
                operation[text].as_str().is_some_and(|text| !text.is_empty()),
                "{id} has no {text}"
            );
        }
        let tags = operation["tags"].as_array().unwrap_or_else(|| panic!("{id} has no tags"));
        assert!(
            !tags.is_empty() && tags.iter().all(|tag| chapters.contains(tag.as_str().unwrap())),
            "{id}: {tags:?}"
        );
        let security = operation["security"]
            .as_array()
            .unwrap_or_else(|| panic!("{id} does not say who may call it"));
        let required = security.iter().flat_map(|choice| choice.as_object().unwrap().keys());
        assert!(required.into_iter().all(|name| schemes.contains_key(name)), "{id}: {security:?}");
    }
}

#[test]
fn every_body_of_the_document_has_an_example() {
    let document = document();
    for (id, (_, _, operation)) in operations(&document) {
        if let Some(body) = operation.get("requestBody") {
            assert!(example(&document, body).is_some(), "{id} has no example of its request");
        }
        for (status, response) in operation["responses"].as_object().unwrap() {
            if status.starts_with('2') && response.get("content").is_some() {
                assert!(
                    example(&document, response).is_some(),
                    "{id} has no example of its {status}"
                );
            }
            if status.starts_with(['4', '5']) {
                let example = &response["content"]["application/json"]["example"];
                let has = |field| example.get(field).is_some();
                assert!(
                    has("code") && has("message") && has("traceId"),
                    "{id} has no example of its {status}"
                );
                let has_details =
                    example["code"] == "INVALID_INPUT" || example["code"] == "EMAIL_TAKEN";
                assert_eq!(has("details"), has_details, "{id} {status}");
                let details = example["details"].as_array().into_iter().flatten();
                for detail in details {
                    assert!(detail["code"].is_string(), "{id} {status}: {detail}");
                }
            }
        }
    }
}

#[tokio::test]
async fn every_example_of_a_request_is_accepted_as_it_stands() {
    let app = TestApp::spawn().await;
    let document = document();
    let operations = operations(&document);
    let signed_up =
        app.post("/api/auth/signup").json(request_of("signUp", &document)).send().await.expect(201);
    let (user_id, token) =
        (signed_up["user"]["id"].as_str().unwrap(), signed_up["token"].as_str().unwrap());
    let session_token = signed_up["session"]["token"].as_str().unwrap();
    let tasks = format!("/api/{user_id}/tasks");
    let create = app.post(&tasks).bearer(token).json(request_of("createTask", &document));
    let task = create.send().await.expect(201);
    let create = app.post(&tasks).bearer(token).json(request_of("createTask", &document));
    let other = create.send().await.expect(201);
    // Ids of tasks in the examples are replaced by those of existing tasks.
    let known = |example: &Value| {
        let text = example.to_string();
        let text = text.replace(EXAMPLE_TASK, task["id"].as_str().unwrap());
        let text = text.replace(EXAMPLE_NEIGHBOUR, other["id"].as_str().unwrap());
        serde_json::from_str::<Value>(&text).unwrap()
    };

    let with_body =
        operations.iter().filter(|(_, (_, _, operation))| operation["requestBody"].is_object());
    let mut with_body: Vec<_> = with_body.collect();
    // After this one, neither the token nor the other examples' password are accepted.
    with_body.sort_by_key(|(id, _)| *id == "changePassword");
    for (id, (method, path, _)) in with_body {
        let path =
            path.replace("{user_id}", user_id).replace("{task_id}", task["id"].as_str().unwrap());
        let is_account = path.starts_with("/api/auth/");
        let request = app
            .request(method.parse().unwrap(), &path)
            .bearer(if is_account { session_token } else { token })
            .json(&known(request_of(id, &document)));
        // An example address can be signed up once.
        let expected = if id == "signUp" { 409 } else { 200 };
        let reply = request.send().await;
        assert!(
            reply.status == expected || (id == "createTask" && reply.status == 201),
            "{id}: {}",
            reply.text
        );
    }
}

fn request_of<'a>(operation: &str, document: &'a Value) -> &'a Value {
    example(document, &operations(document)[operation].2["requestBody"]).unwrap()
}
