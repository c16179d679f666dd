//! Serves the metrics at an address that the public does not reach.

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::serving;
use super::serving::PublicSite;
use crate::http::exposition;
use crate::telemetry::settings::MetricsPlace;

/// Name of this part, reported when it ends.
const NAME: &str = "the metrics server";

/// Address of the metrics for Prometheus.
#[derive(Debug)]
pub(crate) struct Metrics {
    /// URL of the metrics; `None` if they are off.
    url: Option<String>,
    /// Listener of their own; `None` if they share the site's.
    own: Option<TcpListener>,
}

impl Metrics {
    /// Binds the metrics' own address, if they have one: another free port if theirs is taken. Otherwise they may be served
    /// with the site.
    pub(crate) async fn bind(place: MetricsPlace, site: &PublicSite) -> anyhow::Result<Self> {
        let path = exposition::PATH;
        let address = match place {
            MetricsPlace::Own(address) => address,
            MetricsPlace::Shared => {
                return Ok(Self { url: Some(format!("{}{path}", site.origin)), own: None });
            }
            MetricsPlace::Off => return Ok(Self { url: None, own: None }),
        };
        let own = listener(address).await.map_err(|error| {
            anyhow::anyhow!(
                "cannot show metrics on {address}: {error} (KEYFOLD_METRICS_LISTEN names another address, or off)"
            )
        })?;
        let url = format!("http://{}{path}", own.local_addr()?);
        Ok(Self { url: Some(url), own: Some(own) })
    }

    /// Begins to serve them, and returns their URL.
    pub(crate) fn show(self, parts: &mut JoinSet<String>) -> Option<String> {
        let Self { url, own } = self;
        if let Some(listener) = own {
            parts.spawn(serve(listener));
        }
        url
    }
}

/// Binds an address, or a free port beside it: a taken port for metrics must not keep the server from starting.
async fn listener(address: SocketAddr) -> io::Result<TcpListener> {
    match TcpListener::bind(address).await {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            let free = TcpListener::bind((address.ip(), 0)).await?;
            tracing::warn!(
                taken = %address,
                address = %free.local_addr()?,
                "address of the metrics is in use; serving them on another port (KEYFOLD_METRICS_LISTEN)"
            );
            Ok(free)
        }
        bound => bound,
    }
}

/// Serves the metrics for as long as the process runs.
async fn serve(listener: TcpListener) -> String {
    match serving::serve(listener, exposition::endpoint()).await {
        Ok(()) => NAME.to_owned(),
        Err(error) => format!("{NAME}: {error}"),
    }
}
