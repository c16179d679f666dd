//! HTTP server: its site, its connections, and its graceful stop.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use poem::{Endpoint, Response};
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;

use super::connection;
use super::connection::{Accepted, ConnectionSettings};
use super::connections;
use super::connections::Connections;
use super::descriptors;
use crate::api::readiness::Readiness;
use crate::capacity::memory::MemoryPlan;
use crate::config::{Config, HttpConfig};
use crate::http;
use crate::http::limits::TimeLimits;

/// Name of this part, reported when it ends.
pub(crate) const NAME: &str = "the HTTP server";

/// Most connections of trusted clients.
const FEW: usize = 256;
/// Database sessions beside those of the pools: the lock, the follower, the appender and their successors.
const DATABASE_SESSIONS: u64 = 16;

/// Addresses of the server, and the peers it trusts.
#[derive(Debug, Clone)]
pub(crate) struct PublicSite {
    /// Address on which it listens.
    pub(crate) address: SocketAddr,
    /// Origin of the public URL.
    pub(crate) origin: String,
    /// Origins that CORS admits beside its own.
    trusted_origins: Vec<String>,
    /// Proxies in front, by which a client's address is found in `X-Forwarded-For`.
    trusted_proxies: usize,
}

impl PublicSite {
    /// The configured site; without a public URL, its origin is the address it listens on.
    pub(crate) fn of(config: &HttpConfig, address: SocketAddr) -> Self {
        let configured = config.public_url.as_ref().map(|url| url.origin().ascii_serialization());
        if configured.is_none() && address.ip().is_unspecified() {
            tracing::warn!(
                issuer = %format_args!("http://{address}"),
                "KEYFOLD_PUBLIC_URL is not set: access tokens name an issuer that no client can reach"
            );
        }
        Self {
            address,
            origin: configured.unwrap_or_else(|| format!("http://{address}")),
            trusted_origins: config
                .cors_origins
                .iter()
                .map(|origin| origin.as_str().to_owned())
                .collect(),
            trusted_proxies: config.trusted_proxies,
        }
    }
}

impl From<PublicSite> for http::site::Site {
    fn from(site: PublicSite) -> Self {
        let secure = site.origin.starts_with("https://");
        let PublicSite { origin, trusted_origins, trusted_proxies, address: _ } = site;
        Self { origin, secure, trusted_origins, trusted_proxies }
    }
}

/// Limits a listener's connections by memory and descriptors.
fn connections(listener: TcpListener, config: &Config, plan: &MemoryPlan) -> Connections {
    let database = config.database.pool_size as u64 * 2 + DATABASE_SESSIONS;
    let opened = descriptors::open();
    let descriptors = descriptors::left(descriptors::raise(), opened, database);
    let limit = (plan.connections / connections::BYTES).min(connections::MOST).min(descriptors);
    tracing::info!(limit, descriptors, "connection limit set");
    Connections::of(listener, limit, config.http.trusted_proxies == 0)
}

/// Serves trusted clients until the process ends: collectors of metrics, and measurements.
///
/// # Errors
///
/// Fails if the listener cannot be asked for its address.
pub async fn serve(
    listener: TcpListener,
    endpoint: impl Endpoint<Output = Response> + 'static,
) -> io::Result<()> {
    let (address, limits) = (listener.local_addr()?, TimeLimits::default());
    let connections = Connections::few(listener, FEW);
    // Held until the process ends: dropping the sender would stop the server.
    let (_serves, stop) = oneshot::channel();
    HttpServer { connections, address, limits, readiness: None }
        .run(endpoint, stop, Duration::ZERO)
        .await;
    Ok(())
}

/// An HTTP server that is ready to run.
#[derive(Debug)]
pub(crate) struct HttpServer {
    /// Source of connections, within their limits.
    pub(super) connections: Connections,
    /// Address on which it listens.
    pub(super) address: SocketAddr,
    /// Timeouts within which clients must send and read.
    pub(super) limits: TimeLimits,
    /// Closed once the server is about to stop; `None` if it never is.
    pub(super) readiness: Option<Readiness>,
}

impl HttpServer {
    /// Makes the server of a site, with as many connections as memory and descriptors allow.
    pub(crate) fn of(
        listener: TcpListener,
        (config, plan): (&Config, &MemoryPlan),
        limits: TimeLimits,
        readiness: Readiness,
    ) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let (connections, readiness) = (connections(listener, config, plan), Some(readiness));
        Ok(Self { connections, address, limits, readiness })
    }

    /// Serves until `stop` is sent or dropped, then finishes requests in flight, for at most `patience`.
    pub(crate) async fn run(
        self,
        endpoint: impl Endpoint<Output = Response> + 'static,
        mut stop: oneshot::Receiver<()>,
        patience: Duration,
    ) {
        let Self { mut connections, address: local, limits, readiness } = self;
        let (protocol, endpoint) =
            (Arc::new(ConnectionSettings::new(limits, readiness)), Arc::new(endpoint));
        let (stopping, stopped) = watch::channel(());
        let mut open = JoinSet::new();
        loop {
            tokio::select! {
                (stream, peer, place) = connections.next() => {
                    let accepted = Accepted { stream, peer, local, place };
                    let (protocol, endpoint) = (Arc::clone(&protocol), Arc::clone(&endpoint));
                    open.spawn(connection::serve(protocol, endpoint, accepted, stopped.clone()));
                }
                Some(_) = open.join_next() => {}
                _ = &mut stop => break,
            }
        }
        for (stream, peer, place) in connections.close() {
            let accepted = Accepted { stream, peer, local, place };
            let (protocol, endpoint) = (Arc::clone(&protocol), Arc::clone(&endpoint));
            open.spawn(connection::serve(protocol, endpoint, accepted, stopped.clone()));
        }
        // Fails only if there is no connection to tell.
        let _ = stopping.send(());
        let all = async { while open.join_next().await.is_some() {} };
        if tokio::time::timeout(patience, all).await.is_err() {
            open.shutdown().await;
        }
    }
}
