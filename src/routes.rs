//! Where everything is reached: the API, and the pages beside it.

use futures_util::future::BoxFuture;
use poem::endpoint::{BoxEndpoint, DynEndpoint};
use poem::{Endpoint, EndpointExt, IntoEndpoint, Request, Response, Result};

use crate::api;
use crate::http::State;
use crate::http::edge::{Edge, Operations};
use crate::web::explorer;

/// The whole application.
pub fn endpoint(state: State) -> impl Endpoint<Output = Response> + 'static {
    let operations = Operations { of: api::operation, methods: api::methods };
    let places = Places { api: api::service().into_endpoint(), pages: explorer::routes().boxed() };
    Edge::new(places, operations, state)
}

/// What is behind the edge. Whatever is no page is the API's, which says so when there is nothing.
struct Places {
    api: BoxEndpoint<'static>,
    pages: BoxEndpoint<'static>,
}

impl DynEndpoint for Places {
    type Output = Response;

    fn call(&self, request: Request) -> BoxFuture<'_, Result<Response>> {
        let is_page = explorer::is_page(request.uri().path());
        let place = if is_page { &self.pages } else { &self.api };
        DynEndpoint::call(&**place, request)
    }
}
