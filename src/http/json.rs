//! JSON bodies: read strictly, with errors that name the field; written without a detour through a tree of values.

use std::marker::PhantomData;
use std::time::Duration;

use bytes::Bytes;
use poem::error::ReadBodyError;
use poem::http::{HeaderValue, StatusCode, header};
use poem::{Body, IntoResponse, Request, RequestBody, Response};
use poem_openapi::payload::Payload;
use poem_openapi::registry::{
    MetaMediaType, MetaRequest, MetaResponse, MetaResponses, MetaSchemaRef, Registry,
};
use poem_openapi::types::Type;
use poem_openapi::{ApiExtractor, ApiExtractorType, ApiResponse, ExtractParamOptions};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::header_of;
use super::problem::Problem;

/// The media type of bodies.
pub const CONTENT_TYPE: &str = "application/json";

/// Largest body in bytes. The largest valid request is well below it.
pub const MAX_BODY: usize = 64 * 1024;

/// Longest time a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// A JSON body.
#[derive(Debug, Clone)]
pub struct Json<T>(pub T);

impl<T: Type> Payload for Json<T> {
    const CONTENT_TYPE: &'static str = CONTENT_TYPE;

    fn schema_ref() -> MetaSchemaRef {
        T::schema_ref()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<T: Serialize + Send> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(body) => respond(Bytes::from(body)),
            Err(error) => Problem::internal(&error).to_response(),
        }
    }
}

impl<T: Type + Serialize> ApiResponse for Json<T> {
    fn meta() -> MetaResponses {
        done::<T>()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

/// The one answer of an operation that answers with a `T`.
fn done<T: Type>() -> MetaResponses {
    let content = vec![MetaMediaType { content_type: CONTENT_TYPE, schema: T::schema_ref() }];
    let response = MetaResponse {
        description: "Done.",
        status: Some(200),
        status_range: None,
        content,
        headers: Vec::new(),
    };
    MetaResponses { responses: vec![response] }
}

/// An answer with a JSON body.
pub(super) fn respond(body: Bytes) -> Response {
    let mut response = Response::from(body);
    let content_type = HeaderValue::from_static(CONTENT_TYPE);
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}

/// A JSON body that was encoded before: the same bytes for everybody.
#[derive(Debug, Clone)]
pub struct Encoded<T> {
    bytes: Bytes,
    shape: PhantomData<fn() -> T>,
}

impl<T> Encoded<T> {
    /// The encoding of a `T`.
    pub fn new(bytes: Bytes) -> Self {
        Self { bytes, shape: PhantomData }
    }
}

impl<T: Type> Payload for Encoded<T> {
    const CONTENT_TYPE: &'static str = CONTENT_TYPE;

    fn schema_ref() -> MetaSchemaRef {
        T::schema_ref()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<T: Send> IntoResponse for Encoded<T> {
    fn into_response(self) -> Response {
        respond(self.bytes)
    }
}

impl<T: Type> ApiResponse for Encoded<T> {
    fn meta() -> MetaResponses {
        done::<T>()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<'a, T: Type + DeserializeOwned> ApiExtractor<'a> for Json<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        let content = vec![MetaMediaType { content_type: CONTENT_TYPE, schema: T::schema_ref() }];
        Some(MetaRequest { description: None, content, required: true })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        require_json(request)?;
        // Boxed: it is larger than all the rest of an operation, which would carry it to its end.
        let body = Box::pin(receive(body.take()?)).await?;
        Ok(Self(parse(&body)?))
    }
}

/// The whole body, if it is not too large and arrives in time.
async fn receive(body: Body) -> Result<Bytes, Problem> {
    let received = tokio::time::timeout(BODY_TIMEOUT, body.into_bytes_limit(MAX_BODY)).await;
    received.map_err(|_| too_slow())?.map_err(|error| match error {
        ReadBodyError::PayloadTooLarge => too_large(),
        ReadBodyError::BodyHasBeenTaken | ReadBodyError::Utf8(_) | ReadBodyError::Io(_) => {
            let message = "The body could not be received";
            Problem::new(StatusCode::BAD_REQUEST, "UNREADABLE_BODY", message)
        }
    })
}

/// `400`: the client has stopped sending.
fn too_slow() -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "UNREADABLE_BODY", "The body did not arrive in time")
}

/// `413`.
fn too_large() -> Problem {
    let message = format!("The body is larger than {} KiB", MAX_BODY / 1024);
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "PAYLOAD_TOO_LARGE", message)
}

/// `415` unless the body says that it is JSON. A page of another site cannot say so without asking first (CORS).
fn require_json(request: &Request) -> Result<(), Problem> {
    let content_type = header_of(request, &header::CONTENT_TYPE).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case(CONTENT_TYPE) {
        return Ok(());
    }
    let message = "The body must be JSON: send it with Content-Type: application/json";
    Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE", message))
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let invalid = |code, message: String| Problem::new(StatusCode::BAD_REQUEST, code, message);
    let text = std::str::from_utf8(body)
        .map_err(|_| invalid("INVALID_UTF8", "The body is not UTF-8".to_owned()))?;
    // A struct would be read from an array too, field by field: nobody means that.
    if text.trim_start().starts_with('[') {
        return Err(Problem::field("body", "must be a JSON object"));
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        let reason = error.inner();
        if reason.is_data() {
            Problem::field(
                if path == "." { "body".to_owned() } else { path },
                without_place(reason),
            )
        } else {
            invalid("INVALID_JSON", format!("The body is not JSON: {reason}"))
        }
    })?;
    deserializer
        .end()
        .map_err(|error| invalid("INVALID_JSON", format!("The body is not JSON: {error}")))?;
    Ok(value)
}

/// The reason alone: the field's path says where better than line and column do.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    if text.contains("expected struct ") {
        return "must be a JSON object".to_owned();
    }
    text.rsplit_once(" at line ").map_or(text.clone(), |(reason, _)| reason.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Note {
        title: String,
        #[serde(default)]
        done: bool,
    }

    fn problem(body: &[u8]) -> String {
        let response = parse::<Note>(body).unwrap_err();
        format!("{response:?}")
    }

    #[test]
    fn a_body_of_the_right_shape_is_read() {
        let note = Note { title: "milk".to_owned(), done: false };
        assert_eq!(parse(br#"{"title": "milk"}"#), Ok(note));
    }

    #[test]
    fn every_way_to_be_wrong_has_its_code_and_names_its_place() {
        assert!(problem(b"").contains("INVALID_JSON"));
        assert!(problem(b"{\"title\": \"milk\"} x").contains("INVALID_JSON"));
        assert!(problem(b"{\"title\": \"\xff\"}").contains("INVALID_UTF8"));
        let wrong_type = problem(br#"{"title": 5}"#);
        assert!(
            wrong_type.contains("INVALID_INPUT") && wrong_type.contains("field: \"title\""),
            "{wrong_type}"
        );
        assert!(problem(br#"{"title": "a", "colour": 1}"#).contains("unknown field `colour`"));
        assert!(problem(b"{}").contains("missing field `title`"));
        assert!(problem(br#"{"title": "a", "title": "b"}"#).contains("duplicate field `title`"));
    }
}
