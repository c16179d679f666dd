//! Limits of the work that one user, and all users together, may have in progress.

pub mod bulk;
pub(super) mod followers;
pub mod turns;
