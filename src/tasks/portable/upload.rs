//! A file on its way in: whole, of a known format, and few at a time.

use std::sync::LazyLock;

use bytes::Bytes;
use poem::http::header;
use poem::{Request, RequestBody};
use poem_openapi::registry::{MetaMediaType, MetaRequest, Registry};
use poem_openapi::types::{Example, Type};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions, Object};
use serde::Serialize;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::{Format, MAX_FILE, TaskFile};
use crate::http::body::{receive, require_type};
use crate::http::digested::digest_of;
use crate::http::header_of;
use crate::http::problem::Problem;

/// Most files that are taken in at the same time: each may take as much memory as a hundred thousand requests.
const MAX_AT_ONCE: usize = 2;

static PLACES: LazyLock<Semaphore> = LazyLock::new(|| Semaphore::new(MAX_AT_ONCE));

/// A file that was sent.
#[derive(Debug)]
pub struct TaskFileBody {
    /// What it is written in.
    pub format: Format,
    /// Its bytes.
    pub bytes: Bytes,
    /// Their hash.
    pub digest: [u8; 32],
    /// The turn to take it in, until it is dropped.
    pub turn: SemaphorePermit<'static>,
}

/// What an import came to.
#[derive(Debug, Clone, Serialize, Object)]
#[oai(rename = "ImportResult", example)]
pub struct ImportBody {
    /// How many tasks were added.
    pub created: u64,
    /// How many were made like those of the file.
    pub changed: u64,
    /// How many were so already.
    pub unchanged: u64,
    /// The version of the list now.
    pub version: i64,
}

impl TaskFileBody {
    async fn of(request: &Request, body: &mut RequestBody) -> poem::Result<Self> {
        let formats = [Format::Json, Format::Csv];
        require_type(request, "JSON or CSV", &formats.map(Format::content_type))?;
        let content_type = header_of(request, &header::CONTENT_TYPE).unwrap_or_default();
        let is_csv = content_type.to_ascii_lowercase().starts_with(Format::Csv.content_type());
        let turn = PLACES.try_acquire().map_err(|_| Problem::overloaded())?;
        let bytes = Box::pin(receive(body.take()?, MAX_FILE)).await?;
        let format = if is_csv { Format::Csv } else { Format::Json };
        Ok(Self { format, digest: digest_of(&bytes), bytes, turn })
    }
}

impl<'a> ApiExtractor<'a> for TaskFileBody {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        TaskFile::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        let json = Format::Json.content_type();
        let csv = Format::Csv.content_type();
        let content = vec![
            MetaMediaType { content_type: json, schema: TaskFile::schema_ref() },
            MetaMediaType { content_type: csv, schema: String::schema_ref() },
        ];
        Some(MetaRequest { description: None, content, required: true })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        Self::of(request, body).await
    }
}

impl Example for ImportBody {
    fn example() -> Self {
        Self { created: 2, changed: 0, unchanged: 0, version: 2 }
    }
}
