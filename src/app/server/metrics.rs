//! Serving the metrics, where the public does not come.

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::serving;
use super::serving::Site;
use crate::http::exposition;
use crate::telemetry::settings::MetricsPlace;

/// How this part is called when it ends.
const NAME: &str = "the metrics server";

/// Where Prometheus reads the metrics.
#[derive(Debug)]
pub(crate) struct Metrics {
    /// Its URL, if it is anywhere.
    url: Option<String>,
    /// The listener, if they have a place of their own.
    own: Option<TcpListener>,
}

impl Metrics {
    /// Takes their address, if they are to have one of their own: a free port of it if theirs is taken. Otherwise they may be
    /// beside everything else of a site.
    pub(crate) async fn bind(place: MetricsPlace, site: &Site) -> anyhow::Result<Self> {
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

    /// Shows them from now on; returns where.
    pub(crate) fn show(self, parts: &mut JoinSet<String>) -> Option<String> {
        let Self { url, own } = self;
        if let Some(listener) = own {
            parts.spawn(serve(listener));
        }
        url
    }
}

/// Nobody is turned away because the metrics' port is taken.
async fn listener(address: SocketAddr) -> io::Result<TcpListener> {
    match TcpListener::bind(address).await {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            let free = TcpListener::bind((address.ip(), 0)).await?;
            tracing::warn!(
                taken = %address,
                address = %free.local_addr()?,
                "the metrics' address is taken: they are shown at another port (KEYFOLD_METRICS_LISTEN)"
            );
            Ok(free)
        }
        bound => bound,
    }
}

/// Serves them for as long as the process runs.
async fn serve(listener: TcpListener) -> String {
    match serving::serve(listener, exposition::endpoint()).await {
        Ok(()) => NAME.to_owned(),
        Err(error) => format!("{NAME}: {error}"),
    }
}
