//! Variables with our prefix that are written by a platform, not by the operator.
//!
//! Kubernetes gives every container the addresses of the Services in its namespace, and Docker those of its links: a
//! Service named `keyfold`, or `keyfold-metrics`, makes variables that begin like ours. They are recognised by the shape of
//! their name *and* their value, so that a typing mistake is still reported.

use std::net::IpAddr;

use super::environment::Environment;

const PROTOCOLS: [&str; 3] = ["tcp", "udp", "sctp"];

/// True if a platform has written this variable.
pub(crate) fn wrote(environment: &dyn Environment, name: &str) -> bool {
    let Ok(value) = environment.get(name) else { return false };
    is_of_service(name, &value) || is_of_port(name, &value) || is_of_link(environment, name)
}

/// `…_SERVICE_HOST`, `…_SERVICE_PORT` and `…_SERVICE_PORT_<name>` (Kubernetes).
fn is_of_service(name: &str, value: &str) -> bool {
    if name.ends_with("_SERVICE_HOST") {
        return value.parse::<IpAddr>().is_ok();
    }
    let port = name.split_once("_SERVICE_PORT");
    port.is_some_and(|(_, rest)| rest.is_empty() || rest.starts_with('_')) && is_port(value)
}

/// `…_PORT`, `…_PORT_<number>_<protocol>` and the details of the latter (Kubernetes and Docker).
fn is_of_port(name: &str, value: &str) -> bool {
    if name.ends_with("_PORT") && is_url(value) {
        return true;
    }
    let Some((_, port)) = name.split_once("_PORT_") else { return false };
    let mut parts = port.split('_');
    let number = parts.next().is_some_and(is_port);
    let protocol = parts.next().map(str::to_ascii_lowercase);
    let is_protocol = protocol.is_some_and(|protocol| PROTOCOLS.contains(&&*protocol));
    let told = match (parts.next(), parts.next()) {
        (None, _) => is_url(value),
        (Some("PROTO"), None) => PROTOCOLS.contains(&value),
        (Some("PORT"), None) => is_port(value),
        (Some("ADDR"), None) => value.parse::<IpAddr>().is_ok(),
        (Some(_), _) => false,
    };
    number && is_protocol && told
}

/// `…_NAME` of a container and its alias, and `…_ENV_<name>` beside that (Docker).
fn is_of_link(environment: &dyn Environment, name: &str) -> bool {
    let alias = name.strip_suffix("_NAME").or_else(|| Some(name.split_once("_ENV_")?.0));
    let container = alias.and_then(|alias| environment.get(&format!("{alias}_NAME")).ok());
    container.is_some_and(|path| path.starts_with('/') && path.matches('/').count() == 2)
}

fn is_port(value: &str) -> bool {
    value.parse::<u16>().is_ok()
}

fn is_url(value: &str) -> bool {
    value.split_once("://").is_some_and(|(protocol, _)| PROTOCOLS.contains(&protocol))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// Names of these variables that look like no platform's.
    fn not_written(variables: &[(&str, &str)]) -> Vec<String> {
        let environment: BTreeMap<String, String> =
            variables.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        environment.keys().filter(|name| !wrote(&environment, name)).cloned().collect()
    }

    #[test]
    fn variables_of_kubernetes_services_are_known() {
        let none: [String; 0] = [];
        for service in ["KEYFOLD", "KEYFOLD_METRICS", "KEYFOLD_BLUE_2"] {
            let written = [
                ("SERVICE_HOST", "10.0.0.7"),
                ("SERVICE_PORT", "8000"),
                ("SERVICE_PORT_HTTP", "8000"),
                ("PORT", "tcp://10.0.0.7:8000"),
                ("PORT_8000_TCP", "tcp://10.0.0.7:8000"),
                ("PORT_8000_TCP_PROTO", "tcp"),
                ("PORT_8000_TCP_PORT", "8000"),
                ("PORT_8000_TCP_ADDR", "10.0.0.7"),
                ("PORT_53_UDP", "udp://[fd00::7]:53"),
                ("PORT_53_UDP_ADDR", "fd00::7"),
            ];
            let named = written.map(|(name, value)| (format!("{service}_{name}"), value));
            let variables: Vec<_> =
                named.iter().map(|(name, value)| (name.as_str(), *value)).collect();
            assert_eq!(not_written(&variables), none);
        }
    }

    #[test]
    fn variables_of_docker_links_are_known() {
        let none: [String; 0] = [];
        let variables = [
            ("KEYFOLD_NAME", "/web/keyfold"),
            ("KEYFOLD_ENV_PATH", "/usr/bin"),
            ("KEYFOLD_PORT_8000_TCP", "tcp://172.17.0.2:8000"),
            ("KEYFOLD_1_PORT", "tcp://172.17.0.2:8000"),
        ];
        assert_eq!(not_written(&variables), none);
    }

    #[test]
    fn what_only_looks_like_them_is_a_mistake() {
        let variables = [
            ("KEYFOLD_PORT", "8000"),
            ("KEYFOLD_LISTN", "127.0.0.1:8000"),
            ("KEYFOLD_SERVICE_NAME", "keyfold"),
            ("KEYFOLD_SERVICE_HOST", "db.example"),
            ("KEYFOLD_SERVICE_PORT", "http"),
            ("KEYFOLD_SERVICE_PORTS", "8000"),
            ("KEYFOLD_PORT_HTTP", "8000"),
            ("KEYFOLD_PORT_8000_TCP_HOST", "10.0.0.7"),
            ("KEYFOLD_NAME", "keyfold"),
            ("KEYFOLD_ENV_PATH", "/usr/bin"),
        ];
        let mut names = variables.map(|(name, _)| name.to_owned());
        names.sort();
        assert_eq!(not_written(&variables), names);
    }
}
