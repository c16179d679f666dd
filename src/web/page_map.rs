//! Map of the pages: the path of each, and its methods.

use poem::Request;

use super::assets;
use crate::http::edge::trace::Operation;

/// Path of a page, and its methods.
struct Place {
    /// Path with parameters in braces.
    path: &'static str,
    /// True if it is shown (`GET`).
    is_shown: bool,
    /// True if it takes a form (`POST`).
    takes_form: bool,
}

const fn shown(path: &'static str) -> Place {
    Place { path, is_shown: true, takes_form: false }
}

const fn form(path: &'static str) -> Place {
    Place { path, is_shown: true, takes_form: true }
}

const fn sent(path: &'static str) -> Place {
    Place { path, is_shown: false, takes_form: true }
}

const PLACES: [Place; 14] = [
    shown("/"),
    form("/signup"),
    form("/login"),
    sent("/signout"),
    shown("/tasks"),
    form("/tasks/{user_id}"),
    sent("/tasks/{user_id}/{task_id}"),
    sent("/tasks/{user_id}/{task_id}/delete"),
    shown("/account"),
    shown("/.well-known/change-password"),
    sent("/account/profile"),
    sent("/account/password"),
    sent("/account/sessions"),
    sent("/account/sessions/{session_id}"),
];

/// True if a path is an instance of a template with parameters in braces.
fn fits(template: &str, path: &str) -> bool {
    let (mut wanted, mut given) = (template.split('/'), path.split('/'));
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return true,
            (Some(wanted), Some(piece)) if wanted.starts_with('{') && !piece.is_empty() => {}
            (Some(wanted), Some(given)) if wanted == given => {}
            (_, _) => return false,
        }
    }
}

fn find(path: &str) -> Option<&'static Place> {
    PLACES.iter().find(|place| fits(place.path, path))
}

/// Every page: its template, whether it is shown, and whether it takes a form.
#[cfg(test)]
pub(super) fn all() -> impl Iterator<Item = (&'static str, bool, bool)> {
    PLACES.iter().map(|place| (place.path, place.is_shown, place.takes_form))
}

/// Template of the page at a path.
pub(super) fn template(path: &str) -> Option<&'static str> {
    find(path).map(|place| place.path)
}

/// True if a path is a page's or an asset's.
pub fn is_page(path: &str) -> bool {
    path.starts_with(assets::PREFIX) || find(path).is_some()
}

/// Page that a request asks for, as telemetry names it.
pub fn operation(request: &Request) -> Option<Operation> {
    template(request.uri().path()).map(|path| Operation { id: path, path })
}

/// True if the path has a page that is shown.
pub(super) fn is_shown(path: &str) -> bool {
    find(path).is_some_and(|place| place.is_shown)
}

/// Nearest page above a path that is shown: the one on which a form stands.
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

/// Methods of a page, as `Allow` lists them.
pub fn methods(path: &str) -> Option<&'static str> {
    find(path).map(|place| match (place.is_shown, place.takes_form) {
        (true, true) => "GET, HEAD, POST",
        (false, true) => "POST",
        (_, false) => "GET, HEAD",
    })
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
