//! Serving the metrics, where the public does not come.

use std::net::SocketAddr;

use poem::Server;
use poem::listener::TcpAcceptor;
use tokio::net::TcpListener;

use crate::config::MetricsPlace;
use crate::http::exposition;

/// How this part is called when it ends.
const NAME: &str = "the metrics server";

/// A listener for Prometheus.
#[derive(Debug)]
pub(super) struct MetricsServer {
    /// Where it listens.
    pub(super) address: SocketAddr,
    listener: TcpListener,
}

impl MetricsServer {
    /// Takes the address, if there is to be one.
    pub(super) async fn bind(place: MetricsPlace) -> anyhow::Result<Option<Self>> {
        let MetricsPlace::Own(address) = place else { return Ok(None) };
        let listener = TcpListener::bind(address).await.map_err(|error| {
            anyhow::anyhow!(
                "cannot show metrics on {address}: {error} (KEYFOLD_METRICS_LISTEN names another address, or off)"
            )
        })?;
        Ok(Some(Self { address: listener.local_addr()?, listener }))
    }

    /// Serves them for as long as the process runs.
    pub(super) async fn run(self) -> String {
        let acceptor = match TcpAcceptor::from_tokio(self.listener) {
            Ok(acceptor) => acceptor,
            Err(error) => return format!("{NAME}: {error}"),
        };
        match Server::new_with_acceptor(acceptor).run(exposition::endpoint()).await {
            Ok(()) => NAME.to_owned(),
            Err(error) => format!("{NAME}: {error}"),
        }
    }
}
