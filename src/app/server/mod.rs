//! HTTP serving: the listener, its connections, and the traffic on them.

pub(super) mod answer;
pub(super) mod connection;
pub(super) mod connections;
pub(super) mod descriptors;
pub(super) mod linger;
pub(super) mod metrics;
pub mod serving;
pub(super) mod socket;
pub(super) mod traffic;
