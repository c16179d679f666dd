//! Configuration by environment: one small struct per concern, all in one [`Config`].
//!
//! Every variable is named once, in [`VARIABLES`], which is also what `--help` and `docs/configuration.md` show. [`Config`]
//! is plain data: nothing here opens a file or a connection, and tests build one without an environment and change its
//! fields.
//!
//! Invariant: a [`Config`] made by [`Config::from_environment`] holds only values inside their documented bounds; if it
//! cannot be made, [`ConfigError`] names every problem at once, never showing a secret.

mod agreement;
mod help;
mod opentelemetry;
pub mod read;
pub mod settings;
mod variables;

use std::path::PathBuf;

pub use self::help::{help, markdown_table};
pub use self::opentelemetry::{STANDARD_VARIABLES, StandardVariable, standard_markdown_table};
pub use self::read::environment::{Environment, ProcessEnvironment};
pub use self::read::error::{ConfigError, InvalidValue, InvalidVariable};
pub use self::read::origin::Origin;
pub use self::settings::database::{DatabaseConfig, DatabaseLocation};
pub use self::settings::entities::EntityConfig;
pub use self::settings::http::HttpConfig;
pub use self::settings::keys::KeyConfig;
pub use self::settings::memory::MemoryConfig;
pub use self::settings::passwords::PasswordConfig;
pub use self::settings::secret::Secret;
pub use self::settings::sessions::SessionConfig;
pub use self::settings::tokens::TokenConfig;
pub use self::variables::{VARIABLES, Variable};

use self::read::reader::Reader;
use crate::telemetry::settings::TelemetrySettings;

/// All settings, one field per concern.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Addresses of the server, and its peers.
    pub http: HttpConfig,
    /// PostgreSQL with the log and the read models.
    pub database: DatabaseConfig,
    /// Seals private keys; `None` lets the owner of the private cluster generate and keep one.
    pub secret: Option<Secret>,
    /// Earlier secrets, under which private keys may still be sealed.
    pub previous_secrets: Vec<Secret>,
    /// Rotation and algorithm of signing keys.
    pub keys: KeyConfig,
    /// Lifetime and audiences of access tokens.
    pub tokens: TokenConfig,
    /// Idle and absolute timeout of sessions.
    pub sessions: SessionConfig,
    /// Cost and queue of password hashing.
    pub passwords: PasswordConfig,
    /// Memory limit of the process.
    pub memory: MemoryConfig,
    /// Passivation and snapshots of entities.
    pub entities: EntityConfig,
    /// Logs, traces and metrics.
    pub telemetry: TelemetrySettings,
    /// Names of settings in which this node may differ from others for now.
    pub changing: Vec<String>,
}

impl Config {
    /// Documented defaults, with the private cluster in `data`.
    pub fn for_data_directory(data: impl Into<PathBuf>) -> Self {
        let location =
            DatabaseLocation::Private { data: data.into(), binaries: None, run_as: None };
        Self {
            database: DatabaseConfig { location, ..DatabaseConfig::default() },
            ..Self::default()
        }
    }

    /// Reads the environment of this process.
    ///
    /// # Errors
    /// Fails if a variable is missing, unknown or has an unusable value: all problems at once.
    pub fn from_process_environment() -> Result<Self, ConfigError> {
        Self::from_environment(&ProcessEnvironment)
    }

    /// Reads the variables of `environment`.
    ///
    /// # Errors
    /// Fails if a variable is missing, unknown or has an unusable value: all problems at once.
    pub fn from_environment(environment: &dyn Environment) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(environment);
        let config = Self {
            http: HttpConfig::read(&mut reader),
            database: DatabaseConfig::read(&mut reader),
            secret: settings::secret::read(&mut reader),
            previous_secrets: settings::secret::read_previous(&mut reader),
            keys: KeyConfig::read(&mut reader),
            tokens: TokenConfig::read(&mut reader),
            sessions: SessionConfig::read(&mut reader),
            passwords: PasswordConfig::read(&mut reader),
            memory: MemoryConfig::read(&mut reader),
            entities: EntityConfig::read(&mut reader),
            telemetry: settings::telemetry::read(&mut reader),
            changing: agreement::read_changing(&mut reader),
        };
        reader.finish().map(|()| config)
    }
}

#[cfg(test)]
mod tests;
