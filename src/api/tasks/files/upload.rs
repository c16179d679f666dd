//! Upload of a file.

use poem::http::header;
use poem::{Body, Request, RequestBody};
use poem_openapi::registry::{MetaMediaType, MetaRequest, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use super::format::Format;
use super::task_file::TaskFile;
use crate::api::state::State;
use crate::http::header_of;
use crate::http::request::body::{require_type, too_large};

/// A file that is being sent, and is received only once there is room for it.
#[derive(Debug)]
pub struct TaskFileBody {
    /// Format by the request's `Content-Type`.
    pub format: Format,
    /// Body that has not been received yet.
    pub body: Body,
}

impl TaskFileBody {
    fn of(request: &Request, body: &mut RequestBody) -> poem::Result<Self> {
        let formats = [Format::Json, Format::Csv];
        require_type(request, "JSON or CSV", &formats.map(Format::content_type))?;
        let content_type = header_of(request, &header::CONTENT_TYPE).unwrap_or_default();
        let is_csv = content_type.to_ascii_lowercase().starts_with(Format::Csv.content_type());
        let format = if is_csv { Format::Csv } else { Format::Json };
        let said = header_of(request, &header::CONTENT_LENGTH).and_then(|size| size.parse().ok());
        let largest = State::of(request)?.tasks.bulk().largest_file();
        if said.is_some_and(|said: usize| said > largest) {
            return Err(too_large(largest).into());
        }
        Ok(Self { format, body: body.take()? })
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
        Self::of(request, body)
    }
}
