//! `/account`: profile, password and sessions.

use askama::Template;
use poem::{Request, Response};
use poem_openapi::types::MaybeUndefined;

use super::piece;
use super::shown::ShownTime;
use crate::api::account::password::{self, ChangePasswordRequest};
use crate::api::account::profile::{self, ProfilePatch};
use crate::api::sessions::list::{ListedSession, SessionListBody};
use crate::api::state::State;
use crate::base::id::SessionId;
use crate::http::response::problem::Problem;
use crate::http::site::Sender;
use crate::sessions::events::EndReason;
use crate::web::device;
use crate::web::form::Complaints;
use crate::web::page::{self, Frame};
use crate::web::page_failure::PageFailure;
use crate::web::visitor::Visitor;

const ACCOUNT: &str = "/account";

/// Data of the template.
#[derive(Debug, Template)]
#[template(path = "account.html", config = "src/web/askama.toml")]
struct AccountPage {
    /// Frame with the page's module.
    frame: Frame,
    /// The user's id, by which the forms prove for whom they were shown.
    user_id: String,
    /// The user's address, which cannot be changed here.
    email: String,
    /// Time of the sign-up.
    joined: ShownTime,
    /// Name, as it is or as it was typed.
    typed_name: String,
    /// Confirmation of the last change.
    done: Option<&'static str>,
    /// Errors of the form with the name.
    about_profile: Complaints,
    /// Errors of the form with the passwords.
    about_password: Complaints,
    /// Live sessions, the newest first.
    sessions: Vec<SessionRow>,
}

/// A session as it is shown.
#[derive(Debug)]
struct SessionRow {
    /// Id, for the form that ends it.
    id: String,
    /// Program and system, as far as they are known.
    device: String,
    /// Full user agent, for users who want to know more.
    user_agent: String,
    /// Client address at the sign-in; empty if unknown.
    address: String,
    /// True for the session that sees the page.
    is_current: bool,
    /// Time of the sign-in.
    began: ShownTime,
    /// Time of the last recorded use.
    seen: ShownTime,
    /// Time of expiry, unless it is used before.
    ends: ShownTime,
}

impl From<ListedSession> for SessionRow {
    fn from(session: ListedSession) -> Self {
        let user_agent = session.user_agent.0;
        Self {
            id: session.id.to_string(),
            device: device::name(user_agent.as_deref()),
            user_agent: user_agent.unwrap_or_default(),
            address: session.ip_address.0.unwrap_or_default(),
            is_current: session.current,
            began: session.created_at.into(),
            seen: session.last_seen_at.into(),
            ends: session.expires_at.into(),
        }
    }
}

/// Content of a form that was refused, to be shown again.
#[derive(Debug, Default)]
struct RefusedForm {
    /// Name as it was typed; `None` if the form had none.
    name: Option<String>,
    /// Errors of the form with the name.
    about_profile: Complaints,
    /// Errors of the form with the passwords.
    about_password: Complaints,
}

/// Redirects a password manager or a user to the page that changes the password (W3C, A Well-Known URL for Changing
/// Passwords).
#[expect(clippy::unused_async, reason = "the shape of a page")]
pub(super) async fn lead_to_password() -> Result<Response, PageFailure> {
    Ok(page::lead_to("/account"))
}

/// Shows the account to its user.
pub(super) async fn show(request: Request) -> Result<Response, PageFailure> {
    let visitor = Visitor::required(&request).await?;
    let page = account_page(&request, &visitor, RefusedForm::default()).await?;
    Ok(page::with_cookie(page::shown(&page)?, visitor.cookie))
}

/// Changes the name, and leads back to the account.
pub(super) async fn change_profile(mut request: Request) -> Result<Response, PageFailure> {
    let (visitor, form) = Visitor::sending(&mut request).await?;
    let state = State::of(&request)?;
    let patch = ProfilePatch { name: MaybeUndefined::Value(form.text("name").to_owned()) };
    match profile::change_profile(state, &visitor.signed_in.session, patch).await {
        Ok(_) => Ok(done(&visitor, "profile")),
        Err(problem) => {
            let (name, about_profile) =
                (Some(form.text("name").to_owned()), Complaints::of(&problem));
            let said = RefusedForm { name, about_profile, ..RefusedForm::default() };
            refused(&request, &problem, visitor, said).await
        }
    }
}

/// Changes the password, which ends every session and begins one.
pub(super) async fn change_password(mut request: Request) -> Result<Response, PageFailure> {
    let (visitor, form) = Visitor::sending(&mut request).await?;
    let state = State::of(&request)?;
    let body = ChangePasswordRequest {
        current_password: form.text("currentPassword").to_owned(),
        new_password: form.text("newPassword").to_owned(),
    };
    match password::change_password(state, &request, &visitor.signed_in.session, body).await {
        Ok((_, cookie)) => {
            Ok(page::with_cookie(page::lead_to("/account?done=password"), Some(cookie)))
        }
        Err(problem) => {
            let said =
                RefusedForm { about_password: Complaints::of(&problem), ..RefusedForm::default() };
            refused(&request, &problem, visitor, said).await
        }
    }
}

/// Ends one session; ending another than the current one needs a recent sign-in.
pub(super) async fn end_session(mut request: Request) -> Result<Response, PageFailure> {
    let (visitor, _) = Visitor::sending(&mut request).await?;
    let state = State::of(&request)?;
    let (user_id, context) = (visitor.user_id(), visitor.signed_in.context());
    // An unknown id needs no change: that session has ended.
    if let Ok(id) = piece(&request, 3).parse::<SessionId>() {
        if id != visitor.signed_in.session.id {
            require_fresh(&visitor, state)?;
        }
        let ended = state.gate.sessions.revoke(user_id, id, context).await;
        ended.map_err(|error| visitor.told(error))?;
        if id == visitor.signed_in.session.id {
            return Ok(signed_out(state));
        }
    }
    Ok(done(&visitor, "session"))
}

/// Ends every session, or every other one.
pub(super) async fn end_sessions(mut request: Request) -> Result<Response, PageFailure> {
    let (visitor, form) = Visitor::sending(&mut request).await?;
    let state = State::of(&request)?;
    let spared = (form.text("except") == "current").then_some(visitor.signed_in.session.id);
    require_fresh(&visitor, state)?;
    let (user_id, context) = (visitor.user_id(), visitor.signed_in.context());
    let ended = state.gate.sessions.end_all(user_id, spared, EndReason::Revoked, context).await;
    ended.map_err(|error| visitor.told(error))?;
    Ok(if spared.is_some() { done(&visitor, "sessions") } else { signed_out(state) })
}

/// Leads a user who signed in too long ago to a new sign-in, and back.
fn require_fresh(visitor: &Visitor, state: &State) -> Result<(), PageFailure> {
    visitor.signed_in.require_fresh(&state.gate.clock).map_err(|_| PageFailure::SignInAgain)
}

fn done(visitor: &Visitor, what: &str) -> Response {
    page::with_cookie(page::lead_to(&format!("{ACCOUNT}?done={what}")), visitor.cookie.clone())
}

fn signed_out(state: &State) -> Response {
    page::signed_out(&state.server.site)
}

/// Confirmation of the change before, unless a link from another site claims it.
fn told(request: &Request) -> Option<&'static str> {
    if State::of(request).ok()?.server.site.sender(request) == Sender::Other {
        return None;
    }
    Some(match request.uri().query()? {
        "done=profile" => "Your profile was changed.",
        "done=password" => "Your password was changed. Every other device is signed out.",
        "done=session" => "The session was ended.",
        "done=sessions" => "Every other session was ended.",
        _ => return None,
    })
}

/// Shows the account with the errors of a form.
async fn refused(
    request: &Request,
    problem: &Problem,
    visitor: Visitor,
    said: RefusedForm,
) -> Result<Response, PageFailure> {
    let page = account_page(request, &visitor, said).await?;
    Ok(page::with_cookie(page::of_problem(problem, &page)?, visitor.cookie))
}

async fn account_page(
    request: &Request,
    visitor: &Visitor,
    said: RefusedForm,
) -> Result<AccountPage, PageFailure> {
    let state = State::of(request)?;
    let user_id = visitor.user_id();
    let sessions = state.gate.sessions.of(user_id).await?;
    let listed =
        SessionListBody::new(&sessions.state, visitor.signed_in.session.id, state.gate.clock.now());
    let RefusedForm { name, about_profile, about_password } = said;
    Ok(AccountPage {
        frame: Frame::new(Some(visitor.user_id()), "account.js"),
        user_id: user_id.to_string(),
        email: visitor.profile.email.as_str().to_owned(),
        joined: visitor.profile.created_at.into(),
        typed_name: name.unwrap_or_else(|| visitor.profile.name.as_str().to_owned()),
        done: told(request),
        about_profile,
        about_password,
        sessions: listed.sessions.into_iter().map(SessionRow::from).collect(),
    })
}
