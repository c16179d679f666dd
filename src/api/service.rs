//! The operations of the API as one service, from which the OpenAPI document is generated too.

use std::collections::HashMap;

use poem::endpoint::BoxEndpoint;
use poem::http::Method;
use poem_openapi::registry::{MetaApi, MetaPath, Registry};
use poem_openapi::{OpenApi, OpenApiService};

use super::account::Account;
use super::auth::{self, Auth};
use super::health::Health;
use super::sessions::Sessions;
use super::tasks::Tasks;
use crate::api::auth::session_cache::SessionCache;

/// All operations of the API.
pub type Api = ByPath<(Auth, Account, Sessions, Tasks, Health)>;

/// Makes the service of the API, which keeps encoded sessions in `cache`.
pub fn service(cache: SessionCache) -> OpenApiService<Api, ()> {
    let api = (
        auth::operations(cache),
        Account::default(),
        Sessions::default(),
        Tasks::default(),
        Health::default(),
    );
    OpenApiService::new(ByPath(api), "Keyfold", env!("CARGO_PKG_VERSION"))
}

/// Operations described path by path. The generator describes type by type, and would list a path several times if its
/// operations are of several types.
#[derive(Debug)]
pub struct ByPath<T>(T);

impl<T: OpenApi> OpenApi for ByPath<T> {
    fn meta() -> Vec<MetaApi> {
        let mut paths: Vec<MetaPath> = Vec::new();
        for path in T::meta().into_iter().flat_map(|api| api.paths) {
            match paths.iter_mut().find(|known| known.path == path.path) {
                Some(known) => known.operations.extend(path.operations),
                None => paths.push(path),
            }
        }
        vec![MetaApi { paths }]
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn add_routes(self, routes: &mut HashMap<String, HashMap<Method, BoxEndpoint<'static>>>) {
        self.0.add_routes(routes);
    }
}
