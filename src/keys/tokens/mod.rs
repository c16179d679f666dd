//! Access tokens: their claims, their signature, and what verifying one came to.

pub mod access_token;
pub mod policy;
pub mod token_error;
pub mod verified;
