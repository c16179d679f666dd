//! Authentication: from the credentials of a request to the live session that they prove.
//!
//! `credentials` reads the bearer token and the cookies, `authenticate` judges them one by one with the handles of the
//! [`gate`], and a [`caller`] is the proof that an endpoint asks for. [`freshness`] is the check of cluster mode.
//!
//! | Operations | Caller | Access token (bearer) | Session token (bearer) | Session cookie |
//! |---|---|---|---|---|
//! | a user's tasks and their history | [`Owner`](caller::Owner) | yes | no | no |
//! | following tasks, the session itself | [`SignedIn`](caller::SignedIn) | yes | yes | yes |
//! | new access token, profile, password, list and ends of sessions | [`SessionHolder`](caller::SessionHolder) | no | yes | yes |
//! | sign out | [`MaybeSignedIn`](caller::MaybeSignedIn) | no; none is needed | yes | yes |
//! | sign up, sign in | none | ignored | ignored | its session is replaced |
//! | JWKS, revocations, health | none | ignored | ignored | ignored |
//!
//! A cookie counts for a change only if a page of this site or of a trusted one sends it.

mod auth_error;
mod authenticate;
pub mod caller;
pub mod context;
pub mod cookie;
mod credentials;
mod extractor;
pub mod freshness;
pub mod gate;
