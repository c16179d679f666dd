//! `PATCH /api/auth/profile`: changes the user's profile.

use poem::Request;
use poem_openapi::types::{Example, MaybeUndefined};
use poem_openapi::{ApiResponse, Object, OpenApi};
use serde::Deserialize;

use crate::accounts::name::Name;
use crate::api::auth::bodies::user::User;
use crate::api::state::State;
use crate::api::tag::Tag;
use crate::authn::caller::SessionHolder;
use crate::authn::context;
use crate::http::request::json::{Json, MergePatch};
use crate::http::response::failure::Failure;
use crate::http::response::problem::Problem;
use crate::http::response::problem::field_problem::Flaw;
use crate::sessions::table::Session;
use crate::telemetry::audit_events;
use crate::telemetry::audit_events::About;

crate::statuses! {
    /// Statuses of the failures of `PATCH /api/auth/profile`, without `500`.
    Statuses: 400, 401, 403, 413, 415, 503;
}

/// What to change about one's profile (JSON Merge Patch, RFC 7396): absent fields stay as they are.
#[derive(Debug, Clone, Default, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(example, skip_serializing_if_is_none)]
pub(crate) struct ProfilePatch {
    /// The new name: 1 to 200 characters after trimming. Cannot be taken away.
    #[serde(default)]
    #[oai(validator(min_length = 1, max_length = 200))]
    pub(crate) name: MaybeUndefined<String>,
}

impl Example for ProfilePatch {
    fn example() -> Self {
        Self { name: MaybeUndefined::Value("Ada King".to_owned()) }
    }
}

/// The profile.
#[derive(Debug, ApiResponse)]
enum Changed {
    /// The user as they are now.
    #[oai(status = 200)]
    Profile(
        Json<User>,
        /// Keeps the session cookie for longer, when the request has extended its session.
        #[oai(header = "Set-Cookie")]
        Option<String>,
    ),
}

/// Endpoint of the operation `changeProfile`.
#[derive(Debug, Default)]
pub struct ChangeProfile;

#[OpenApi(prefix_path = "/api/auth", tag = "Tag::Authentication")]
impl ChangeProfile {
    /// Change the profile
    ///
    /// Changes what is sent and leaves the rest as it is. The current session shows it from the answer on; access tokens
    /// carry it when they are signed the next time.
    #[oai(path = "/profile", method = "patch", operation_id = "changeProfile")]
    async fn change(
        &self,
        SessionHolder(caller): SessionHolder,
        request: &Request,
        body: MergePatch<ProfilePatch>,
    ) -> Result<Changed, Failure<Statuses>> {
        let state = State::of(request)?;
        let user = change_profile(state, &caller.session, body.0).await?;
        Ok(Changed::Profile(Json(user), caller.refreshed_cookie(request, &state.gate)))
    }
}

/// Changes the profile of a session's user, and returns the user as they are then.
///
/// # Errors
///
/// Fails with the problem to answer.
pub(crate) async fn change_profile(
    state: &State,
    session: &Session,
    body: ProfilePatch,
) -> Result<User, Problem> {
    let about = About::session(session.user_id, session.id);
    let (user_id, accounts) = (session.user_id, state.gate.accounts.clone());
    let (name, context) = (body.name(), context::acting(session));
    let changed = state.detached.run(async move {
        let changed = async { Ok(accounts.change_profile(user_id, name?, context).await?) }.await;
        audit_events::profile_change(about, changed.as_ref().err().map(Problem::reason));
        Ok(User::new(user_id, &changed?))
    });
    changed.await
}

impl ProfilePatch {
    /// New name, if the patch has one.
    fn name(&self) -> Result<Option<Name>, Problem> {
        match &self.name {
            MaybeUndefined::Undefined => Ok(None),
            MaybeUndefined::Null => Err(Problem::field("name", Flaw::Missing, "cannot be removed")),
            MaybeUndefined::Value(text) => {
                Name::parse(text).map(Some).map_err(|error| Problem::invalid("name", error))
            }
        }
    }
}
