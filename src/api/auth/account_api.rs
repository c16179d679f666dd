//! The account of whoever asks: their profile and their password.

use poem::Request;
use poem_openapi::{ApiResponse, OpenApi};

use super::account;
use super::account_bodies::{ChangePasswordRequest, ProfilePatch};
use super::bodies::{SignedInBody, User};
use crate::api::state::State;
use crate::api::tag::Tag;
use crate::authn::caller::SessionHolder;
use crate::http::request::json::{Json, MergePatch};
use crate::http::response::failure::Failure;

crate::statuses! {
    /// `PATCH /api/auth/profile`
    ChangeProfile: 400, 401, 403, 413, 415, 503;
    /// `POST /api/auth/password`
    ChangePassword: 400, 401, 403, 413, 415, 503;
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

/// The password was changed.
#[derive(Debug, ApiResponse)]
enum SignedInAnew {
    /// The password was changed, all sessions have ended and a new one began.
    #[oai(status = 200)]
    SignedIn(
        Json<SignedInBody>,
        /// Keeps the new session's token in the browser, out of reach of scripts.
        #[oai(header = "Set-Cookie")]
        String,
    ),
}

/// The endpoints for a user's own account.
#[derive(Debug)]
pub struct AccountApi;

#[OpenApi(prefix_path = "/api/auth", tag = "Tag::Authentication")]
impl AccountApi {
    /// Change the profile
    ///
    /// Changes what is sent and leaves the rest as it is. The current session shows it from the answer on; access tokens
    /// carry it when they are signed the next time.
    #[oai(path = "/profile", method = "patch", operation_id = "changeProfile")]
    async fn change_profile(
        &self,
        SessionHolder(caller): SessionHolder,
        request: &Request,
        body: MergePatch<ProfilePatch>,
    ) -> Result<Changed, Failure<ChangeProfile>> {
        let state = State::of(request)?;
        let user = account::change_profile(state, &caller.session, body.0).await?;
        Ok(Changed::Profile(Json(user), caller.refreshed_cookie(request, &state.gate)))
    }

    /// Change the password
    ///
    /// Ends every session of the user, the one that asks too, and begins a new one, which the answer holds as after a sign
    /// in. From the answer on the old password, and the cookies, session tokens and access tokens of all sessions before
    /// are refused. `PASSWORD_CHANGED_ONLY` says that the password was changed, and the rest perhaps not done.
    #[oai(path = "/password", method = "post", operation_id = "changePassword")]
    async fn change_password(
        &self,
        SessionHolder(caller): SessionHolder,
        request: &Request,
        body: Json<ChangePasswordRequest>,
    ) -> Result<SignedInAnew, Failure<ChangePassword>> {
        let state = State::of(request)?;
        let changed = account::change_password(state, request, &caller.session, body.0).await;
        let (body, cookie) = changed?;
        Ok(SignedInAnew::SignedIn(Json(body), cookie))
    }
}
