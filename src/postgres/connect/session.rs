//! How every session is opened, whoever opens it. What it is told then stands in [`settings`](super::settings).
//!
//! What the user's connection string says wins over the defaults here.

use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, TargetSessionAttrs};

/// How a session announces itself in `pg_stat_activity`.
const APPLICATION_NAME: &str = "keyfold";
/// How long to wait for the TCP connection to one host, before the next one is tried.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long everything after that may take: TLS, authentication, the first answer.
const GREETING_TIMEOUT: Duration = Duration::from_secs(3);
/// After how long unacknowledged data ends a connection, so that a vanished primary is noticed.
const USER_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a connection may be silent before it is probed; a listening session is silent most of its life.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);
/// How far apart the probes are.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
/// How many lost probes end a connection.
const KEEPALIVE_RETRIES: u32 = 3;

/// Fills in what the connection string leaves open.
pub(super) fn prepare(config: &mut Config) {
    let untouched = Config::new();
    if config.get_application_name().is_none() {
        config.application_name(APPLICATION_NAME);
    }
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(CONNECT_TIMEOUT);
    }
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(USER_TIMEOUT);
    }
    if config.get_keepalives_idle() == untouched.get_keepalives_idle() {
        config.keepalives_idle(KEEPALIVE_IDLE);
    }
    if config.get_keepalives_interval().is_none() {
        config.keepalives_interval(KEEPALIVE_INTERVAL);
    }
    if config.get_keepalives_retries().is_none() {
        config.keepalives_retries(KEEPALIVE_RETRIES);
    }
    name_bare_addresses(config);
    insist_on_the_primary(config);
}

/// How long opening a session may take in all, so that the last of several hosts still gets its turn.
pub(super) fn open_timeout(config: &Config) -> Duration {
    let hosts = u32::try_from(config.get_hosts().len()).unwrap_or(u32::MAX);
    let each = config.get_connect_timeout().copied().unwrap_or(CONNECT_TIMEOUT);
    each.saturating_mul(hosts).saturating_add(GREETING_TIMEOUT)
}

/// Of several hosts, only the one that takes writes will do: after a fail-over the first may be a standby, and what a
/// standby says may be old.
fn insist_on_the_primary(config: &mut Config) {
    if config.get_hosts().len() > 1 && config.get_target_session_attrs() == TargetSessionAttrs::Any
    {
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
    }
}

/// Gives addresses that came without a host name (`hostaddr` alone) themselves as the name, which TLS asks for.
fn name_bare_addresses(config: &mut Config) {
    if config.get_hosts().is_empty() {
        for address in config.get_hostaddrs().to_vec() {
            config.host(address.to_string());
        }
    }
}

/// Whether all hosts are directories of Unix sockets, where TLS does not exist.
pub(super) fn is_local(config: &Config) -> bool {
    !config.get_hosts().is_empty()
        && config.get_hosts().iter().all(|host| matches!(host, Host::Unix(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prepared(text: &str) -> Config {
        let mut config = text.parse().unwrap();
        prepare(&mut config);
        config
    }

    #[test]
    fn what_the_user_set_is_kept() {
        let config = prepared("host=h application_name=mine connect_timeout=9 keepalives_idle=7");
        assert_eq!(config.get_application_name(), Some("mine"));
        assert_eq!(config.get_connect_timeout(), Some(&Duration::from_secs(9)));
        assert_eq!(config.get_keepalives_idle(), Duration::from_secs(7));
        assert_eq!(prepared("host=h").get_application_name(), Some("keyfold"));
    }

    #[test]
    fn every_host_gets_its_time() {
        assert_eq!(open_timeout(&prepared("host=a")), Duration::from_secs(5));
        assert_eq!(
            open_timeout(&prepared("host=a,b,c connect_timeout=4")),
            Duration::from_secs(15)
        );
    }

    #[test]
    fn a_bare_address_is_its_own_host_name() {
        let config = prepared("hostaddr=127.0.0.1");
        assert_eq!(config.get_hosts(), [Host::Tcp("127.0.0.1".into())]);
    }
}
