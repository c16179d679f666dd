//! Accounts, authentication, sessions and keys.
//!
//! * `account`: one's own account: the profile and the password
//! * `auth`: sign up, sign in, sign out, tokens
//! * `hashing`: what a password hash costs later than when it was made, and that nobody is hashed for who has gone
//! * `in_doubt`: what is believed of sessions when a command on them fails
//! * `keys`: the key ring, the JWKS, revocation of keys, the secret
//! * `replaced`: signing in or up with the cookie of a session ends that session
//! * `revocation`: ending sessions: what is refused afterwards, and where
//! * `rotation`: the schedule of keys, restarts, several nodes, a thousand rotations
//! * `sessions`: what extends sessions, what ends them by themselves, and their list
//! * `sign_up`: what a sign-up that is refused costs
//! * `verifiers`: ends of sessions for services that verify tokens by themselves

mod account;
mod auth;
mod hashing;
mod in_doubt;
pub mod keys;
mod replaced;
mod revocation;
mod rotation;
mod sessions;
mod sign_up;
mod verifiers;
