//! `/signup`, `/login` and `/signout`.

use askama::Template;
use poem::http::StatusCode;
use poem::{Request, Response};

use crate::auth::bodies::{SignInRequest, SignUpRequest, SignedInBody};
use crate::auth::entering;
use crate::http::{caller, cookie};
use crate::web::form::{Complaints, Form};
use crate::web::instead::Instead;
use crate::web::own_path::OwnPath;
use crate::web::page::{self, Frame};
use crate::web::visitor::Visitor;

/// Where people go who do not say where they came from.
const TASKS: &str = "/tasks";

#[derive(Debug, Template)]
#[template(path = "signup.html", config = "src/web/askama.toml")]
struct SignUpPage {
    frame: Frame,
    typed: Typed,
    complaints: Complaints,
}

#[derive(Debug, Template)]
#[template(path = "login.html", config = "src/web/askama.toml")]
struct SignInPage {
    frame: Frame,
    typed: Typed,
    complaints: Complaints,
}

/// What was typed, and is shown again. Never the password.
#[derive(Debug, Default)]
struct Typed {
    email: String,
    name: String,
    next: Option<OwnPath>,
}

impl Typed {
    fn into(form: &Form) -> Self {
        let text = |name| form.text(name).to_owned();
        Self { email: text("email"), name: text("name"), next: OwnPath::parse(form.text("next")) }
    }

    fn next(&self) -> &str {
        self.next.as_ref().map_or("", OwnPath::as_str)
    }

    /// The query that keeps where somebody came from.
    fn query(&self) -> String {
        self.next.as_ref().map_or_else(String::new, |next| format!("?next={}", next.encoded()))
    }

    fn onward(&self) -> &str {
        self.next.as_ref().map_or(TASKS, OwnPath::as_str)
    }
}

/// The form to sign up with; who is signed in has no need of it.
pub(super) async fn show_sign_up(request: Request) -> Result<Response, Instead> {
    let typed = Typed { next: OwnPath::next_of(&request), ..Typed::default() };
    match Visitor::of(&request).await? {
        Some(visitor) => Ok(page::with_cookie(page::lead_to(typed.onward()), visitor.cookie)),
        None => sign_up_page(StatusCode::OK, typed, Complaints::default()),
    }
}

/// The form to sign in with; who is signed in has no need of it.
pub(super) async fn show_sign_in(request: Request) -> Result<Response, Instead> {
    let typed = Typed { next: OwnPath::next_of(&request), ..Typed::default() };
    match Visitor::of(&request).await? {
        Some(visitor) => Ok(page::with_cookie(page::lead_to(typed.onward()), visitor.cookie)),
        None => sign_in_page(StatusCode::OK, typed, Complaints::default()),
    }
}

/// Signs somebody up.
pub(super) async fn sign_up(mut request: Request) -> Result<Response, Instead> {
    let form = Form::of(&mut request).await?;
    let body = SignUpRequest {
        email: form.text("email").to_owned(),
        password: form.text("password").to_owned(),
        name: form.text("name").to_owned(),
    };
    let typed = Typed::into(&form);
    let state = caller::following(&request)?;
    match entering::sign_up(state, &request, body).await {
        Ok(entered) => Ok(entered_at(typed.onward(), entered)),
        Err(problem) => sign_up_page(problem.status(), typed, Complaints::of(&problem)),
    }
}

/// Signs somebody in.
pub(super) async fn sign_in(mut request: Request) -> Result<Response, Instead> {
    let form = Form::of(&mut request).await?;
    let body = SignInRequest {
        email: form.text("email").to_owned(),
        password: form.text("password").to_owned(),
    };
    let typed = Typed::into(&form);
    let state = caller::following(&request)?;
    match entering::sign_in(state, &request, body).await {
        Ok(entered) => Ok(entered_at(typed.onward(), entered)),
        Err(problem) => sign_in_page(problem.status(), typed, Complaints::of(&problem)),
    }
}

/// Ends the session of the cookie, whatever became of it.
pub(super) async fn sign_out(mut request: Request) -> Result<Response, Instead> {
    Form::of(&mut request).await?;
    let state = caller::state(&request)?;
    if let Some(visitor) = Visitor::of(&request).await? {
        entering::sign_out(state, &request, &visitor.session).await?;
    }
    Ok(page::with_cookie(page::lead_to("/login"), Some(cookie::clear(&state.site))))
}

fn entered_at(path: &str, (_, cookie): (SignedInBody, String)) -> Response {
    page::with_cookie(page::lead_to(path), Some(cookie))
}

fn sign_up_page(
    status: StatusCode,
    typed: Typed,
    complaints: Complaints,
) -> Result<Response, Instead> {
    let frame = Frame::new(None, "enter.js");
    Ok(page::respond(status, &SignUpPage { frame, typed, complaints })?)
}

fn sign_in_page(
    status: StatusCode,
    typed: Typed,
    complaints: Complaints,
) -> Result<Response, Instead> {
    let frame = Frame::new(None, "enter.js");
    Ok(page::respond(status, &SignInPage { frame, typed, complaints })?)
}
