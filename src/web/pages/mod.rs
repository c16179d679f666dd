//! The pages, and the handler of each.

mod account;
mod asked;
mod enter;
mod home;
mod shown;
mod tasks;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use poem::http::{Method, StatusCode};
use poem::{IntoResponse, Request, Response};

use super::instead::{Instead, Trouble, Viewer};
use super::visitor::Visitor;
use super::{assets, page, page_map, problem_page};
use crate::http::response::problem::Problem;

/// The answer of a page, or the page that is shown in its place.
type Answer = BoxFuture<'static, Result<Response, Instead>>;

/// Calls the handler of a page; there is none for a method that the page does not have.
fn handle(template: &str, request: Request) -> Result<Answer, Box<Request>> {
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    let is_sent = *request.method() == Method::POST;
    Ok(match template {
        "/" if is_read => home::show(request).boxed(),
        "/signup" if is_read => enter::show_sign_up(request).boxed(),
        "/signup" if is_sent => enter::sign_up(request).boxed(),
        "/login" if is_read => enter::show_sign_in(request).boxed(),
        "/login" if is_sent => enter::sign_in(request).boxed(),
        "/signout" if is_sent => enter::sign_out(request).boxed(),
        "/tasks" if is_read => tasks::own(request).boxed(),
        "/tasks/{user_id}" if is_read => tasks::show(request).boxed(),
        "/tasks/{user_id}" if is_sent => tasks::add(request).boxed(),
        "/tasks/{user_id}/{task_id}" if is_sent => tasks::complete(request).boxed(),
        "/tasks/{user_id}/{task_id}/delete" if is_sent => tasks::delete(request).boxed(),
        "/account" if is_read => account::show(request).boxed(),
        "/.well-known/change-password" if is_read => account::lead_to_password().boxed(),
        "/account/profile" if is_sent => account::change_profile(request).boxed(),
        "/account/password" if is_sent => account::change_password(request).boxed(),
        "/account/sessions" if is_sent => account::end_sessions(request).boxed(),
        "/account/sessions/{session_id}" if is_sent => account::end_session(request).boxed(),
        _ => return Err(Box::new(request)),
    })
}

/// The answer of the page at the request's path; of none, that there is nothing.
pub async fn answer(request: Request) -> Response {
    let path = request.uri().path();
    if path.starts_with(assets::PREFIX) {
        return assets::answer(&request);
    }
    let Some(template) = page_map::template(path) else { return missing(&request).await };
    match handle(template, request) {
        Ok(answer) => answer.await.unwrap_or_else(problem_page::instead),
        Err(request) => instead_of_form(&request),
    }
}

/// Whoever looks where only forms are sent is led to the page on which the form stands.
fn instead_of_form(request: &Request) -> Response {
    if *request.method() == Method::GET && page::is_wanted(request) {
        page::lead_to(page_map::shown_above(request.uri().path()).unwrap_or("/"))
    } else {
        StatusCode::METHOD_NOT_ALLOWED.into_response()
    }
}

/// That there is nothing, for whoever asks: that nobody can say who it is hinders nobody from hearing it.
async fn missing(request: &Request) -> Response {
    let visitor = Visitor::of(request).await.ok().flatten();
    problem_page::of_trouble(Trouble {
        problem: Problem::nothing_here(),
        viewer: visitor.map(Viewer::from),
        again: None,
    })
}

/// The piece of a path that stands for something, from its beginning.
fn piece(request: &Request, nth: usize) -> &str {
    request.uri().path().split('/').nth(nth).unwrap_or_default()
}
