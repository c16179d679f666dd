//! `GET /api/{user_id}/tasks/export`: the whole list as a file.

use poem::http::{HeaderValue, header};
use poem::{Body, IntoResponse, Response};
use poem_openapi::param::Query as Parameter;
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiResponse, OpenApi};

use crate::api::tag::Tag;
use crate::api::tasks::files::encoding;
use crate::api::tasks::files::format::Format;
use crate::api::tasks::files::task_file::TaskFile;
use crate::api::tasks::representations::CACHE_CONTROL;
use crate::api::tasks::request::OwnerRequest;
use crate::http::response::failure::Failure;

crate::statuses! {
    /// Statuses of the failures of `GET /api/{user_id}/tasks/export`, without `500`.
    Statuses: 400, 401, 403, 503;
}

/// Response with a list as a file.
#[derive(Debug)]
struct FileResponse {
    /// Format, which decides about the headers.
    format: Format,
    /// Stream of the file's pieces.
    body: Body,
}

impl IntoResponse for FileResponse {
    fn into_response(self) -> Response {
        let mut response = self.body.into_response();
        let disposition = match self.format {
            Format::Json => "attachment; filename=\"tasks.json\"",
            Format::Csv => "attachment; filename=\"tasks.csv\"",
        };
        let headers = response.headers_mut();
        for (name, value) in [
            (header::CONTENT_TYPE, self.format.content_type()),
            (header::CONTENT_DISPOSITION, disposition),
            (header::CACHE_CONTROL, CACHE_CONTROL),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        response
    }
}

impl ApiResponse for FileResponse {
    fn meta() -> MetaResponses {
        let content = vec![
            MetaMediaType { content_type: "application/json", schema: TaskFile::schema_ref() },
            MetaMediaType { content_type: "text/csv", schema: String::schema_ref() },
        ];
        let response = MetaResponse {
            description: "The whole list, as it is written.",
            status: Some(200),
            status_range: None,
            content,
            headers: Vec::new(),
        };
        MetaResponses { responses: vec![response] }
    }

    fn register(registry: &mut Registry) {
        TaskFile::register(registry);
    }
}

/// Endpoint of the operation `exportTasks`.
#[derive(Debug, Default)]
pub struct ExportTasks;

#[OpenApi(tag = "Tag::Tasks")]
impl ExportTasks {
    /// Export tasks
    ///
    /// The whole list with everything that there is of each task, as JSON or CSV. Imported into an empty list, it makes the
    /// same list.
    #[oai(path = "/api/:user_id/tasks/export", method = "get", operation_id = "exportTasks")]
    async fn export(
        &self,
        /// Whose tasks: the access token's user.
        #[oai(name = "user_id")]
        request: OwnerRequest<'_>,
        /// The format of the file; without it, the one that `Accept` prefers, or else JSON.
        format: Parameter<Option<Format>>,
    ) -> Result<FileResponse, Failure<Statuses>> {
        let format = format.0.unwrap_or_else(|| Format::accepted_by(request.http));
        let (tasks, owner) = (&request.state.tasks, request.user_id());
        let list = tasks.of(owner).await?;
        let kept = tasks.bulk().kept(owner, encoding::weight(&list))?;
        let body = Body::from_bytes_stream(encoding::export((list, kept), format));
        Ok(FileResponse { format, body })
    }
}
