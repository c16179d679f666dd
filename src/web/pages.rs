//! The pages, and where each of them is.

mod account;
mod enter;
mod home;
mod shown;
mod tasks;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use poem::http::{Method, StatusCode};
use poem::{Request, Response};

use super::instead::Instead;
use super::visitor::Visitor;
use super::{assets, page};
use crate::http::problem::Problem;

/// What a page answers.
type Answer = BoxFuture<'static, Result<Response, Instead>>;
type Handler = fn(Request) -> Answer;

/// Where a page is, and what it does.
struct Page {
    /// Its path; `*` stands for any piece.
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

const PAGES: [Page; 12] = [
    shown("/", |request| home::show(request).boxed()),
    form("/signup", |r| enter::show_sign_up(r).boxed(), |r| enter::sign_up(r).boxed()),
    form("/login", |r| enter::show_sign_in(r).boxed(), |r| enter::sign_in(r).boxed()),
    sent("/signout", |r| enter::sign_out(r).boxed()),
    shown("/tasks", |r| tasks::own(r).boxed()),
    form("/tasks/*", |r| tasks::show(r).boxed(), |r| tasks::add(r).boxed()),
    sent("/tasks/*/*", |r| tasks::complete(r).boxed()),
    shown("/account", |r| account::show(r).boxed()),
    sent("/account/profile", |r| account::change_profile(r).boxed()),
    sent("/account/password", |r| account::change_password(r).boxed()),
    sent("/account/sessions", |r| account::end_sessions(r).boxed()),
    sent("/account/sessions/*", |r| account::end_session(r).boxed()),
];

impl Page {
    fn fits(&self, path: &str) -> bool {
        let (mut wanted, mut given) = (self.path.split('/'), path.split('/'));
        loop {
            match (wanted.next(), given.next()) {
                (None, None) => return true,
                (Some("*"), Some(piece)) if !piece.is_empty() => {}
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
    let Some(handler) = place.handler(request.method()) else {
        return poem::IntoResponse::into_response(StatusCode::METHOD_NOT_ALLOWED);
    };
    handler(request).await.unwrap_or_else(Instead::into_response)
}

/// Whether a browser asks for a page where there is nothing.
pub fn is_missed(request: &Request) -> bool {
    !request.uri().path().starts_with("/api/") && page::is_wanted(request)
}

/// That there is nothing, for whoever asks: that nobody can say who it is hinders nobody from hearing it.
async fn missing(request: &Request) -> Response {
    let visitor = Visitor::of(request).await.ok().flatten();
    page::of_problem(&Problem::nothing_here(), visitor.as_ref())
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
            ("/tasks/1/2/3", None),
            ("/tasks/", None),
            ("/login/", None),
            ("/docs", None),
        ] {
            assert_eq!(methods(path), expected, "{path}");
        }
        assert!(is_page("/assets/app.css") && !is_page("/api/auth/session"));
    }
}
