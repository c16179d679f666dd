//! Connects to the one of several hosts that takes writes, even if another host is silent.
//!
//! A host whose machine answers but whose PostgreSQL hangs accepts a connection and is silent on it. A client that waited
//! for such a host would never ask the next one, which may be the primary by now. So the next host is tried in parallel once
//! the previous one has been silent for [`PATIENCE`], and the first that accepts the session is taken.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, LoadBalanceHosts};

/// Silence of a host after which the next one is tried in parallel.
const PATIENCE: Duration = Duration::from_millis(500);

/// Returns one configuration per host, in the order in which they are tried.
pub(super) fn each(config: &Config) -> Vec<Config> {
    let (hosts, addresses, ports) =
        (config.get_hosts(), config.get_hostaddrs(), config.get_ports());
    // The driver itself picks hosts at random, and reports mismatched lists better than this function could.
    let drawn = config.get_load_balance_hosts() == LoadBalanceHosts::Random;
    let fits = (addresses.is_empty() || addresses.len() == hosts.len())
        && (ports.len() <= 1 || ports.len() == hosts.len());
    if hosts.len() < 2 || drawn || !fits {
        return vec![config.clone()];
    }
    let alone = |(place, host): (usize, &Host)| {
        let mut alone = without_hosts(config);
        match host {
            Host::Tcp(name) => alone.host(name),
            Host::Unix(directory) => alone.host_path(directory),
        };
        if let Some(address) = addresses.get(place) {
            alone.hostaddr(*address);
        }
        if let Some(port) = ports.get(place).or_else(|| ports.first()) {
            alone.port(*port);
        }
        alone
    };
    hosts.iter().enumerate().map(alone).collect()
}

/// Copies everything but the addresses of the server.
fn without_hosts(config: &Config) -> Config {
    let mut copy = Config::new();
    if let Some(user) = config.get_user() {
        copy.user(user);
    }
    if let Some(password) = config.get_password() {
        copy.password(password);
    }
    if let Some(database) = config.get_dbname() {
        copy.dbname(database);
    }
    if let Some(options) = config.get_options() {
        copy.options(options);
    }
    if let Some(name) = config.get_application_name() {
        copy.application_name(name);
    }
    if let Some(timeout) = config.get_connect_timeout() {
        copy.connect_timeout(*timeout);
    }
    if let Some(timeout) = config.get_tcp_user_timeout() {
        copy.tcp_user_timeout(*timeout);
    }
    if let Some(interval) = config.get_keepalives_interval() {
        copy.keepalives_interval(interval);
    }
    if let Some(retries) = config.get_keepalives_retries() {
        copy.keepalives_retries(retries);
    }
    copy.keepalives(config.get_keepalives())
        .keepalives_idle(config.get_keepalives_idle())
        .ssl_mode(config.get_ssl_mode())
        .ssl_negotiation(config.get_ssl_negotiation())
        .target_session_attrs(config.get_target_session_attrs())
        .channel_binding(config.get_channel_binding());
    copy
}

/// Returns the first success. Each attempt begins when the previous one has failed or has been silent for [`PATIENCE`].
///
/// # Errors
///
/// Error of the last attempt to fail, if all did.
pub(super) async fn first<T, E, F: Future<Output = Result<T, E>>>(
    attempts: impl IntoIterator<Item = F>,
) -> Option<Result<T, E>> {
    let mut waiting = attempts.into_iter().peekable();
    let mut running = FuturesUnordered::new();
    let mut failure = None;
    loop {
        running.extend(waiting.next());
        let ended = if waiting.peek().is_some() {
            tokio::time::timeout(PATIENCE, running.next()).await
        } else {
            Ok(running.next().await)
        };
        match ended {
            Ok(Some(Ok(success))) => return Some(Ok(success)),
            Ok(Some(Err(error))) => failure = Some(Err(error)),
            Ok(None) if waiting.peek().is_none() => return failure,
            Ok(None) | Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_host_keeps_its_port_and_everything_else() {
        let text = "host=a,/run/b port=1,2 user=ada password=secret dbname=d connect_timeout=7 options=-cx=y \
                    application_name=n target_session_attrs=read-write keepalives_idle=5 sslmode=require";
        let alone: Vec<_> = each(&text.parse().unwrap());
        let expected = [
            text.replace("host=a,/run/b port=1,2", "host=a port=1"),
            text.replace("host=a,/run/b port=1,2", "host=/run/b port=2"),
        ];
        assert_eq!(alone, expected.map(|text| text.parse().unwrap()));
    }

    #[test]
    fn one_host_is_left_alone() {
        let config: Config = "host=a user=ada".parse().unwrap();
        assert_eq!(each(&config), [config]);
    }

    #[tokio::test]
    async fn a_silent_host_does_not_keep_from_the_next() {
        let attempt = |host: &'static str| async move {
            match host {
                "silent" => std::future::pending().await,
                "standby" => Err("takes no writes"),
                other => Ok(other),
            }
        };
        assert_eq!(first(["silent", "primary"].map(attempt)).await, Some(Ok("primary")));
        assert_eq!(first(["standby", "primary"].map(attempt)).await, Some(Ok("primary")));
        assert_eq!(first(["standby", "standby"].map(attempt)).await, Some(Err("takes no writes")));
    }
}
