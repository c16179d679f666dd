//! Settings: one plain struct for each concern, read from the environment.

pub(super) mod database;
pub(super) mod entities;
pub(super) mod http;
pub(super) mod keys;
pub(super) mod memory;
pub(super) mod passwords;
pub(super) mod secret;
pub(super) mod sessions;
pub(super) mod telemetry;
pub(super) mod tokens;
