//! Authentication: where accounts, sessions and keys meet.
//!
//! The three know nothing of each other; this module joins them for the endpoints under `/api/auth`.

pub(crate) mod account;
pub mod account_api;
pub(crate) mod account_bodies;
pub mod answers;
pub mod api;
pub mod bodies;
pub(crate) mod entering;
pub mod jwks;
pub mod jwks_bodies;
pub mod revocations;
pub mod session_bodies;
pub mod sessions_api;
