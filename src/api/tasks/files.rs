//! Whole lists in and out.

use poem::http::{HeaderValue, header};
use poem::{Body, IntoResponse, Request, Response};
use poem_openapi::param::{Path, Query as Parameter};
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiResponse, OpenApi};

use super::answers::Changed;
use super::files_format;
use super::files_format::{Format, ImportBody, TaskFile, TaskFileBody};
use super::own_turn::require_unused;
use super::{Sent, answer, answered, stamp};
use crate::api::state::State;
use crate::api::tag::Tag;
use crate::authn::caller::Owner;
use crate::http::request::hashed_body::digest_of;
use crate::http::request::idempotency_key::MaybeIdempotencyKey;
use crate::http::request::if_match::IfMatch;
use crate::http::request::intake::{Until, arrive};
use crate::http::response::failure::Failure;
use crate::tasks::task_list::command::Command;
use crate::tasks::writing::{Answering, Done};

crate::statuses! {
    /// `GET /api/{user_id}/tasks/export`
    ExportTasks: 400, 401, 403, 503;
    /// `POST /api/{user_id}/tasks/import`
    ImportTasks: 400, 401, 403, 409, 412, 413, 415, 422, 429, 503;
}

/// A list as a file.
#[derive(Debug)]
struct File {
    format: Format,
    body: Body,
}

impl IntoResponse for File {
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
            (header::CACHE_CONTROL, "no-store"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        response
    }
}

impl ApiResponse for File {
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

/// The endpoints for whole lists.
#[derive(Debug, Default)]
pub struct TaskFilesApi;

#[OpenApi(tag = "Tag::Tasks")]
impl TaskFilesApi {
    /// Export tasks
    ///
    /// The whole list with everything that there is of each task, as JSON or CSV. Imported into an empty list, it makes the
    /// same list.
    #[oai(path = "/api/:user_id/tasks/export", method = "get", operation_id = "exportTasks")]
    async fn export(
        &self,
        owner: Owner,
        request: &Request,
        /// Whose tasks: the access token's user.
        #[oai(name = "user_id")]
        _user_id: Path<String>,
        /// The format of the file; without it, the one that `Accept` prefers, or else JSON.
        format: Parameter<Option<Format>>,
    ) -> Result<File, Failure<ExportTasks>> {
        let format = format.0.unwrap_or_else(|| Format::accepted_by(request));
        let tasks = &State::of(request)?.tasks;
        let list = tasks.of(owner.user_id).await?;
        let kept = tasks.heavy().kept(owner.user_id, files_format::weight(&list))?;
        let body = Body::from_bytes_stream(files_format::export((list, kept), format));
        Ok(File { format, body })
    }

    /// Import tasks
    ///
    /// Takes in up to 10,000 tasks as JSON or CSV, all or none: one with the identifier of a task of the list makes that
    /// one like it, every other is added. Nothing is deleted. Together they are one change, which is taken back at once.
    #[oai(path = "/api/:user_id/tasks/import", method = "post", operation_id = "importTasks")]
    async fn import(
        &self,
        owner: Owner,
        request: &Request,
        /// Whose tasks: the access token's user.
        #[oai(name = "user_id")]
        _user_id: Path<String>,
        /// Only if the list still has this entity tag.
        #[oai(name = "If-Match")]
        if_match: IfMatch,
        /// Send the request again with the same key within two days, and it is done once. Up to 10,000 keys a day.
        #[oai(name = "Idempotency-Key")]
        key: MaybeIdempotencyKey,
        body: TaskFileBody,
    ) -> Result<Changed<ImportBody>, Failure<ImportTasks>> {
        let state = State::of(request)?;
        let TaskFileBody { format, body } = body;
        require_unused(state, owner.user_id, &key)?;
        let mut claim = state.tasks.heavy().claim(owner.user_id)?;
        let until = Until::of_file(&state.server.time_limits);
        let largest = state.tasks.heavy().largest_file();
        let bytes = arrive(body, largest, until, |bytes| claim.reserve(bytes)).await?;
        let stamp = stamp(state);
        // Each step goes to its end, whoever goes away meanwhile: what it holds is given back when it is done, not before.
        let reading = async move {
            claim.turn().await?;
            let read = move || {
                let digest = digest_of(&bytes);
                files_format::read(bytes, format, stamp.at).map(|puts| (puts, digest))
            };
            let read = claim.read(read).await??;
            Ok((claim, read))
        };
        let (claim, (puts, digest)) = state.begun.to_its_end(reading).await?;
        let count = puts.len();
        let actions = state.tasks.import(owner.user_id, puts).await?.into();
        let sent = Sent::new(&owner, request, key, digest)?;
        let answering = Answering::made(move |done| {
            answer(done.list.state.version, None, &imported(count, done))
        });
        let command = Command::Change { actions, expected: if_match.versions(), stamp };
        let (writing, tasks) = (sent.writing(), state.tasks.clone());
        let work = async move {
            let done = tasks.write(&writing, command, answering).await;
            drop(claim);
            Ok(done)
        };
        let done = state.begun.to_its_end(work).await?;
        Ok(answered(state, owner.user_id, done, Some("tasks")).await?.into())
    }
}

/// What an import of so many tasks came to.
fn imported(count: usize, done: &Done) -> ImportBody {
    let created = done.created.len();
    let changed = done.total - created;
    ImportBody {
        created: created as u64,
        changed: changed as u64,
        unchanged: count.saturating_sub(done.total) as u64,
        version: done.list.state.version,
    }
}
