//! Access tokens: their claims, their verification, and the cache of its results.

pub mod access_token;
pub mod policy;
pub mod token_error;
pub mod verified;
