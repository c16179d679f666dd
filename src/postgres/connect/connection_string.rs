//! Parses a connection string without ever repeating it.
//!
//! tokio-postgres parses libpq's URLs and `key=value` strings, all but `sslmode`'s stricter values and `sslrootcert`. Those
//! two and `options`, which sessions get by statements, are cut out here; the driver gets the rest untouched. Errors name
//! the problem, never a part of the string: text that looks like an option may be half of a password that was not quoted.

use std::error::Error;

use tokio_postgres::Config;

use super::connection_parts::Parts;
use super::error::ConnectionError;
use super::settings::Settings;
use super::sslmode::SslMode;

/// Connection string, divided into the driver's part and Keyfold's.
#[derive(Debug)]
pub(super) struct ConnectionString {
    /// Part that tokio-postgres understands.
    pub(super) config: Config,
    /// Session settings from `options`.
    pub(super) settings: Settings,
    /// Value of `sslmode`; libpq's default is `prefer`, or `verify-full` with the system's roots.
    pub(super) sslmode: SslMode,
    /// Value of `sslrootcert`: a file, or `system`.
    pub(super) sslrootcert: Option<String>,
}

impl ConnectionString {
    /// Parses a URL or a list of `key=value` settings.
    pub(super) fn parse(text: &str) -> Result<Self, ConnectionError> {
        let parts = Parts::of(text).ok_or_else(|| {
            ConnectionError::Malformed(
                "it is neither postgres://… nor key=value settings".to_owned(),
            )
        })?;
        let mut config = parts.rest.parse::<Config>().map_err(|error| malformed(&error))?;
        let (settings, others) =
            Settings::of_options(parts.options.as_deref().unwrap_or_default())?;
        if let Some(others) = others {
            config.options(others);
        }
        let from_system = parts.sslrootcert.as_deref() == Some("system");
        let sslmode = match parts.sslmode.as_deref() {
            None if from_system => SslMode::VerifyFull,
            None => SslMode::Prefer,
            Some(value) => SslMode::parse(value).ok_or(ConnectionError::UnknownSslMode)?,
        };
        if from_system && sslmode != SslMode::VerifyFull {
            return Err(ConnectionError::WeakSslMode);
        }
        let sslrootcert = parts.sslrootcert.filter(|path| !path.is_empty());
        Ok(Self { config, settings, sslmode, sslrootcert })
    }
}

/// Settings of libpq that the driver does not have; only these may be named in an error.
const UNSUPPORTED: [&str; 14] = [
    "client_encoding",
    "gssencmode",
    "passfile",
    "replication",
    "require_auth",
    "requirepeer",
    "service",
    "ssl_max_protocol_version",
    "ssl_min_protocol_version",
    "sslcert",
    "sslcompression",
    "sslcrl",
    "sslkey",
    "sslsni",
];

fn malformed(error: &tokio_postgres::Error) -> ConnectionError {
    let detail = error.source().map(ToString::to_string).unwrap_or_default();
    let unknown = UNSUPPORTED.iter().find(|name| detail == format!("unknown option `{name}`"));
    ConnectionError::Malformed(match unknown {
        Some(name) => format!("the setting {name} is not supported"),
        None if detail.starts_with("invalid value for option") => detail,
        None => "it is not a valid PostgreSQL URL (special characters have to be percent-encoded)"
            .to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use tokio_postgres::config::Host;

    use super::*;

    fn read(text: &str) -> ConnectionString {
        ConnectionString::parse(text).unwrap()
    }

    #[test]
    fn sslmode_and_sslrootcert_are_cut_out_of_a_url() {
        let read = read(
            "postgres://u:p%40w@h/d?application_name=x&sslmode=verify-full&sslrootcert=%2Fca.pem",
        );
        assert_eq!(read.sslmode, SslMode::VerifyFull);
        assert_eq!(read.sslrootcert.as_deref(), Some("/ca.pem"));
        assert_eq!(read.config.get_password(), Some(b"p@w".as_slice()));
        assert_eq!(read.config.get_application_name(), Some("x"));
        assert_eq!(read.config.get_dbname(), Some("d"));
    }

    #[test]
    fn they_are_cut_out_of_settings_too() {
        let read = read(
            r"host=h  sslrootcert = '/a b/it\'s.pem' sslmode=verify-ca password='a\\b c' dbname=d",
        );
        assert_eq!(read.sslmode, SslMode::VerifyCa);
        assert_eq!(read.sslrootcert.as_deref(), Some("/a b/it's.pem"));
        assert_eq!(read.config.get_password(), Some(br"a\b c".as_slice()));
        assert_eq!(read.config.get_dbname(), Some("d"));
    }

    #[test]
    fn several_hosts_reach_the_driver_and_of_options_what_is_no_setting() {
        let read = read(
            "postgres://u@a:1,b:2/d?options=-c%20work_mem%3D8MB%20endpoint%3Dx&target_session_attrs=read-write",
        );
        assert_eq!(read.config.get_hosts(), [Host::Tcp("a".into()), Host::Tcp("b".into())]);
        assert_eq!(read.config.get_ports(), [1, 2]);
        assert_eq!(read.config.get_options(), Some("endpoint=x"));
        let plain = self::read("postgres://h/d?options=-c%20work_mem%3D8MB");
        assert_eq!(plain.config.get_options(), None);
    }

    #[test]
    fn a_question_mark_in_the_password_does_not_start_the_query() {
        let read = read("postgres://u:a?sslmode=b@h/d?sslmode=disable");
        assert_eq!(read.config.get_password(), Some(b"a?sslmode=b".as_slice()));
        assert_eq!(read.sslmode, SslMode::Disable);
    }

    #[test]
    fn the_default_is_prefer_and_with_the_systems_roots_verify_full() {
        assert_eq!(read("postgres://h/d").sslmode, SslMode::Prefer);
        assert_eq!(read("postgres://h/d?sslrootcert=system").sslmode, SslMode::VerifyFull);
        let weak = ConnectionString::parse("postgres://h/d?sslrootcert=system&sslmode=require");
        assert!(matches!(weak, Err(ConnectionError::WeakSslMode)));
    }

    #[test]
    fn an_error_never_repeats_a_part_of_the_string() {
        for text in [
            "postgres://u:hunter2@h:hunter2/d",
            "postgres://u:hunter2@h/d?hunter2=hunter2",
            "postgres://u:hunter2@h/d?sslmode=hunter2",
            "postgres://u:hunter2%FF@h/d%FF",
            "host=h password=a hunter2=b",
            "host=h password=hunter2 hunter2",
            "password='hunter2",
            "mysql://u:hunter2@h/d",
        ] {
            let error = ConnectionString::parse(text).expect_err(text);
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn a_setting_that_is_not_supported_is_named() {
        let error = ConnectionString::parse("postgres://h/d?sslcert=x").unwrap_err();
        assert_eq!(
            error.to_string(),
            "the database URL cannot be read: the setting sslcert is not supported"
        );
    }
}
