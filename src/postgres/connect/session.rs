//! Timeouts, keep-alives and host choice of every session. The settings that a session gets after it is opened are in
//! [`settings`](super::settings).
//!
//! Values in the user's connection string take precedence over the defaults here.

use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, TargetSessionAttrs};

/// `application_name` of a session in `pg_stat_activity`.
const APPLICATION_NAME: &str = "keyfold";
/// Timeout of the TCP connection to one host, after which the next one is tried.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Time limit for the rest of opening a session: TLS, authentication, the first answer.
const GREETING_TIMEOUT: Duration = Duration::from_secs(3);
/// Time after which unacknowledged data ends a connection, so that a vanished primary is noticed.
const USER_TIMEOUT: Duration = Duration::from_secs(30);
/// Idle time after which a connection is probed; a listening session is idle most of its life.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);
/// Interval between two probes.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
/// Lost probes that end a connection.
const KEEPALIVE_RETRIES: u32 = 3;

/// Fills in the parameters that the connection string leaves open.
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

/// Time limit for opening a session, with enough time for the last of several hosts.
pub(super) fn open_timeout(config: &Config) -> Duration {
    let hosts = u32::try_from(config.get_hosts().len()).unwrap_or(u32::MAX);
    let each = config.get_connect_timeout().copied().unwrap_or(CONNECT_TIMEOUT);
    each.saturating_mul(hosts).saturating_add(GREETING_TIMEOUT)
}

/// Restricts several hosts to the one that takes writes: after a fail-over the first may be a standby, and data on a standby
/// may be stale.
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

/// Returns true if all hosts are directories of Unix sockets, where TLS does not exist.
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
