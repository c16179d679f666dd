//! Extractors of a request: its body, its conditions and its idempotency key.

pub(crate) mod accept;
pub mod body;
pub mod bounded_vec;
pub mod hashed_body;
pub mod host;
pub mod idempotency_key;
pub mod if_match;
pub mod intake;
pub mod json;
pub(crate) mod json_decode;
