//! Where everything is reached, and what every request goes through on its way.

use std::sync::Arc;

use poem::endpoint::BoxEndpoint;
use poem::middleware::CatchPanic;
use poem::{Endpoint, EndpointExt, IntoEndpoint, Route};

use crate::api;
use crate::http::State;
use crate::http::cors::Cors;
use crate::http::headers::SecurityHeaders;
use crate::http::problem::Problem;
use crate::http::trace;
use crate::web::explorer;

/// The whole application.
pub fn endpoint(state: State) -> BoxEndpoint<'static> {
    let cors = Cors::new(&state.site);
    let secure = state.site.secure;
    let routes = Route::new()
        .nest("/docs", explorer::routes())
        .at("/openapi.json", explorer::document())
        .nest("/", api::service().into_endpoint().around(explorer::front_door));
    let answered = routes
        .data(Arc::new(state))
        .with(CatchPanic::new().with_handler(|_| Problem::unexpected().to_response()))
        .into_endpoint()
        .map_to_response()
        .boxed();
    let complete = answered.around(complete).map_to_response().boxed();
    let guarded =
        complete.with(cors).with(SecurityHeaders { https: secure }).map_to_response().boxed();
    guarded.around(traced).map_to_response().boxed()
}

/// Serves a request within a span that names its operation.
async fn traced(
    endpoint: Arc<BoxEndpoint<'static, poem::Response>>,
    request: poem::Request,
) -> poem::Result<poem::Response> {
    let operation = api::operation(&request);
    trace::request(endpoint, request, operation).await
}

/// Gives every failure the one error body, whatever noticed it.
async fn complete(
    endpoint: Arc<BoxEndpoint<'static, poem::Response>>,
    request: poem::Request,
) -> poem::Result<poem::Response> {
    let uri = request.uri().clone();
    let response = endpoint.get_response(request).await;
    Ok(Problem::complete(response, || api::methods(uri.path())).await)
}
