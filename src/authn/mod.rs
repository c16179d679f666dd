//! Who calls: credentials, the session they prove, and whether it is live.

pub mod caller;
pub mod cookie;
pub(crate) mod credential;
pub mod freshness;
