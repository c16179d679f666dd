//! How Keyfold reaches PostgreSQL, and the private cluster it brings when it is given none.
//!
//! [`Connection`] knows how to reach one database: address, TLS, and what every session is told. A [`Pool`]
//! lends sessions for short statements, each told to telemetry; a [`Link`] is one dedicated session (`LISTEN`, advisory locks,
//! migrations).
//! [`migrate`] brings the schema up to date; [`cluster`] runs a PostgreSQL server that belongs to one data directory.
//!
//! Nothing here knows a table, an event or the configuration: those belong to the modules above.
//!
//! Invariant: no password, and no value of a row, ever appears in an error or a `Debug` text of this module.

pub mod cluster;
mod connection;
mod connection_parts;
mod connection_string;
mod driving;
mod error;
mod hosts;
mod indexes;
pub mod inspection;
mod lent;
mod link;
mod migrations;
pub mod objects;
mod pool;
pub mod pooler;
pub mod refusal;
mod session;
mod settings;
#[cfg(test)]
mod settings_tests;
mod sslmode;
mod summary;
mod telling;
mod tls;

pub use self::connection::Connection;
pub use self::connection_string::ConnectionError;
pub use self::error::DatabaseError;
pub use self::lent::{Lent, Prepared};
pub use self::link::Link;
pub use self::migrations::{MigrationError, check_migrated, known_migrations, migrate};
pub use self::pool::Pool;
