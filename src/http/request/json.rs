//! JSON bodies: read strictly, with errors that name the field; written without a detour through a tree of values.

use std::marker::PhantomData;

use bytes::Bytes;
use poem::{IntoResponse, Request, RequestBody, Response};
use poem_openapi::payload::Payload;
use poem_openapi::registry::{
    MetaMediaType, MetaRequest, MetaResponse, MetaResponses, MetaSchemaRef, Registry,
};
use poem_openapi::types::Type;
use poem_openapi::{ApiExtractor, ApiExtractorType, ApiResponse, ExtractParamOptions};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::body::{MAX_BODY, require_patch, require_type};
use super::intake::{long_work, receive};
use super::json_decode::parse;
use crate::http::response::json_body::{CONTENT_TYPE, respond};
use crate::http::response::problem::Problem;

/// Media type of patches: absent fields stay, `null` removes (RFC 7396).
pub const MERGE_PATCH: &str = "application/merge-patch+json";

/// Largest body that is parsed on the threads that answer requests: that takes about a millisecond.
const QUICK: usize = 128 * 1024;

/// Media types that a patch may be sent as.
const PATCHES: [&str; 2] = [MERGE_PATCH, CONTENT_TYPE];

/// A JSON body; one that is read has at most `MAX` bytes.
#[derive(Debug, Clone)]
pub struct Json<T, const MAX: usize = MAX_BODY>(pub T);

/// A JSON merge patch: fields to change.
#[derive(Debug, Clone)]
pub struct MergePatch<T, const MAX: usize = MAX_BODY>(pub T);

impl<T: Type, const MAX: usize> Payload for Json<T, MAX> {
    const CONTENT_TYPE: &'static str = CONTENT_TYPE;

    fn schema_ref() -> MetaSchemaRef {
        T::schema_ref()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<T: Serialize + Send, const MAX: usize> IntoResponse for Json<T, MAX> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(body) => respond(Bytes::from(body)),
            Err(error) => Problem::internal(&error).to_response(),
        }
    }
}

impl<T: Type + Serialize, const MAX: usize> ApiResponse for Json<T, MAX> {
    fn meta() -> MetaResponses {
        done::<T>()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

/// Document of the one answer of an operation that answers with a `T`.
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

/// A JSON body that was encoded before: the same bytes for all requests.
#[derive(Debug, Clone)]
pub struct Encoded<T> {
    /// Encoding, shared by all answers.
    bytes: Bytes,
    /// Type that the document shows as the schema.
    shape: PhantomData<fn() -> T>,
}

impl<T> Encoded<T> {
    /// Wraps the encoding of a `T`.
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

impl<'a, T: Type + DeserializeOwned + 'static, const MAX: usize> ApiExtractor<'a> for Json<T, MAX> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        Some(taken::<T>(&[CONTENT_TYPE]))
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        // A page of another site cannot send JSON without a preflight (CORS).
        require_type(request, "JSON", &[CONTENT_TYPE])?;
        Ok(Self(read(request, body, MAX).await?))
    }
}

impl<'a, T: Type + DeserializeOwned + 'static, const MAX: usize> ApiExtractor<'a>
    for MergePatch<T, MAX>
{
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        Some(taken::<T>(&PATCHES))
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        require_patch(request, &PATCHES)?;
        Ok(Self(read(request, body, MAX).await?))
    }
}

/// Document of the body of an operation that takes a `T` as any of these media types.
fn taken<T: Type>(accepted: &[&'static str]) -> MetaRequest {
    let media =
        |content_type: &&'static str| MetaMediaType { content_type, schema: T::schema_ref() };
    MetaRequest { description: None, content: accepted.iter().map(media).collect(), required: true }
}

async fn read<T: DeserializeOwned + Send + 'static>(
    request: &Request,
    body: &mut RequestBody,
    max: usize,
) -> poem::Result<T> {
    // Boxed: this future is larger than all the rest of an operation, which would carry it to its end.
    let body = Box::pin(receive(request, body.take()?, max)).await?;
    if body.len() <= QUICK {
        return Ok(parse(&body)?);
    }
    let read = long_work(request)?.run(move || parse(&body));
    Ok(Box::pin(read).await.map_err(|error| Problem::internal(&error))??)
}
