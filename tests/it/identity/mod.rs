//! Accounts, authentication, sessions and keys.
//!
//! * `account`: one's own account: the profile and the password
//! * `auth`: sign up, sign in, sign out, tokens
//! * `hashing`: the cost of a password hash over time, and no hash for a client that has gone
//! * `in_doubt`: the state of sessions in memory when a command on them fails
//! * `keys`: the key ring, the JWKS, revocation of keys, the secret
//! * `replaced`: signing in or up with the cookie of a session ends that session
//! * `revocation`: ending sessions: refusals afterwards, on every node
//! * `rotation`: the schedule of keys, restarts, several nodes, a thousand rotations
//! * `sessions`: extension, timeouts and the list of sessions
//! * `sign_up`: the cost of a sign-up that is refused
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
