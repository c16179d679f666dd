//! Several nodes on one database: shared settings, clocks, concurrent writes, nodes that vanish, a rolling restart.
//!
//! * `agreement`: settings that the nodes of a cluster must share
//! * `clocks`: a node whose clock is wrong
//! * `concurrency`: many at once, two servers on one database
//! * `proxy`: a rolling restart behind nginx, configured as documented
//! * `vanished`: peers that vanish without a close, and the locks and leases that they held

mod agreement;
pub mod clocks;
mod concurrency;
pub mod proxy;
mod vanished;
