//! Routes: the API, the explorer, the pages, and the metrics if they have no address of their own.

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::{self, BoxFuture};
use poem::endpoint::{BoxEndpoint, DynEndpoint};
use poem::{Endpoint, EndpointExt, IntoEndpoint, Request, Response, Result};

use crate::api;
use crate::api::auth::session_cache::SessionCache;
use crate::api::paths;
use crate::api::service::service;
use crate::api::state::State;
use crate::api::warm_read::WarmRead;
use crate::http::edge::trace::Operation;
use crate::http::edge::{Attach, Edge, Operations};
use crate::http::exposition;
use crate::web::{explorer, page, page_map, pages};

/// Builds the whole application, with the metrics in it if they have no address of their own.
pub fn endpoint(state: State, shows_metrics: bool) -> impl Endpoint<Output = Response> + 'static {
    let operations = Operations { of: operation, methods };
    let server = state.server.clone();
    let cache = SessionCache::new(server.budgets.plan.session_answers);
    let api = service(cache.clone()).into_endpoint();
    let places = Routes { cache, api, explorer: explorer::routes().boxed(), shows_metrics };
    Edge::new(places, operations, server, attached(state))
}

/// Attaches the endpoints' state to each request, and the gate that authenticates the caller.
fn attached(state: State) -> Attach {
    let (gate, state) = (Arc::clone(&state.gate), Arc::new(state));
    Box::new(move |request| {
        request.set_data(Arc::clone(&gate));
        request.set_data(Arc::clone(&state));
    })
}

/// Operation that a request asks for, of the API or of a page.
fn operation(request: &Request) -> Option<Operation> {
    paths::operation(request).or_else(|| page_map::operation(request))
}

/// Methods of a path, as `Allow` lists them.
fn methods(path: &str) -> String {
    page_map::methods(path).map_or_else(|| paths::methods(path), str::to_owned)
}

/// Endpoints behind the edge. Every path that is no page belongs to the API, which answers 404 by itself; a browser that
/// looks for a page gets that answer as a page.
struct Routes {
    /// Answers to reads of a session, shared with the API's own endpoint.
    cache: SessionCache,
    /// The API as poem routes it.
    api: BoxEndpoint<'static>,
    /// The API explorer and its assets.
    explorer: BoxEndpoint<'static>,
    /// True if `/metrics` is served here instead of at an address of its own.
    shows_metrics: bool,
}

impl DynEndpoint for Routes {
    type Output = Response;

    fn call(&self, request: Request) -> BoxFuture<'_, Result<Response>> {
        let path = request.uri().path();
        // Most requests are the API's: these are not looked up among the pages.
        if path.starts_with("/api/") {
            match WarmRead::of(&request) {
                Some(read) => read.answer(&self.cache, request),
                None => api::answer(&self.api, request).boxed(),
            }
        } else if self.shows_metrics && path == exposition::PATH {
            future::ready(Ok(exposition::answer(&request))).boxed()
        } else if explorer::is_page(path) {
            DynEndpoint::call(&*self.explorer, request)
        } else if page_map::is_page(path) || (!paths::has(path) && page::is_wanted(&request)) {
            pages::answer(request).map(Ok).boxed()
        } else {
            api::answer(&self.api, request).boxed()
        }
    }
}
