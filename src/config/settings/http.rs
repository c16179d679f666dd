//! Addresses of the server, and its peers.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use url::Url;

use crate::config::read::error::InvalidValue;
use crate::config::read::origin;
use crate::config::read::origin::Origin;
use crate::config::read::parse::{duration, number, quoted, server_url};
use crate::config::read::reader::Reader;
use crate::config::variables::{
    CORS_ORIGINS, LISTEN, PUBLIC_URL, SHUTDOWN_TIMEOUT, STOP_DELAY, TRUSTED_PROXIES,
};

/// A larger number is a typing mistake.
const MOST_PROXIES: usize = 10;
const LONGEST_SHUTDOWN: Duration = Duration::from_mins(10);

/// Addresses of the server, its peers, and the timeouts of its stop.
#[derive(Clone, Debug)]
pub struct HttpConfig {
    /// Address to listen on; port 0 takes any free port.
    pub listen: SocketAddr,
    /// URL under which clients reach the server; `None` means `http://` and the address it listens on.
    pub public_url: Option<Url>,
    /// Origins whose pages may call the API with credentials.
    pub cors_origins: Vec<Origin>,
    /// Reverse proxies in front, each of which appends the address it was called from to `X-Forwarded-For`.
    pub trusted_proxies: usize,
    /// Time for which a stopping server still takes requests, with readiness off, so that load balancers notice before the
    /// address is gone.
    pub stop_delay: Duration,
    /// Timeout of requests in flight once the server has been asked to stop.
    pub shutdown_timeout: Duration,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8000)),
            public_url: None,
            cors_origins: Vec::new(),
            trusted_proxies: 0,
            stop_delay: Duration::ZERO,
            shutdown_timeout: Duration::from_secs(30),
        }
    }
}

impl HttpConfig {
    pub(crate) fn read(reader: &mut Reader<'_>) -> Self {
        let default = Self::default();
        let delay = duration(Duration::ZERO..=LONGEST_SHUTDOWN);
        let shutdown = duration(Duration::from_secs(1)..=LONGEST_SHUTDOWN);
        Self {
            listen: reader.read(&LISTEN, parse_address).unwrap_or(default.listen),
            public_url: reader.read(&PUBLIC_URL, parse_public_url),
            cors_origins: reader
                .read_unless_empty(&CORS_ORIGINS, origin::parse_list)
                .unwrap_or(default.cors_origins),
            trusted_proxies: reader
                .read(&TRUSTED_PROXIES, number(0..=MOST_PROXIES))
                .unwrap_or(default.trusted_proxies),
            stop_delay: reader.read(&STOP_DELAY, delay).unwrap_or(default.stop_delay),
            shutdown_timeout: reader
                .read(&SHUTDOWN_TIMEOUT, shutdown)
                .unwrap_or(default.shutdown_timeout),
        }
    }
}

fn parse_address(value: &str) -> Result<SocketAddr, InvalidValue> {
    value.trim().parse().map_err(|_| {
        let expected = "an IP address and a port, such as 127.0.0.1:8000, 0.0.0.0:80 or [::]:8000";
        InvalidValue::new(format!("is {}", quoted(value)), expected)
    })
}

fn parse_public_url(value: &str) -> Result<Url, InvalidValue> {
    server_url(value, &["http", "https"]).map_err(|wrong| {
        InvalidValue::new(
            wrong,
            "http or https, a host and perhaps a port, such as https://id.example.com",
        )
    })
}
