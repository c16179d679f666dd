//! Who calls: from the credentials of a request to the live session that they prove.
//!
//! `credentials` reads the bearer token and the cookies, `authenticate` judges them one by one with the handles of the
//! [`gate`], and a [`caller`] is the proof that an endpoint asks for. [`freshness`] is the check of cluster mode.

mod auth_error;
mod authenticate;
pub mod caller;
pub mod context;
pub mod cookie;
mod credentials;
mod extractor;
pub mod freshness;
pub mod gate;
