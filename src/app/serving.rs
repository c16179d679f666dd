//! Serving HTTP: where, on which connections, until when.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use poem::{Endpoint, Response, Server};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::connections::Connections;
use crate::config::HttpConfig;
use crate::http;

/// How this part is called when it ends.
pub(super) const NAME: &str = "the HTTP server";

/// Where the server is reached and by whom.
#[derive(Debug, Clone)]
pub(super) struct Site {
    /// Where it listens.
    pub(super) address: SocketAddr,
    /// The public URL's origin.
    pub(super) origin: String,
    trusted_origins: Vec<String>,
    trusted_proxies: usize,
}

impl Site {
    /// The configured site; without a public URL, the address it listens on.
    pub(super) fn of(config: &HttpConfig, address: SocketAddr) -> Self {
        let configured = config.public_url.as_ref().map(|url| url.origin().ascii_serialization());
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

impl From<Site> for http::Site {
    fn from(site: Site) -> Self {
        let secure = site.origin.starts_with("https://");
        let Site { origin, trusted_origins, trusted_proxies, address: _ } = site;
        Self { origin, secure, trusted_origins, trusted_proxies }
    }
}

/// Serves until `stop` is sent or dropped, then finishes what is in flight.
pub(super) fn run(
    listener: TcpListener,
    endpoint: impl Endpoint<Output = Response> + 'static,
    stop: oneshot::Receiver<()>,
    patience: Duration,
) -> anyhow::Result<impl Future<Output = String> + Send + 'static> {
    let server = Server::new_with_acceptor(Connections::of(listener)?).name("keyfold");
    let stopped = async {
        let _ = stop.await;
    };
    Ok(async move {
        match server.run_with_graceful_shutdown(endpoint, stopped, Some(patience)).await {
            Ok(()) => NAME.to_owned(),
            Err(error) => format!("{NAME}: {error}"),
        }
    })
}
