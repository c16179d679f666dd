//! Permit for a bulk operation, taken before its body is received.

use std::sync::Arc;

use poem::{FromRequest, Request, RequestBody};

use crate::api::state::State;
use crate::base::id::UserId;
use crate::http::request::idempotency_key::MaybeIdempotencyKey;
use crate::http::request::intake;
use crate::http::response::problem::Problem;
use crate::tasks::idempotency::record::HashedKey;
use crate::tasks::limits::user_permits::UserPermit;

/// Permit of the authenticated user. It is taken after authentication and before the body: a request that waits or is
/// refused here holds nothing but its head.
#[derive(Debug)]
pub(super) struct OwnPermit(pub(super) Arc<UserPermit>);

impl OwnPermit {
    /// Takes the user's permit, for a request with this key.
    ///
    /// # Errors
    ///
    /// Fails if a request with the same key is running, or too many wait.
    pub(super) async fn of(
        state: &State,
        user: UserId,
        key: &MaybeIdempotencyKey,
    ) -> Result<Self, Problem> {
        require_unused(state, user, key)?;
        Ok(Self(state.tasks.permit(user).await?))
    }
}

impl<'a> FromRequest<'a> for OwnPermit {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> poem::Result<Self> {
        let user = intake::user(request).ok_or_else(Problem::unauthenticated)?;
        let key = MaybeIdempotencyKey::of(request)?;
        Ok(Self::of(State::of(request)?, user, &key).await?)
    }
}

/// Refuses a request whose key a running request uses: it would only wait for that one.
pub(super) fn require_unused(
    state: &State,
    user: UserId,
    key: &MaybeIdempotencyKey,
) -> Result<(), Problem> {
    let key = key.0.as_ref().map(|key| HashedKey::of(key.as_str()));
    let is_used = key.is_some_and(|key| state.tasks.idempotency_keys().is_running(user, key));
    if is_used { Err(Problem::key_in_use()) } else { Ok(()) }
}
