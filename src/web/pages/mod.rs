//! The pages, and where each of them is.

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

use super::instead::{Instead, Trouble};
use super::visitor::Visitor;
use super::{assets, page};
use crate::http::edge::trace::Operation;
use crate::http::response::problem::Problem;

/// What a page answers.
type Answer = BoxFuture<'static, Result<Response, Instead>>;
type Handler = fn(Request) -> Answer;

/// Where a page is, and what it does.
struct Page {
    /// Its path, with parameters in braces.
    path: &'static str,
    get: Option<Handler>,
    post: Option<Handler>,
}

const fn shown(path: &'static str, get: Handler) -> Page {
    Page { path, get: Some(get), post: None }
}

const fn form(path: &'static str, get: Handler, post: Handler) -> Page {
    Page { path, get: Some(get), post: Some(post) }
}

const fn sent(path: &'static str, post: Handler) -> Page {
    Page { path, get: None, post: Some(post) }
}

const PAGES: [Page; 14] = [
    shown("/", |request| home::show(request).boxed()),
    form("/signup", |r| enter::show_sign_up(r).boxed(), |r| enter::sign_up(r).boxed()),
    form("/login", |r| enter::show_sign_in(r).boxed(), |r| enter::sign_in(r).boxed()),
    sent("/signout", |r| enter::sign_out(r).boxed()),
    shown("/tasks", |r| tasks::own(r).boxed()),
    form("/tasks/{user_id}", |r| tasks::show(r).boxed(), |r| tasks::add(r).boxed()),
    sent("/tasks/{user_id}/{task_id}", |r| tasks::complete(r).boxed()),
    sent("/tasks/{user_id}/{task_id}/delete", |r| tasks::delete(r).boxed()),
    shown("/account", |r| account::show(r).boxed()),
    shown("/.well-known/change-password", |_| account::lead_to_password().boxed()),
    sent("/account/profile", |r| account::change_profile(r).boxed()),
    sent("/account/password", |r| account::change_password(r).boxed()),
    sent("/account/sessions", |r| account::end_sessions(r).boxed()),
    sent("/account/sessions/{session_id}", |r| account::end_session(r).boxed()),
];

impl Page {
    fn fits(&self, path: &str) -> bool {
        let (mut wanted, mut given) = (self.path.split('/'), path.split('/'));
        loop {
            match (wanted.next(), given.next()) {
                (None, None) => return true,
                (Some(wanted), Some(piece)) if wanted.starts_with('{') && !piece.is_empty() => {}
                (Some(wanted), Some(given)) if wanted == given => {}
                (_, _) => return false,
            }
        }
    }

    fn handler(&self, method: &Method) -> Option<Handler> {
        match *method {
            Method::GET | Method::HEAD => self.get,
            Method::POST => self.post,
            _ => None,
        }
    }
}

fn find(path: &str) -> Option<&'static Page> {
    PAGES.iter().find(|page| page.fits(path))
}

/// Whether a path is a page's or an asset's.
pub fn is_page(path: &str) -> bool {
    path.starts_with(assets::PREFIX) || find(path).is_some()
}

/// What a request asks of a page, for the record.
pub fn operation(request: &Request) -> Option<Operation> {
    find(request.uri().path()).map(|page| Operation { id: page.path, path: page.path })
}

/// Whether there is something to look at.
pub(super) fn is_shown(path: &str) -> bool {
    find(path).is_some_and(|page| page.get.is_some())
}

/// The nearest page above a path that can be looked at: the one on which a form stands.
pub(super) fn shown_above(path: &str) -> Option<&str> {
    let mut above = path;
    while let Some((start, _)) = above.rsplit_once('/').filter(|(start, _)| !start.is_empty()) {
        above = start;
        if is_shown(above) {
            return Some(above);
        }
    }
    None
}

/// The methods of a page, as `Allow` lists them.
pub fn methods(path: &str) -> Option<&'static str> {
    find(path).map(|page| match (page.get, page.post) {
        (Some(_), Some(_)) => "GET, HEAD, POST",
        (None, Some(_)) => "POST",
        (_, None) => "GET, HEAD",
    })
}

/// The answer of the page at the request's path; of none, that there is nothing.
pub async fn answer(request: Request) -> Response {
    let path = request.uri().path();
    if path.starts_with(assets::PREFIX) {
        return assets::answer(&request);
    }
    let Some(place) = find(path) else { return missing(&request).await };
    let Some(handler) = place.handler(request.method()) else { return instead_of_form(&request) };
    handler(request).await.unwrap_or_else(Instead::into_response)
}

/// Whoever looks where only forms are sent is led to the page on which the form stands.
fn instead_of_form(request: &Request) -> Response {
    if *request.method() == Method::GET && page::is_wanted(request) {
        page::lead_to(shown_above(request.uri().path()).unwrap_or("/"))
    } else {
        StatusCode::METHOD_NOT_ALLOWED.into_response()
    }
}

/// That there is nothing, for whoever asks: that nobody can say who it is hinders nobody from hearing it.
async fn missing(request: &Request) -> Response {
    let visitor = Visitor::of(request).await.ok().flatten();
    page::of_trouble(Trouble { problem: Problem::nothing_here(), visitor, again: None })
}

/// The piece of a path that stands for something, from its beginning.
fn piece(request: &Request, nth: usize) -> &str {
    request.uri().path().split('/').nth(nth).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_a_page_with_its_methods_or_none() {
        for (path, expected) in [
            ("/", Some("GET, HEAD")),
            ("/login", Some("GET, HEAD, POST")),
            ("/signout", Some("POST")),
            ("/tasks", Some("GET, HEAD")),
            ("/tasks/1", Some("GET, HEAD, POST")),
            ("/tasks/1/2", Some("POST")),
            ("/tasks/1/2/delete", Some("POST")),
            ("/tasks/1/2/3", None),
            ("/tasks/", None),
            ("/login/", None),
            ("/docs", None),
        ] {
            assert_eq!(methods(path), expected, "{path}");
        }
        assert!(is_page("/assets/app.css") && !is_page("/api/auth/session"));
    }

    #[test]
    fn a_form_stands_on_the_page_above_it() {
        for (path, page) in [
            ("/tasks/1/2/delete", Some("/tasks/1")),
            ("/tasks/1/2", Some("/tasks/1")),
            ("/account/sessions/1", Some("/account")),
            ("/signout", None),
        ] {
            assert_eq!(shown_above(path), page, "{path}");
        }
    }
}
