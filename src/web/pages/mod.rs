//! Pages, with the handler of each.

mod account;
mod enter;
mod home;
mod list_query;
mod shown;
mod tasks;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use poem::http::{Method, StatusCode};
use poem::{IntoResponse, Request, Response};

use super::page_failure::{PageFailure, PageProblem, Viewer};
use super::visitor::Visitor;
use super::{assets, page, page_map, problem_page};
use crate::http::response::problem::Problem;

/// Response of a page, or the one in its place.
type PageResponse = BoxFuture<'static, Result<Response, PageFailure>>;

/// Calls the handler of a page; fails if the page does not have the method.
fn handle(template: &str, request: Request) -> Result<PageResponse, Box<Request>> {
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

/// Answers with the page at the request's path, or that there is none.
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

/// Redirects a browser that opens the path of a form to the page on which the form stands.
fn instead_of_form(request: &Request) -> Response {
    if *request.method() == Method::GET && page::is_wanted(request) {
        page::lead_to(page_map::shown_above(request.uri().path()).unwrap_or("/"))
    } else {
        StatusCode::METHOD_NOT_ALLOWED.into_response()
    }
}

/// Answers that there is nothing, even if the visitor cannot be looked up for the moment.
async fn missing(request: &Request) -> Response {
    let visitor = Visitor::of(request).await.ok().flatten();
    problem_page::of_trouble(PageProblem {
        problem: Problem::nothing_here(),
        viewer: visitor.map(Viewer::from),
        again: None,
    })
}

/// The `nth` piece of a path, which stands for a parameter.
fn piece(request: &Request, nth: usize) -> &str {
    request.uri().path().split('/').nth(nth).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_a_handler_for_each_of_its_methods_and_for_no_other() {
        let is_handled = |template, method: Method| {
            handle(template, Request::builder().method(method).finish()).is_ok()
        };
        for (template, is_shown, takes_form) in page_map::all() {
            assert_eq!(is_handled(template, Method::GET), is_shown, "GET {template}");
            assert_eq!(is_handled(template, Method::HEAD), is_shown, "HEAD {template}");
            assert_eq!(is_handled(template, Method::POST), takes_form, "POST {template}");
            assert!(!is_handled(template, Method::DELETE), "DELETE {template}");
        }
    }
}
