//! Limits of the work that one user, and all users together, may have in progress.

pub mod bulk_limiter;
pub(super) mod followers;
pub mod user_permits;
