//! The API: every operation of every feature, as one typed service.

use std::sync::LazyLock;

use poem_openapi::{OpenApi, OpenApiService};

use crate::auth::api::AuthApi;
use crate::http::health::HealthApi;
use crate::keys::api::KeysApi;
use crate::tasks::api::TasksApi;

/// The parts of the API.
pub type Api = (AuthApi, TasksApi, KeysApi, HealthApi);

/// The API as a service, from which the OpenAPI document is made too.
pub fn service() -> OpenApiService<Api, ()> {
    let api = (AuthApi, TasksApi, KeysApi, HealthApi);
    OpenApiService::new(api, "Keyfold", env!("CARGO_PKG_VERSION"))
}

/// Path templates of the API with their methods.
static PATHS: LazyLock<Vec<(String, String)>> = LazyLock::new(|| {
    let apis = Api::meta();
    let paths = apis.into_iter().flat_map(|api| api.paths);
    paths
        .map(|path| {
            let methods: Vec<_> =
                path.operations.iter().map(|operation| operation.method.to_string()).collect();
            (path.path, methods.join(", "))
        })
        .collect()
});

/// The methods of the API's path that `path` is an instance of; `GET` for everything that is not part of the API.
pub fn methods(path: &str) -> String {
    let known = PATHS.iter().find(|(template, _)| fits(template, path));
    known.map_or_else(|| "GET".to_owned(), |(_, methods)| methods.clone())
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
    use super::*;

    #[test]
    fn a_path_has_the_methods_of_its_template() {
        assert_eq!(methods("/api/auth/signin"), "POST");
        assert_eq!(methods("/api/7/tasks"), "GET, POST");
        assert_eq!(methods("/docs"), "GET");
    }
}
