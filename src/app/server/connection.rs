//! One connection of either version of HTTP, with the limits of both.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use poem::http::header::CONNECTION;
use poem::http::uri::Scheme;
use poem::http::{HeaderValue, Version};
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Endpoint, Request, Response};
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::answer::ResponseBody;
use super::connections::ConnectionPermit;
use super::socket::Socket;
use super::traffic::Traffic;
use crate::api::readiness::Readiness;
use crate::http::limits::TimeLimits;
use crate::http::response::problem::Problem;
use crate::http::response::response_lease::ResponseLease;

/// Largest head of a request; in HTTP/2, largest header list.
const MAX_HEAD: usize = 16 * 1024;
/// Most concurrent requests on an HTTP/2 connection, as announced in its settings.
const MAX_STREAMS: u32 = 128;
/// Streams reset by the client and not yet seen by the server, beyond which the connection is closed.
const MAX_RESETS: usize = 20;
/// Bytes of bodies that an HTTP/2 client may send before they are read: per stream, then per connection.
const STREAM_WINDOW: u32 = 32 * 1024;
const CONNECTION_WINDOW: u32 = 64 * 1024;
/// Interval of pings to an HTTP/2 client, and timeout of their answers.
const PING: Duration = Duration::from_secs(20);

/// Settings with which connections are served, shared by all of them.
pub(super) struct ConnectionSettings {
    /// Hyper's settings for both versions.
    builder: Builder<TokioExecutor>,
    /// Timeouts that each connection's [`Traffic`] watches.
    limits: TimeLimits,
    /// Closed once the server is about to stop; answers then end their HTTP/1 connections.
    readiness: Option<Readiness>,
}

impl ConnectionSettings {
    /// Settings with these timeouts, for a server that may be about to stop.
    pub(super) fn new(limits: TimeLimits, readiness: Option<Readiness>) -> Self {
        let mut builder = Builder::new(TokioExecutor::new());
        builder.http1().max_buf_size(MAX_HEAD);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(MAX_STREAMS)
            .max_header_list_size(u32::try_from(MAX_HEAD).unwrap_or(u32::MAX))
            .max_pending_accept_reset_streams(MAX_RESETS)
            .max_local_error_reset_streams(MAX_RESETS)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_send_buf_size(MAX_HEAD)
            .keep_alive_interval(PING)
            .keep_alive_timeout(PING);
        Self { builder, limits, readiness }
    }

    /// True if a connection of this version must have no further request: a client that kept it open would send the next
    /// one into the end of the server (RFC 9112, section 9.6). HTTP/2 has a frame of its own for that.
    fn is_over(&self, version: Version) -> bool {
        version <= Version::HTTP_11 && self.readiness.as_ref().is_some_and(Readiness::is_closed)
    }
}

/// A connection that holds a permit.
#[derive(Debug)]
pub(super) struct Accepted {
    /// Socket of the client.
    pub(super) stream: TcpStream,
    /// Address of the client, or of a proxy.
    pub(super) peer: SocketAddr,
    /// Address on which the server accepted it.
    pub(super) local: SocketAddr,
    /// Permit and lease, held until the connection ends.
    pub(super) place: ConnectionPermit,
}

/// Serves a connection until its client closes it, a limit is reached, or the server stops: then requests in flight are
/// finished.
pub(super) async fn serve<E: Endpoint<Output = Response> + 'static>(
    protocol: Arc<ConnectionSettings>,
    endpoint: Arc<E>,
    accepted: Accepted,
    mut stop: watch::Receiver<()>,
) {
    let Accepted { stream, peer, local, place } = accepted;
    let traffic = Traffic::new(protocol.limits);
    // A socket that the system has closed already has no client to answer.
    let Ok(socket) = Socket::new(stream, Arc::clone(&traffic)) else { return };
    let (local, remote) = (LocalAddr(local.into()), RemoteAddr(peer.into()));
    let place = Mutex::new(place);
    let service = service_fn(|request: hyper::Request<Incoming>| {
        let version = request.version();
        let is_multiplexed = version == Version::HTTP_2;
        let is_refused = is_multiplexed && multiplex(&place);
        let in_flight = traffic.request(is_multiplexed);
        let request = Request::from((request, local.clone(), remote.clone(), Scheme::HTTP));
        let (endpoint, protocol) = (Arc::clone(&endpoint), Arc::clone(&protocol));
        // Boxed: a connection would reserve room for one of these even without a request.
        Box::pin(async move {
            let mut response = if is_refused {
                Problem::overloaded().to_response()
            } else {
                endpoint.get_response(request).await
            };
            if protocol.is_over(version) {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                // To a client of HTTP/1.0 hyper would add that the connection is kept alive.
                response.set_version(version);
            }
            let held = response.extensions_mut().remove::<ResponseLease>();
            let (parts, body) = hyper::Response::from(response).into_parts();
            let answer = ResponseBody::new(body, in_flight, held);
            Ok::<_, Infallible>(hyper::Response::from_parts(parts, answer))
        })
    });
    let connection = protocol.builder.serve_connection(TokioIo::new(socket), service);
    let mut connection = pin!(connection);
    tokio::select! {
        biased;
        // Errors of a connection concern only its client, which notices them.
        _ = &mut connection => return,
        () = traffic.overdue() => return,
        _ = stop.changed() => {}
    }
    // A client that connected a moment ago is about to send a request, which would be lost with the connection.
    tokio::select! {
        biased;
        _ = &mut connection => return,
        () = traffic.overdue() => return,
        () = traffic.asked() => {}
    }
    connection.as_mut().graceful_shutdown();
    tokio::select! {
        biased;
        _ = &mut connection => {}
        () = traffic.overdue() => {}
        () = traffic.finished() => {}
    }
}

/// Leases the memory for many streams, once; returns true if the request must be refused for lack of it.
fn multiplex(place: &Mutex<ConnectionPermit>) -> bool {
    place.lock().unwrap_or_else(PoisonError::into_inner).multiplex().is_err()
}

impl std::fmt::Debug for ConnectionSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConnectionSettings").field("limits", &self.limits).finish_non_exhaustive()
    }
}
