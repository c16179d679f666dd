//! The HTTP edge: what every request goes through before and after its endpoint.
//!
//! A request passes `trace → headers → CORS → panics → errors → endpoint`; the endpoint's first argument is the
//! [`caller`], so nothing is parsed or looked up for somebody who may not ask. Statuses are decided in [`problem`] only.

pub mod allow;
pub mod caller;
pub mod cookie;
pub mod cors;
pub mod failure;
pub mod headers;
pub mod health;
pub mod json;
pub mod problem;
pub mod schema;
pub mod trace;
mod translate;

use std::sync::Arc;

use poem::endpoint::BoxEndpoint;
use poem::middleware::CatchPanic;
use poem::{Endpoint, EndpointExt, IntoEndpoint, Route};
use poem_openapi::OpenApiService;

use self::cors::Cors;
use self::headers::SecurityHeaders;
use self::health::{HealthApi, Readiness};
use self::problem::Problem;
use crate::accounts::Accounts;
use crate::auth::api::AuthApi;
use crate::clock::Clock;
use crate::eventlog::follower::Follower;
use crate::freshness::Freshness;
use crate::keys::Keys;
use crate::keys::api::KeysApi;
use crate::sessions::Sessions;
use crate::tasks::Tasks;
use crate::tasks::api::TasksApi;
use crate::web::explorer;

/// Everything the endpoints reach. Cheap to clone.
#[derive(Debug, Clone)]
pub struct State {
    /// Accounts.
    pub accounts: Accounts,
    /// Sessions.
    pub sessions: Sessions,
    /// Signing keys and access tokens.
    pub keys: Keys,
    /// Task lists.
    pub tasks: Tasks,
    /// Whether this node may answer from memory.
    pub follower: Follower,
    /// Whether what is in memory is still true.
    pub freshness: Freshness,
    /// Whether this node takes requests.
    pub readiness: Readiness,
    /// The time.
    pub clock: Clock,
    /// Where the server is reached and by whom.
    pub site: Arc<Site>,
}

/// Where the server is reached and by whom.
#[derive(Debug, Clone)]
pub struct Site {
    /// The public URL's origin: scheme, host, port.
    pub origin: String,
    /// Whether the public URL is https: cookies are then marked secure.
    pub secure: bool,
    /// Origins of other sites whose pages may call the API with credentials.
    pub trusted_origins: Vec<String>,
}

/// The parts of the API.
pub type Api = (AuthApi, TasksApi, KeysApi, HealthApi);

/// The API as a service, from which the OpenAPI document is made too.
pub fn service() -> OpenApiService<Api, ()> {
    let api = (AuthApi, TasksApi, KeysApi, HealthApi);
    OpenApiService::new(api, "Keyfold", env!("CARGO_PKG_VERSION"))
}

/// The whole application.
pub fn endpoint(state: State) -> BoxEndpoint<'static> {
    let cors = Cors::new(&state.site);
    let secure = state.site.secure;
    let routes = Route::new()
        .nest("/docs", explorer::routes())
        .at("/openapi.json", explorer::document())
        .nest("/", service().into_endpoint().around(explorer::front_door));
    let answered = routes
        .data(Arc::new(state))
        .with(CatchPanic::new().with_handler(|_| Problem::unexpected().to_response()))
        .into_endpoint()
        .map_to_response()
        .boxed();
    let complete = answered.around(complete).map_to_response().boxed();
    let guarded =
        complete.with(cors).with(SecurityHeaders { https: secure }).map_to_response().boxed();
    guarded.around(trace::request).map_to_response().boxed()
}

/// Gives every failure the one error body, whatever noticed it.
async fn complete(
    endpoint: Arc<BoxEndpoint<'static, poem::Response>>,
    request: poem::Request,
) -> poem::Result<poem::Response> {
    let path = request.uri().path().to_owned();
    let response = endpoint.get_response(request).await;
    Ok(Problem::complete(response, &path).await)
}
