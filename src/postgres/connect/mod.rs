//! Opening a session: hosts, TLS, and the settings that every session gets first.

pub(super) mod connection;
pub(super) mod connection_parts;
pub(super) mod connection_string;
pub mod error;
pub(super) mod hosts;
pub(super) mod link;
pub mod pooler;
pub(super) mod session;
pub mod settings;
pub(super) mod sslmode;
pub(super) mod tls;
