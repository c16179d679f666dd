//! Settings of the PostgreSQL that holds the log and the read models.

use std::path::PathBuf;

use crate::config::read::error::InvalidValue;
use crate::config::read::parse::{boolean, number, quoted};
use crate::config::read::reader::Reader;
use crate::config::variables::{
    CLUSTER, DATA, DATABASE_POOL, DATABASE_URL, POSTGRES_BIN, POSTGRES_USER, PUBLIC_URL,
};
use crate::postgres::Connection;

/// PostgreSQL that holds the log and the read models.
#[derive(Clone, Debug)]
pub struct DatabaseConfig {
    /// A private cluster, or an external server.
    pub location: DatabaseLocation,
    /// Most database sessions for reading.
    pub pool_size: usize,
    /// True if other nodes serve the same database at the same time.
    pub cluster: bool,
}

/// PostgreSQL of this server, or of another operator.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "a process has one of these")]
pub enum DatabaseLocation {
    /// A cluster that the server creates, starts and stops itself.
    Private {
        /// Directory of the cluster and, beside it, the secret.
        data: PathBuf,
        /// Directory with `initdb` and `postgres`; `None` looks in the usual places.
        binaries: Option<PathBuf>,
        /// System user that runs it if the server itself runs as root; `None` picks one.
        run_as: Option<String>,
    },
    /// A PostgreSQL server that the operator or a provider runs.
    External(Connection),
}

impl Default for DatabaseLocation {
    fn default() -> Self {
        Self::Private { data: PathBuf::from("./data"), binaries: None, run_as: None }
    }
}

impl Default for DatabaseConfig {
    fn default() -> Self {
        Self { location: DatabaseLocation::default(), pool_size: 16, cluster: false }
    }
}

impl DatabaseConfig {
    pub(crate) fn read(reader: &mut Reader<'_>) -> Self {
        let default = Self::default();
        let cluster = reader.read(&CLUSTER, boolean).unwrap_or(default.cluster);
        if cluster {
            Self::check_cluster(reader);
        }
        Self {
            location: DatabaseLocation::read(reader),
            pool_size: reader.read(&DATABASE_POOL, number(2..=1_000)).unwrap_or(default.pool_size),
            cluster,
        }
    }
}

impl DatabaseConfig {
    /// Checks the settings that a cluster needs: nodes share one database and are one issuer.
    fn check_cluster(reader: &mut Reader<'_>) {
        for (needed, wrong) in [
            (&DATABASE_URL, "is true, but other nodes cannot reach a private cluster"),
            (&PUBLIC_URL, "is true, but every node would issue tokens in its own name"),
        ] {
            if !reader.is_set(needed) {
                let expected = format!("{} to be set as well", needed.name);
                reader.problem(CLUSTER.name, InvalidValue::new(wrong, expected));
            }
        }
    }
}

impl DatabaseLocation {
    /// Reads the variables of both locations, so that a problem with an unused one is found too.
    fn read(reader: &mut Reader<'_>) -> Self {
        let external = reader.read(&DATABASE_URL, parse_connection);
        let data = reader.read(&DATA, parse_path).unwrap_or_else(|| PathBuf::from(DATA.default));
        let binaries = reader.read(&POSTGRES_BIN, parse_path);
        let run_as = reader.read(&POSTGRES_USER, parse_user);
        external.map_or(Self::Private { data, binaries, run_as }, Self::External)
    }
}

fn parse_connection(value: &str) -> Result<Connection, InvalidValue> {
    Connection::parse(value).map_err(|error| {
        let expected = "a PostgreSQL URL, such as postgres://user:password@host:5432/database";
        InvalidValue::new(error.to_string(), expected)
    })
}

#[expect(clippy::unnecessary_wraps, reason = "every parser has the same shape")]
fn parse_path(value: &str) -> Result<PathBuf, InvalidValue> {
    Ok(PathBuf::from(value))
}

/// Parses the name of a system user. It becomes an argument of another program, so it must not look like an option.
fn parse_user(value: &str) -> Result<String, InvalidValue> {
    let value = value.trim();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if value.chars().all(is_plain) && !value.starts_with('-') {
        return Ok(value.to_owned());
    }
    Err(InvalidValue::new(
        format!("is {}", quoted(value)),
        "the name of a system user, such as postgres",
    ))
}
