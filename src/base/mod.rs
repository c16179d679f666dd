//! Leaf utilities that every module may use and that depend on no other part of Keyfold.

pub mod clock;
pub mod id;
pub mod rate_limiter;
pub mod response_cache;
pub mod rfc3339;
pub mod sharded_map;
pub mod skew;
pub mod text;
pub mod weighted_cache;
