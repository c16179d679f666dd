//! What one user may have done at the same time, and what is done for all.

pub mod bulk;
pub(super) mod followers;
pub mod turns;
