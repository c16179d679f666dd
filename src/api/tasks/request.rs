//! A request about a user's own tasks, and the task that its path names.

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

/// A request of the owner of the tasks that its path names: nobody else gets past it.
#[derive(Debug)]
pub(crate) struct OwnerRequest<'a> {
    /// Its sender.
    pub(crate) owner: Owner,
    /// As it was sent.
    pub(crate) http: &'a Request,
    /// The state of the application.
    pub(crate) state: &'a State,
}

impl<'a> OwnerRequest<'a> {
    /// A request of somebody who has proven to be the owner.
    ///
    /// # Errors
    ///
    /// The application was put together without its state.
    pub(crate) fn new(owner: Owner, http: &'a Request) -> Result<Self, Problem> {
        Ok(Self { owner, http, state: State::of(http)? })
    }

    /// The owner.
    pub(crate) fn user_id(&self) -> UserId {
        self.owner.user_id
    }

    /// The time now, and a mark for what happens at it.
    pub(crate) fn stamp(&self) -> Stamp {
        let at = self.state.gate.clock.now();
        Stamp { at, mark: (self.state.draw_mark)(at) }
    }
}

/// The path's first parameter, which names the owner.
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

/// The task that a path names, as it is written there.
#[derive(Debug)]
pub(crate) struct NamedTask(String);

impl NamedTask {
    /// Its identifier.
    pub(crate) fn id(&self) -> Result<TaskId, Problem> {
        task_id(&self.0)
    }
}

/// Text that is no identifier names no task.
pub(crate) fn task_id(text: &str) -> Result<TaskId, Problem> {
    text.parse().map_err(|_| Problem::no_such_task())
}

/// The path's second parameter, after the owner.
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
