//! The edge, through which every request goes on its way to an endpoint and back.
//!
//! The order is trace, security headers, CORS, room for the answer, the one error body, room for the request, panics.
//! Every answer passes through here, whatever part noticed a failure or panicked.
//!
//! # Design
//!
//! This is one endpoint, and the request goes through it once: its properties are read first, then it moves into the boxed
//! future of its endpoint, and only that small box passes the layers. As middleware that takes a request and hands it on,
//! every layer made a future that holds the request and the future of the next layer; moving those about took more
//! instructions than all the rest of a warm read.

pub mod admission;
pub(super) mod client_address;
pub mod cors;
pub(super) mod framework_errors;
pub(super) mod metrics;
pub(super) mod pause;
pub mod security_headers;
pub mod trace;

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::{self, BoxFuture};
use poem::endpoint::DynEndpoint;
use poem::http::Uri;
use poem::{Endpoint, Request, Response, Result};

use self::admission::Requester;
use self::cors::{Cors, Readers};
use self::security_headers::SecurityHeaders;
use self::trace::{Operation, RequestContext};
use super::request::host;
use super::request::intake::Intake;
use super::response::problem::Problem;
use super::response::{compressed, event_source, response_lease};
use super::server::Server;
use crate::capacity::budget::{Exhausted, Holder};

/// Look-ups in the API behind the edge.
#[derive(Debug, Clone, Copy)]
pub struct Operations {
    /// Operation that a request asks for, if it is one of the API's.
    pub of: fn(&Request) -> Option<Operation>,
    /// Methods of a path, as `Allow` lists them.
    pub methods: fn(&str) -> String,
}

/// Gives a request the handles that its endpoint reaches.
pub type Attach = Box<dyn Fn(&mut Request) + Send + Sync>;

/// The edge in front of an endpoint.
pub struct Edge<E> {
    /// Endpoint behind the edge: all routes.
    inner: E,
    /// Look-ups that name a request's operation, for traces and `Allow`.
    operations: Operations,
    /// Site, budgets and timeouts that every request needs.
    server: Server,
    /// Puts the application's handles into a request, so that the toolkit need not know them.
    attach: Attach,
    /// Rule of cross-origin requests.
    cors: Cors,
    /// Security headers of every answer, built once.
    headers: SecurityHeaders,
}

/// Properties of a request that its answer needs on the way out.
struct RequestTraits {
    /// Path, for the methods that a `405` lists.
    uri: Uri,
    /// Origins that may read the answer.
    readers: Option<Readers>,
    /// True if the answer may be compressed: the client takes gzip, and the path holds no secrets.
    is_gzip_wanted: bool,
    /// True for an `EventSource`, which gives up on any failure and gets a stream instead.
    is_event_source: bool,
}

impl<E: DynEndpoint<Output = Response>> Edge<E> {
    /// Puts the edge in front of `inner`; `attach` gives requests the handles that endpoints reach.
    pub fn new(inner: E, operations: Operations, server: Server, attach: Attach) -> Self {
        metrics::observe(server.site.scheme());
        let cors = Cors::new(&server.site);
        let headers = SecurityHeaders::new(server.site.secure);
        Self { inner, operations, server, attach, cors, headers }
    }

    /// Calls the endpoint; a preflight is answered here.
    fn answer(
        &self,
        mut request: Request,
        readers: Option<&Readers>,
        asker: Requester,
    ) -> BoxFuture<'_, Result<Response>> {
        if let Err(problem) = host::require(&request) {
            return future::ready(Err(problem.into())).boxed();
        }
        match readers {
            Some(readers) if readers.ask_first() => future::ready(Ok(readers.allowance())).boxed(),
            Some(_) | None => {
                (self.attach)(&mut request);
                // A request that only reads has no body that counts.
                if !asker.only_reads {
                    request.set_data(Arc::new(Intake::new(asker.client, &self.server)));
                }
                self.inner.call(request)
            }
        }
    }

    /// Awaits the endpoint and completes the answer. Every failure gets the one error body.
    async fn complete(
        &self,
        answer: BoxFuture<'_, Result<Response>>,
        asker: Requester,
        RequestTraits { uri, readers, is_gzip_wanted, is_event_source }: RequestTraits,
    ) -> Response {
        let budgets = &self.server.budgets;
        let answer = AssertUnwindSafe(answer).catch_unwind();
        let mut response = match admission::answered(&budgets.requests, asker, answer).await {
            Ok(Ok(Ok(response))) => response,
            Ok(Ok(Err(error))) => pause::answered(error).await,
            Ok(Err(_panic)) => Problem::unexpected().to_response(),
            Err(Exhausted::Limit | Exhausted::Share) => {
                pause::answered(Problem::overloaded().into()).await
            }
        };
        if is_event_source {
            response = event_source::understood(response);
        }
        if framework_errors::is_bare(&response) {
            let methods = || (self.operations.methods)(uri.path());
            // Boxed: most answers have no need of it.
            response = Box::pin(framework_errors::complete(response, methods)).await;
        }
        if is_gzip_wanted {
            // Boxed: most answers of a busy API have no need of it either.
            response = Box::pin(compressed::compressed(response)).await;
        }
        response = response_lease::leased(response, &budgets.answers, asker);
        self.cors.finish(&mut response, readers);
        self.headers.put_on(&mut response);
        response
    }
}

impl<E: DynEndpoint<Output = Response>> Endpoint for Edge<E> {
    type Output = Response;

    fn call(&self, request: Request) -> impl Future<Output = Result<Response>> + Send {
        let (operation, site) = ((self.operations.of)(&request), &self.server.site);
        let address = client_address::of(&request, site.trusted_proxies);
        let context = RequestContext::of(&request, operation, address, site.scheme());
        let (uri, readers) = (request.uri().clone(), self.cors.readers_of(&request));
        let client = address.map_or(Holder::Node, Holder::client);
        let asker = Requester { client, only_reads: request.method().is_safe() };
        let is_gzip_wanted = compressed::is_wanted(&request);
        let is_event_source = event_source::asks(&request);
        let known = RequestTraits { uri, readers, is_gzip_wanted, is_event_source };
        let answer = self.answer(request, known.readers.as_ref(), asker);
        context.serve(self.complete(answer, asker, known)).map(Ok)
    }
}

impl<E> std::fmt::Debug for Edge<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Edge").field("cors", &self.cors).finish_non_exhaustive()
    }
}
