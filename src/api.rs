//! The API: every operation of every feature, as one typed service.

use std::sync::LazyLock;

use poem::Request;
use poem_openapi::registry::MetaPath;
use poem_openapi::{OpenApi, OpenApiService};

use crate::auth::api::AuthApi;
use crate::http::health::HealthApi;
use crate::http::trace::Operation;
use crate::keys::api::KeysApi;
use crate::tasks::api::TasksApi;

/// The parts of the API.
pub type Api = (AuthApi, TasksApi, KeysApi, HealthApi);

/// The API as a service, from which the OpenAPI document is made too.
pub fn service() -> OpenApiService<Api, ()> {
    let api = (AuthApi, TasksApi, KeysApi, HealthApi);
    OpenApiService::new(api, "Keyfold", env!("CARGO_PKG_VERSION"))
}

/// The methods of a page that is not part of the API.
const PAGE: &str = "GET, HEAD";

/// A path of the API, and its beginning up to the first parameter, by which most requests tell it from the others.
struct Known {
    beginning: String,
    path: MetaPath,
}

/// The paths of the API with their operations.
static PATHS: LazyLock<Vec<Known>> = LazyLock::new(|| {
    let paths = Api::meta().into_iter().flat_map(|api| api.paths);
    let beginning = |path: &MetaPath| path.path.split('{').next().unwrap_or_default().to_owned();
    paths.map(|path| Known { beginning: beginning(&path), path }).collect()
});

fn known(path: &str) -> Option<&'static MetaPath> {
    let known = PATHS
        .iter()
        .find(|known| path.starts_with(&known.beginning) && fits(&known.path.path, path))?;
    Some(&known.path)
}

/// The methods of the API's path that `path` is an instance of; those of a page for everything else. Whatever has `GET`
/// has `HEAD` too (RFC 9110, section 9.1).
pub fn methods(path: &str) -> String {
    let operations = known(path).map(|known| &known.operations).into_iter().flatten();
    let mut methods: Vec<_> = operations.map(|operation| operation.method.as_str()).collect();
    if methods.contains(&"GET") {
        methods.push("HEAD");
    }
    if methods.is_empty() { PAGE.to_owned() } else { methods.join(", ") }
}

/// The operation that a request asks for, if it is one of the API's.
pub fn operation(request: &Request) -> Option<Operation> {
    let known = known(request.uri().path())?;
    let operation = known.operations.iter().find(|known| known.method == request.method())?;
    Some(Operation { id: operation.operation_id?, path: &known.path })
}

fn fits(template: &str, path: &str) -> bool {
    let (mut wanted, mut given) = (template.split('/'), path.split('/'));
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return true,
            (Some(wanted), Some(given)) if wanted == given || wanted.starts_with('{') => {}
            (Some(_) | None, _) => return false,
        }
    }
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
        assert_eq!(asked(Method::GET, "/docs"), None);
    }
}
