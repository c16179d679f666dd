//! The pieces an endpoint is made of, together: answers and document of a small API made of them.

use poem::http::{Method, StatusCode};
use poem::{Endpoint, IntoEndpoint, Request, Response};
use poem_openapi::{ApiResponse, Object, OpenApi, OpenApiService};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::request::idempotency_key::MaybeIdempotencyKey;
use super::request::if_match::IfMatch;
use super::request::intake::tests::intake;
use super::request::json::{Json, MergePatch};
use super::response::etag;
use super::response::failure::{Failure, Statuses};
use super::response::problem::Problem;
use super::response::raw_json::RawJson;
use crate::capacity::budget::{Budget, Purpose};
use crate::eventlog::Point;

/// The failures of both operations.
enum OfNotes {}

impl Statuses for OfNotes {
    const LIST: &'static [u16] = &[400, 412, 413, 415];
}

#[derive(Debug, Clone, Serialize, Deserialize, Object)]
#[serde(deny_unknown_fields)]
struct Note {
    title: String,
}

#[derive(Debug, ApiResponse)]
enum Changed {
    /// The note was changed.
    #[oai(status = 200)]
    Note(
        Json<Note>,
        /// Send it back in `If-Match`.
        #[oai(header = "ETag")]
        String,
    ),
}

struct Notes;

/// The version with this number.
fn version(number: i64) -> Point {
    Point::new(number, "Zk3x_9Qa".parse().unwrap_or_default())
}

#[OpenApi]
#[expect(clippy::unused_async, reason = "endpoints")]
impl Notes {
    /// Change the note
    #[oai(path = "/note", method = "patch", operation_id = "changeNote")]
    async fn change(
        &self,
        /// The `ETag` of the note that is to be changed.
        #[oai(name = "If-Match")]
        if_match: IfMatch,
        /// One key for every attempt.
        #[oai(name = "Idempotency-Key")]
        key: MaybeIdempotencyKey,
        body: MergePatch<Note, 64>,
    ) -> Result<Changed, Failure<OfNotes>> {
        if !if_match.allows(&etag::of_version(version(7))) {
            let current = RawJson::of(&json!({"title": "Milk"})).map_err(|_| Problem::unexpected());
            let etag = etag::of_version(version(7));
            return Err(Problem::precondition_failed(Some(current?), Some(etag)).into());
        }
        let title = key.0.map_or(body.0.title, |key| key.to_string());
        Ok(Changed::Note(Json(Note { title }), etag::of_version(version(8))))
    }

    /// Add a note
    #[oai(path = "/note", method = "post", operation_id = "addNote")]
    async fn add(&self, body: Json<Note, { 2 * 1024 }>) -> Result<Json<Note>, Failure<OfNotes>> {
        Ok(Json(body.0))
    }
}

fn service() -> OpenApiService<Notes, ()> {
    OpenApiService::new(Notes, "", "")
}

async fn send(method: Method, headers: &[(&str, &str)], body: String) -> Response {
    let mut request = Request::builder().method(method).uri_str("/note");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut request = request.body(body);
    request.set_data(intake(Budget::new(Purpose::Bodies, 100_000, 100_000)));
    service().into_endpoint().get_response(request).await
}

async fn patch(headers: &[(&str, &str)]) -> Response {
    let body = json!({"title": "Bread"}).to_string();
    send(Method::PATCH, headers, body).await
}

async fn body(response: Response) -> Value {
    serde_json::from_str(&response.into_body().into_string().await.unwrap()).unwrap()
}

const MERGE_PATCH: (&str, &str) = ("content-type", "application/merge-patch+json");

#[tokio::test]
async fn a_merge_patch_may_be_called_so_or_json() {
    for content_type in ["application/merge-patch+json; charset=utf-8", "application/json"] {
        let response = patch(&[("content-type", content_type)]).await;
        assert_eq!(response.header("etag"), Some("\"8.Zk3x_9Qa\""), "{content_type}");
        assert_eq!(body(response).await, json!({"title": "Bread"}));
    }
    let response = patch(&[("content-type", "application/json-patch+json")]).await;
    assert_eq!(response.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let accepted = "application/merge-patch+json, application/json";
    assert_eq!(response.header("accept-patch"), Some(accepted));
    let message = "The body must be JSON: send it with Content-Type: \
                   application/merge-patch+json or application/json";
    assert_eq!(body(response).await["message"], message);
}

#[tokio::test]
async fn each_operation_has_its_own_limit_for_its_body() {
    let long = |length| json!({"title": "x".repeat(length)}).to_string();
    let json = [("content-type", "application/json")];
    assert_eq!(send(Method::POST, &json, long(2_000)).await.status(), StatusCode::OK);
    for (method, length, message) in [
        (Method::POST, 2_048, "The body is larger than 2 KiB"),
        (Method::PATCH, 64, "The body is larger than 64 bytes"),
    ] {
        let response = send(method, &json, long(length)).await;
        assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(body(response).await["message"], message);
    }
}

#[tokio::test]
async fn a_change_of_what_the_client_has_not_seen_is_refused() {
    for seen in ["\"7.Zk3x_9Qa\"", "W/\"6.Zk3x_9Qa\", \"7.Zk3x_9Qa\"", "*"] {
        assert_eq!(patch(&[MERGE_PATCH, ("if-match", seen)]).await.status(), StatusCode::OK);
    }
    let response = patch(&[MERGE_PATCH, ("if-match", "\"7.Zk3x_9Qb\"")]).await;
    assert_eq!(response.status(), StatusCode::PRECONDITION_FAILED);
    assert_eq!(response.header("etag"), Some("\"7.Zk3x_9Qa\""));
    assert_eq!(body(response).await["current"], json!({"title": "Milk"}));
    let response = patch(&[MERGE_PATCH, ("if-match", "7")]).await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    assert_eq!(body(response).await["details"][0]["code"], "IF_MATCH_INVALID");
}

#[tokio::test]
async fn a_request_may_have_a_key() {
    let response = patch(&[MERGE_PATCH, ("idempotency-key", "\"k-1\"")]).await;
    assert_eq!(body(response).await, json!({"title": "k-1"}));
    let response = patch(&[MERGE_PATCH, ("idempotency-key", "")]).await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    assert_eq!(body(response).await["details"][0]["code"], "IDEMPOTENCY_KEY_EMPTY");
}

#[test]
fn the_document_names_the_headers_and_the_media_types() {
    let document: Value = serde_json::from_str(&service().spec()).unwrap();
    let operation = &document["paths"]["/note"]["patch"];
    let parameters: Vec<_> = operation["parameters"].as_array().unwrap().iter().collect();
    let named = |parameter: &Value| {
        (parameter["name"].clone(), parameter["in"].clone(), parameter["required"].clone())
    };
    let named: Vec<_> = parameters.into_iter().map(named).collect();
    let optional = |name: &str| (json!(name), json!("header"), json!(false));
    assert_eq!(named, [optional("If-Match"), optional("Idempotency-Key")]);
    let schema = json!({"schema": {"$ref": "#/components/schemas/Note"}});
    let content = json!({"application/merge-patch+json": schema, "application/json": schema});
    assert_eq!(operation["requestBody"]["content"], content);
    let current = &document["components"]["schemas"]["Error"]["properties"]["current"];
    assert!(current["description"].is_string() && current.get("type").is_none(), "{current}");
}
