//! Paths of the API, and the operation that a request asks for.

use std::sync::LazyLock;

use poem::Request;
use poem_openapi::OpenApi;
use poem_openapi::registry::MetaPath;

use super::service::Api;
use crate::http::edge::trace::Operation;

/// Methods of a page that is not part of the API.
const PAGE: &str = "GET, HEAD";

/// A path of the API with its operations. Every request is looked up, so the template is split once.
struct KnownPath {
    /// Text up to the first parameter, which distinguishes most paths.
    beginning: String,
    /// The rest, piece by piece between slashes; a parameter is `None`.
    rest: Vec<Option<String>>,
    /// Path and operations, as the API describes them.
    path: MetaPath,
}

/// Paths of the API, in the order in which they are tried.
static PATHS: LazyLock<Vec<KnownPath>> = LazyLock::new(|| {
    let mut paths: Vec<_> = Api::meta().into_iter().flat_map(|api| api.paths).collect();
    paths.sort_by_key(|path| precedence(&path.path));
    paths.into_iter().map(KnownPath::new).collect()
});

/// Rank of a path among those that fit the same request, by the router's rule: a word before a parameter at the same place,
/// the leftmost place first.
fn precedence(template: &str) -> Vec<bool> {
    template.split('/').map(|piece| piece.starts_with('{')).collect()
}

impl KnownPath {
    fn new(path: MetaPath) -> Self {
        let parameter = path.path.find('{').unwrap_or(path.path.len());
        let (beginning, rest) = path.path.split_at(parameter);
        let piece = |piece: &str| (!piece.starts_with('{')).then(|| piece.to_owned());
        Self { beginning: beginning.to_owned(), rest: rest.split('/').map(piece).collect(), path }
    }

    /// True for an instance of this path.
    fn fits(&self, path: &str) -> bool {
        let Some(rest) = path.strip_prefix(&self.beginning) else { return false };
        let mut given = rest.as_bytes().split(|byte| *byte == b'/');
        let mut fits = |wanted: &Option<String>| match (wanted, given.next()) {
            (_, None) => false,
            (Some(piece), Some(given)) => piece.as_bytes() == given,
            (None, Some(given)) => !given.is_empty(),
        };
        self.rest.iter().all(&mut fits) && given.next().is_none()
    }
}

/// Path of the API that a request's path is an instance of.
pub(super) fn known(path: &str) -> Option<&'static MetaPath> {
    PATHS.iter().find(|known| known.fits(path)).map(|known| &known.path)
}

/// True for a path of the API.
pub fn has(path: &str) -> bool {
    known(path).is_some()
}

/// Methods of the API's path that `path` is an instance of; those of a page for everything else. A path with `GET` has
/// `HEAD` too (RFC 9110, section 9.1).
pub fn methods(path: &str) -> String {
    let operations = known(path).map(|known| &known.operations).into_iter().flatten();
    let mut methods: Vec<_> = operations.map(|operation| operation.method.as_str()).collect();
    if methods.contains(&"GET") {
        methods.push("HEAD");
    }
    if methods.is_empty() { PAGE.to_owned() } else { methods.join(", ") }
}

/// Operation that a request asks for, if it is one of the API's.
pub fn operation(request: &Request) -> Option<Operation> {
    let known = known(request.uri().path())?;
    let operation = known.operations.iter().find(|known| known.method == request.method())?;
    Some(Operation { id: operation.operation_id?, path: &known.path })
}

#[cfg(test)]
mod tests {
    use poem::http::Method;

    use super::*;

    #[test]
    fn a_path_has_the_methods_of_its_template() {
        assert_eq!(methods("/api/auth/signin"), "POST");
        assert_eq!(methods("/api/7/tasks"), "GET, POST, HEAD");
        assert_eq!(methods("/docs"), "GET, HEAD");
    }

    #[test]
    fn a_path_with_a_word_comes_before_one_with_a_parameter_at_its_place() {
        let inwards = [
            "/api/{user_id}/tasks/{task_id}",
            "/api/{user_id}/{what}/batch",
            "/api/{user_id}/tasks/batch",
            "/api/auth/{what}/batch",
            "/api/auth/tasks/{task_id}",
            "/api/auth/tasks/batch",
        ];
        let outwards: Vec<_> = inwards.into_iter().rev().collect();
        for listed in [inwards.to_vec(), outwards] {
            let mut ordered = listed;
            ordered.sort_by_key(|template| precedence(template));
            assert_eq!(
                ordered,
                [
                    "/api/auth/tasks/batch",
                    "/api/auth/tasks/{task_id}",
                    "/api/auth/{what}/batch",
                    "/api/{user_id}/tasks/batch",
                    "/api/{user_id}/tasks/{task_id}",
                    "/api/{user_id}/{what}/batch",
                ]
            );
        }
    }

    #[test]
    fn a_request_is_known_by_method_and_path() {
        let asked = |method: Method, path: &'static str| {
            let request = Request::builder().method(method).uri_str(path).finish();
            operation(&request).map(|operation| (operation.id, operation.path))
        };
        assert_eq!(
            asked(Method::POST, "/api/7/tasks"),
            Some(("createTask", "/api/{user_id}/tasks"))
        );
        assert_eq!(asked(Method::DELETE, "/api/7/tasks"), None);
        for elsewhere in
            ["/docs", "/", "/api", "/api/7/task", "/api/7/tasks/", "/api/auth/signin/x"]
        {
            assert_eq!(asked(Method::GET, elsewhere), None, "{elsewhere}");
        }
    }
}
