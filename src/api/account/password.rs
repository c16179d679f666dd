//! `POST /api/auth/password`: changes the password, ends every session and begins a new one.
//!
//! Once the password is changed, no session begun with the old one is accepted. Their recorded ends are a commit of their
//! own, which closes open streams and tells verifiers elsewhere; it is retried until it is certain, or the answer says that
//! it is not.

use poem::Request;
use poem_openapi::types::Example;
use poem_openapi::{ApiResponse, Object, OpenApi};
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::accounts::PasswordProof;
use crate::accounts::password::{Password, WrongPassword};
use crate::api::auth::bodies::signed_in::SignedInBody;
use crate::api::auth::sign_in_flow::PendingSession;
use crate::api::state::State;
use crate::api::tag::Tag;
use crate::authn::caller::SessionHolder;
use crate::authn::context;
use crate::base::id::{SessionId, UserId};
use crate::eventlog::{Context, ExecuteError};
use crate::http::request::json::Json;
use crate::http::response::failure::Failure;
use crate::http::response::problem::Problem;
use crate::http::response::problem::field_problem::FieldProblem;
use crate::sessions::events::EndReason;
use crate::sessions::table::Session;
use crate::telemetry::audit_events;
use crate::telemetry::audit_events::About;
use crate::telemetry::reason::Reason;

crate::statuses! {
    /// Statuses of the failures of `POST /api/auth/password`, without `500`.
    Statuses: 400, 401, 403, 413, 415, 503;
}

/// Most attempts to end the sessions while other writers are faster.
const TRIES: usize = 4;

/// Who changes their password.
#[derive(Deserialize, Object)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[oai(rename_all = "camelCase", example)]
pub(crate) struct ChangePasswordRequest {
    /// The password that opens the account now.
    #[oai(validator(max_length = 128))]
    pub(crate) current_password: String,
    /// The one that opens it from now on, which must be another one: 8 to 128 characters, taken exactly as sent.
    #[oai(validator(min_length = 8, max_length = 128))]
    pub(crate) new_password: String,
}

impl Example for ChangePasswordRequest {
    fn example() -> Self {
        Self {
            current_password: "correct horse battery staple".to_owned(),
            new_password: "a longer and better password".to_owned(),
        }
    }
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

/// Endpoint of the operation `changePassword`.
#[derive(Debug, Default)]
pub struct ChangePassword;

#[OpenApi(prefix_path = "/api/auth", tag = "Tag::Authentication")]
impl ChangePassword {
    /// Change the password
    ///
    /// Ends every session of the user, the one that asks too, and begins a new one, which the answer holds as after a sign
    /// in. From the answer on the old password, and the cookies, session tokens and access tokens of all sessions before
    /// are refused. `PASSWORD_CHANGED_ONLY` says that the password was changed, and the rest perhaps not done.
    #[oai(path = "/password", method = "post", operation_id = "changePassword")]
    async fn change(
        &self,
        SessionHolder(caller): SessionHolder,
        request: &Request,
        body: Json<ChangePasswordRequest>,
    ) -> Result<SignedInAnew, Failure<Statuses>> {
        let state = State::of(request)?;
        let changed = change_password(state, request, &caller.session, body.0).await;
        let (body, cookie) = changed?;
        Ok(SignedInAnew::SignedIn(Json(body), cookie))
    }
}

/// Changes the password of a session's user, ends all of their sessions and begins a new one. Returns the body of the
/// answer, and the header that sets the new session's cookie.
///
/// # Errors
///
/// Fails with the problem to answer. After the change of the password, the problem says that it was changed.
pub(crate) async fn change_password(
    state: &State,
    request: &Request,
    session: &Session,
    body: ChangePasswordRequest,
) -> Result<(SignedInBody, String), Problem> {
    let user_id = session.user_id;
    let about = About::session(user_id, session.id);
    let failed = |problem: &Problem| audit_events::password_change(about, Some(problem.reason()));
    let (proof, password) = proven(state, user_id, body).await.inspect_err(failed)?;
    let device = context::device(request);
    let pending = PendingSession::prepare(state, device, user_id).await.inspect_err(failed)?;
    let change = Change { proof, password, context: context::acting(session), about };
    state.detached.run(changed(state.clone(), pending, change)).await
}

/// Checks both passwords; fails with everything that is wrong with them at once.
async fn proven(
    state: &State,
    user_id: UserId,
    body: ChangePasswordRequest,
) -> Result<(PasswordProof, Password), Problem> {
    let ChangePasswordRequest { current_password, new_password } = body;
    let current = Password::attempt(Zeroizing::new(current_password));
    let password = Password::parse(Zeroizing::new(new_password));
    let proven = match current {
        Ok(current) => {
            let proof = state.gate.accounts.prove(user_id, current.clone()).await?;
            let proof = proof.ok_or_else(|| {
                (FieldProblem::of("currentPassword", WrongPassword), Reason::WrongPassword)
            });
            proof.map(|proof| (proof, current))
        }
        Err(error) => Err((FieldProblem::of("currentPassword", error), Reason::InvalidInput)),
    };
    let password = password.map_err(|error| FieldProblem::of("newPassword", error));
    match (proven, password) {
        (Ok((proof, current)), Ok(password)) => {
            let password = password.other_than(&current);
            let same = |error| Problem::invalid("newPassword", error).because(Reason::SamePassword);
            Ok((proof, password.map_err(same)?))
        }
        (proven, password) => {
            let (current, reason) = proven.err().unzip();
            let problems = [current, password.err()].into_iter().flatten().collect();
            Err(Problem::fields(problems).because(reason.unwrap_or(Reason::InvalidInput)))
        }
    }
}

/// A change of the password that has been checked.
struct Change {
    /// Proof of the current password.
    proof: PasswordProof,
    /// New password, different from the current one.
    password: Password,
    /// Cause and sender, recorded with the events.
    context: Context,
    /// Subject of the audit events.
    about: About<'static>,
}

/// Changes the password, begins the new session and ends all others, as a detached task.
async fn changed(
    state: State,
    pending: PendingSession,
    change: Change,
) -> Result<(SignedInBody, String), Problem> {
    let Change { proof, password, context, about } = change;
    let user_id = proof.user_id;
    let changed = state.gate.accounts.change_password(proof, password, context.clone()).await;
    let changed = changed.map_err(Problem::from);
    audit_events::password_change(about, changed.as_ref().err().map(Problem::reason));
    let proof = changed?;
    begun_anew(&state, pending, proof, context)
        .await
        .inspect_err(|problem| {
            tracing::warn!(user.id = %user_id, error = %problem, "failed to replace sessions after a password change");
        })
        .map_err(Problem::after_password_change)
}

/// Begins the new session and ends all others. These end also if the new one cannot begin, unless another change of the
/// password came in between: that change ends the sessions itself.
async fn begun_anew(
    state: &State,
    pending: PendingSession,
    proof: PasswordProof,
    context: Context,
) -> Result<(SignedInBody, String), Problem> {
    let begun = pending.begin(state, proof, context.clone()).await;
    let new = match &begun {
        Ok((body, _)) => Some(body.session.id),
        Err(problem) if problem.is_unauthorized() => return begun,
        Err(_) => None,
    };
    end_others(state, proof.user_id, new, context).await?;
    begun
}

/// Ends all sessions but one. Retries if another node keeps writing the same user's sessions.
async fn end_others(
    state: &State,
    user_id: UserId,
    new: Option<SessionId>,
    context: Context,
) -> Result<(), Problem> {
    let mut again = 1..TRIES;
    loop {
        let reason = EndReason::PasswordChanged;
        match state.gate.sessions.end_all(user_id, new, reason, context.clone()).await {
            Err(ExecuteError::Contended) if again.next().is_some() => {}
            ended => return Ok(ended?),
        }
    }
}
