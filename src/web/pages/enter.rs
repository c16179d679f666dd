//! `/signup`, `/login` and `/signout`.

use askama::Template;
use poem::{Request, Response};

use crate::api::auth::bodies::signed_in::SignedInBody;
use crate::api::auth::sign_in::{self, SignInRequest};
use crate::api::auth::sign_out;
use crate::api::auth::sign_up::{self, SignUpRequest};
use crate::api::state::State;
use crate::authn::caller::MaybeSignedIn;
use crate::http::response::problem::Problem;
use crate::web::form::{Complaints, Form};
use crate::web::own_path::OwnPath;
use crate::web::page::{self, Frame};
use crate::web::page_failure::PageFailure;
use crate::web::visitor::{self, Visitor};

/// Target after the sign-in of a user who came from no other page.
const TASKS: &str = "/tasks";
const MODULE: &str = "enter.js";
/// Prefix of the query of a sign-in that a signed-in user has to repeat.
const AGAIN: &str = "again=1";

/// Data of the sign-up template.
#[derive(Debug, Template)]
#[template(path = "signup.html", config = "src/web/askama.toml")]
struct SignUpPage {
    /// Frame with the pages' module.
    frame: Frame,
    /// Fields as they were submitted.
    typed: TypedCredentials,
    /// Errors beside and above them.
    complaints: Complaints,
}

/// Data of the sign-in template.
#[derive(Debug, Template)]
#[template(path = "login.html", config = "src/web/askama.toml")]
struct SignInPage {
    /// Frame with the pages' module.
    frame: Frame,
    /// Fields as they were submitted.
    typed: TypedCredentials,
    /// Errors beside and above them.
    complaints: Complaints,
}

/// Submitted fields, to be shown again. Never the password.
#[derive(Debug, Default)]
struct TypedCredentials {
    /// Address of the account.
    email: String,
    /// Name, of a sign-up only.
    name: String,
    /// Target after the sign-in.
    next: Option<OwnPath>,
    /// True if a signed-in user has to prove their identity again.
    is_again: bool,
}

impl TypedCredentials {
    fn of(form: &Form) -> Self {
        let text = |name| form.text(name).to_owned();
        let next = OwnPath::parse(form.text("next"));
        Self { email: text("email"), name: text("name"), next, is_again: false }
    }

    fn next(&self) -> &str {
        self.next.as_ref().map_or("", OwnPath::as_str)
    }

    /// Query string that keeps the target.
    fn query(&self) -> String {
        self.next.as_ref().map_or_else(String::new, |next| format!("?next={}", next.encoded()))
    }

    fn onward(&self) -> &str {
        self.next.as_ref().map_or(TASKS, OwnPath::as_str)
    }
}

impl SignUpPage {
    fn new(typed: TypedCredentials, complaints: Complaints) -> Self {
        Self { frame: Frame::new(None, MODULE), typed, complaints }
    }
}

impl SignInPage {
    fn new(typed: TypedCredentials, complaints: Complaints) -> Self {
        Self { frame: Frame::new(None, MODULE), typed, complaints }
    }
}

/// Shows the form to sign up with; a signed-in user is redirected.
pub(super) async fn show_sign_up(request: Request) -> Result<Response, PageFailure> {
    show(&request, |typed| page::shown(&SignUpPage::new(typed, Complaints::default()))).await
}

/// Shows the form to sign in with; a signed-in user is redirected.
pub(super) async fn show_sign_in(request: Request) -> Result<Response, PageFailure> {
    show(&request, |typed| page::shown(&SignInPage::new(typed, Complaints::default()))).await
}

async fn show(
    request: &Request,
    form: impl FnOnce(TypedCredentials) -> Result<Response, Problem>,
) -> Result<Response, PageFailure> {
    let typed = TypedCredentials { next: OwnPath::next_of(request), ..TypedCredentials::default() };
    let is_again = request.uri().query().is_some_and(|query| query.starts_with(AGAIN));
    match Visitor::of(request).await? {
        Some(visitor) if is_again => {
            let email = visitor.profile.email.as_str().to_owned();
            Ok(form(TypedCredentials { email, is_again, ..typed })?)
        }
        Some(visitor) => Ok(page::with_cookie(page::lead_to(typed.onward()), visitor.cookie)),
        None => Ok(form(typed)?),
    }
}

/// Signs a new user up.
pub(super) async fn sign_up(mut request: Request) -> Result<Response, PageFailure> {
    let form = Form::of(&mut request).await?;
    let text = |name| form.text(name).to_owned();
    let body =
        SignUpRequest { email: text("email"), password: text("password"), name: text("name") };
    let entered = sign_up::sign_up(&request, body).await;
    enter(&form, entered, |problem, typed, complaints| {
        page::of_problem(problem, &SignUpPage::new(typed, complaints))
    })
}

/// Signs a user in.
pub(super) async fn sign_in(mut request: Request) -> Result<Response, PageFailure> {
    let form = Form::of(&mut request).await?;
    let text = |name| form.text(name).to_owned();
    let body = SignInRequest { email: text("email"), password: text("password") };
    let entered = sign_in::sign_in(&request, body).await;
    enter(&form, entered, |problem, typed, complaints| {
        page::of_problem(problem, &SignInPage::new(typed, complaints))
    })
}

/// Leads a user who has signed in to the target; shows the form again after a failure.
fn enter(
    form: &Form,
    entered: Result<(SignedInBody, String), Problem>,
    again: impl FnOnce(&Problem, TypedCredentials, Complaints) -> Result<Response, Problem>,
) -> Result<Response, PageFailure> {
    let typed = TypedCredentials::of(form);
    match entered {
        Ok((_, cookie)) => Ok(page::with_cookie(page::lead_to(typed.onward()), Some(cookie))),
        Err(problem) => Ok(again(&problem, typed, Complaints::of(&problem))?),
    }
}

/// Ends the sessions of the cookies, unless they are another user's by now.
pub(super) async fn sign_out(mut request: Request) -> Result<Response, PageFailure> {
    let form = Form::of(&mut request).await?;
    let state = State::of(&request)?;
    for session in MaybeSignedIn::of(&request).await?.0 {
        visitor::require_shown_to(&form, session.user_id)?;
        sign_out::sign_out(state, session).await?;
    }
    Ok(page::signed_out(&state.server.site))
}
