//! Tags of the API: the chapters of its document.

use poem_openapi::Tags;

/// The chapters of the API.
#[derive(Debug, Clone, Copy, Tags)]
pub enum Tag {
    /// Sign up, sign in, sign out, and what a session gives.
    Authentication,
    /// A user's own tasks.
    Tasks,
    /// Public keys with which anybody can verify access tokens.
    Keys,
    /// Whether the server lives and takes requests.
    Health,
}
