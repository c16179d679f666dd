//! Configuration by environment: one small struct per concern, all in one [`Config`].
//!
//! Every variable is named once, in [`VARIABLES`], which is also what `--help` and `docs/configuration.md` show. [`Config`]
//! is plain data: nothing here opens a file or a connection, and tests build one without an environment and change its
//! fields.
//!
//! Invariant: a [`Config`] made by [`Config::from_environment`] holds only values inside their documented bounds, and
//! when it cannot be made, [`ConfigError`] names every problem at once, never showing a secret.

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
pub use self::read::error::{ConfigError, InvalidValue, Problem};
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

/// Everything that can be configured, one field per concern.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Where the server listens and how clients reach it.
    pub http: HttpConfig,
    /// The PostgreSQL that holds the log and the read models.
    pub database: DatabaseConfig,
    /// What private keys are sealed under; `None` lets the owner of the private cluster make and keep one.
    pub secret: Option<Secret>,
    /// What private keys may still be sealed under.
    pub previous_secrets: Vec<Secret>,
    /// Signing keys.
    pub keys: KeyConfig,
    /// Access tokens.
    pub tokens: TokenConfig,
    /// Sessions.
    pub sessions: SessionConfig,
    /// The cost and the bounds of password hashing.
    pub passwords: PasswordConfig,
    /// How much memory the server may take.
    pub memory: MemoryConfig,
    /// How many entities stay in memory, and for how long.
    pub entities: EntityConfig,
    /// Logs, traces and metrics.
    pub telemetry: TelemetrySettings,
    /// Names of settings in which this node may differ from others for now.
    pub changing: Vec<String>,
}

impl Config {
    /// The documented defaults, with the private cluster in `data`.
    pub fn for_data_directory(data: impl Into<PathBuf>) -> Self {
        let location =
            DatabaseLocation::Private { data: data.into(), binaries: None, run_as: None };
        Self {
            database: DatabaseConfig { location, ..DatabaseConfig::default() },
            ..Self::default()
        }
    }

    /// Reads the variables of this process.
    ///
    /// # Errors
    /// When a variable is missing, unknown or has a value that cannot be used: all problems at once.
    pub fn from_process_environment() -> Result<Self, ConfigError> {
        Self::from_environment(&ProcessEnvironment)
    }

    /// Reads the variables of `environment`.
    ///
    /// # Errors
    /// When a variable is missing, unknown or has a value that cannot be used: all problems at once.
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
