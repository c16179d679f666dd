//! Bodies that several operations of authentication share.

pub mod current_session;
pub mod fresh_token;
pub mod signed_in;
pub mod user;
