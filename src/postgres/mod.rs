//! Connections to PostgreSQL, and the private cluster that Keyfold runs when no database is configured.
//!
//! [`Connection`] describes how to reach one database: address, TLS, and the settings of every session. A [`Pool`] lends
//! sessions for short statements and reports each to telemetry; a [`Link`] is one dedicated session (`LISTEN`, advisory
//! locks, migrations). [`migrate`] brings the schema up to date; [`private_cluster`] runs a PostgreSQL server that belongs
//! to one data directory.
//!
//! Nothing here knows a table, an event or the configuration: those belong to the modules above.
//!
//! Invariant: no password, and no value of a row, ever appears in an error or a `Debug` text of this module.

pub mod connect;
mod error;
mod indexes;
pub mod inspection;
mod migrations;
mod pool;
pub mod private_cluster;
pub mod refusal;

pub use self::connect::connection::Connection;
pub use self::connect::error::ConnectionError;
pub use self::connect::link::Link;
pub use self::error::DatabaseError;
pub use self::migrations::{MigrationError, check_migrated, known_migrations, migrate};
pub use self::pool::Pool;
pub use self::pool::pooled_session::{PooledSession, Prepared};
