//! Request about a user's own tasks, and the task that its path names.

use poem::{Request, RequestBody};
use poem_openapi::registry::{MetaParamIn, MetaSchemaRef, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use crate::api::state::State;
use crate::authn::caller::Owner;
use crate::base::id::UserId;
use crate::http::response::problem::Problem;
use crate::tasks::task_list::command::Stamp;
use crate::tasks::values::TaskId;

/// A request of the owner of the tasks that its path names; other callers are refused before.
#[derive(Debug)]
pub(crate) struct OwnerRequest<'a> {
    /// Proof that the sender owns the tasks.
    pub(crate) owner: Owner,
    /// The HTTP request, for its path and headers.
    pub(crate) http: &'a Request,
    /// Handles of the features.
    pub(crate) state: &'a State,
}

impl<'a> OwnerRequest<'a> {
    /// A request of a sender who is proven to be the owner.
    ///
    /// # Errors
    ///
    /// Fails if the application was built without its state.
    pub(crate) fn new(owner: Owner, http: &'a Request) -> Result<Self, Problem> {
        Ok(Self { owner, http, state: State::of(http)? })
    }

    /// Id of the owner, and so of the list.
    pub(crate) fn user_id(&self) -> UserId {
        self.owner.user_id
    }

    /// Current time, with a mark for the events that happen at it.
    pub(crate) fn stamp(&self) -> Stamp {
        let at = self.state.gate.clock.now();
        Stamp { at, mark: (self.state.draw_mark)(at) }
    }
}

/// Takes the place of the path's first parameter, which names the owner.
impl<'a> ApiExtractor<'a> for OwnerRequest<'a> {
    const TYPES: &'static [ApiExtractorType] =
        &[ApiExtractorType::SecurityScheme, ApiExtractorType::Parameter];
    const PARAM_IS_REQUIRED: bool = true;

    type ParamType = String;
    type ParamRawType = String;

    fn register(registry: &mut Registry) {
        <Owner as ApiExtractor<'_>>::register(registry);
    }

    fn security_schemes() -> Vec<&'static str> {
        <Owner as ApiExtractor<'_>>::security_schemes()
    }

    fn param_in() -> Option<MetaParamIn> {
        Some(MetaParamIn::Path)
    }

    fn param_schema_ref() -> Option<MetaSchemaRef> {
        Some(String::schema_ref())
    }

    async fn from_request(
        request: &'a Request,
        _body: &mut RequestBody,
        _options: ExtractParamOptions<String>,
    ) -> poem::Result<Self> {
        Ok(Self::new(Owner::of(request).await?, request)?)
    }
}

/// Task that a path names, in its text form.
#[derive(Debug)]
pub(crate) struct NamedTask(String);

impl NamedTask {
    /// Identifier of the task.
    pub(crate) fn id(&self) -> Result<TaskId, Problem> {
        task_id(&self.0)
    }
}

/// Parses an identifier; other text names no task, and gets `404`.
pub(crate) fn task_id(text: &str) -> Result<TaskId, Problem> {
    text.parse().map_err(|_| Problem::no_such_task())
}

/// Takes the place of the path's second parameter, after the owner.
impl<'a> ApiExtractor<'a> for NamedTask {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::Parameter];
    const PARAM_IS_REQUIRED: bool = true;

    type ParamType = String;
    type ParamRawType = String;

    fn param_in() -> Option<MetaParamIn> {
        Some(MetaParamIn::Path)
    }

    fn param_schema_ref() -> Option<MetaSchemaRef> {
        Some(String::schema_ref())
    }

    async fn from_request(
        request: &'a Request,
        _body: &mut RequestBody,
        options: ExtractParamOptions<String>,
    ) -> poem::Result<Self> {
        debug_assert_eq!(options.name, "task_id", "the document names the parameter");
        Ok(Self(request.raw_path_param("param1").unwrap_or_default().to_owned()))
    }
}
