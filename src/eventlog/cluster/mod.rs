//! The nodes that share a log, and what each knows of the others.

pub mod agreement;
pub mod error;
pub mod follower;
pub mod incarnation;
pub mod membership;
pub(super) mod notification;
pub(super) mod probe;
