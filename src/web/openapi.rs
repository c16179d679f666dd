//! The OpenAPI document.
//!
//! Generated from the endpoints, then completed with what the generator cannot say: which operations need nobody to be
//! signed in, and an example of every failure.

use std::sync::LazyLock;

use poem_openapi::types::Example;
use poem_openapi::{ContactObject, LicenseObject, ServerObject};
use serde_json::{Map, Value, json};

use crate::api;
use crate::revocations::api::Revocation;

/// The tags in the order in which a newcomer needs them.
const CHAPTERS: [&str; 4] = ["Authentication", "Tasks", "Keys", "Health"];

/// The trace id of examples.
const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

const DESCRIPTION: &str = "\
Keyfold signs people up and in, keeps their sessions, issues access tokens that anybody can verify, and serves each \
user their own tasks.

**Try it here.** Run *Sign up*, copy `token` from the answer into *Authorize* under `accessToken`, and use the task \
operations with the `user.id` from the same answer. The session cookie is set by the browser itself.

**Tokens.** The access token is a JWT (RS256) that is verified with the keys at `/.well-known/jwks.json`; it lives \
minutes. The session token, in a cookie or sent as a bearer token, lives days and is exchanged for fresh access tokens \
at `/api/auth/token`. Signing out ends both at once.

**Failures.** Every failure has the same body: a stable `code`, a `message` for people, a `traceId` that finds the \
request in the logs, and `details` per field when the input is invalid.";

/// Fields of requests that may be `null`, which the generator cannot say of a field that may also be absent.
const NULLABLE: [&str; 2] = [
    "/components/schemas/TaskRequest/properties/description",
    "/components/schemas/TaskPatch/properties/description",
];

/// The document, pretty-printed and ending with a newline.
pub fn text() -> String {
    DOCUMENT.clone()
}

static DOCUMENT: LazyLock<String> = LazyLock::new(|| {
    let spec = api::service()
        .description(DESCRIPTION)
        .license(LicenseObject::new("MIT OR Apache-2.0").url("https://spdx.org/licenses/MIT.html"))
        .contact(ContactObject::new().name("Keyfold"))
        .server(ServerObject::new("/").description("This server"))
        .spec();
    let mut document: Value = serde_json::from_str(&spec).unwrap_or_default();
    if let Some(tags) = document.get_mut("tags").and_then(Value::as_array_mut) {
        tags.sort_by_key(chapter);
    }
    for operation in operations(&mut document) {
        complete(operation);
    }
    for field in NULLABLE {
        let schema = document.pointer_mut(field).and_then(Value::as_object_mut);
        schema.map(|schema| schema.insert("nullable".to_owned(), Value::Bool(true)));
    }
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
});

/// The place of a tag among the chapters; the generator sorts them by name.
fn chapter(tag: &Value) -> Option<usize> {
    CHAPTERS.iter().position(|name| tag.get("name").and_then(Value::as_str) == Some(*name))
}

fn operations(document: &mut Value) -> impl Iterator<Item = &mut Map<String, Value>> {
    let paths = document.get_mut("paths").and_then(Value::as_object_mut).into_iter().flatten();
    let methods = paths.filter_map(|(_, path)| path.as_object_mut()).flatten();
    methods.filter_map(|(_, operation)| operation.as_object_mut())
}

fn complete(operation: &mut Map<String, Value>) {
    // An empty list says that nobody needs to be signed in; without it, tools cannot tell that from an omission.
    operation.entry("security").or_insert_with(|| json!([]));
    let id = operation.get("operationId").and_then(Value::as_str).unwrap_or_default().to_owned();
    let responses =
        operation.get_mut("responses").and_then(Value::as_object_mut).into_iter().flatten();
    for (status, response) in responses {
        if let (Some(example), Some(media)) =
            (failure(&id, status), response.pointer_mut("/content/application~1json"))
        {
            media.as_object_mut().map(|media| media.insert("example".to_owned(), example));
        }
        if let Some(media) = response.pointer_mut("/content/text~1event-stream") {
            let example = json!([Revocation::example()]);
            media.as_object_mut().map(|media| media.insert("example".to_owned(), example));
        }
    }
}

/// How an operation answers when it fails with a status, for instance.
fn failure(operation: &str, status: &str) -> Option<Value> {
    let (code, message) = match (operation, status) {
        ("signUp", "400") => return Some(invalid("password", "must have at least 8 characters")),
        ("signIn", "400") => {
            return Some(invalid("email", "must be an email address such as ada@example.com"));
        }
        ("listTasks", "400") => return Some(invalid("limit", "must be at most 1000")),
        ("listRevocations" | "streamRevocations", "400") => {
            return Some(invalid("since", "must be the next of an answer"));
        }
        ("endSessions", "400") => return Some(invalid("except", "must be current")),
        (_, "400") => return Some(invalid("title", "must not be empty")),
        ("signIn", "401") => ("INVALID_EMAIL_OR_PASSWORD", "Invalid email or password"),
        ("getSession" | "getToken" | "listSessions" | "endSession" | "endSessions", "401") => {
            ("SESSION_ENDED", "The session has ended")
        }
        (_, "401") => ("TOKEN_EXPIRED", "The access token has expired"),
        ("signOut" | "endSession" | "endSessions", "403") => {
            ("UNTRUSTED_ORIGIN", "Requests with a cookie are not accepted from this origin")
        }
        (_, "403") => ("NOT_YOURS", "This belongs to another user"),
        ("endSession", "404") => ("SESSION_NOT_FOUND", "There is no such session"),
        (_, "404") => ("TASK_NOT_FOUND", "There is no such task"),
        ("signUp", "409") => ("EMAIL_TAKEN", "An account with this email address exists already"),
        (_, "409") => ("LIST_FULL", "The list cannot take any more tasks"),
        (_, "413") => ("PAYLOAD_TOO_LARGE", "The body is larger than 64 KiB"),
        (_, "415") => (
            "UNSUPPORTED_MEDIA_TYPE",
            "The body must be JSON: send it with Content-Type: application/json",
        ),
        (_, "500") => ("INTERNAL_ERROR", "Something went wrong on our side"),
        ("getKeys" | "getLiveness" | "getReadiness", "503") => {
            ("UNAVAILABLE", "The server cannot answer for the moment, try again shortly")
        }
        (_, "503") => {
            ("OVERLOADED", "The server is overloaded; nothing was changed, try again shortly")
        }
        _ => return None,
    };
    Some(json!({ "code": code, "message": message, "traceId": TRACE_ID }))
}

fn invalid(field: &str, reason: &str) -> Value {
    json!({
        "code": "INVALID_INPUT",
        "message": format!("{field} {reason}"),
        "traceId": TRACE_ID,
        "details": [{ "field": field, "message": reason }],
    })
}
