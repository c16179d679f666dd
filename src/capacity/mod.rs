//! Limits on concurrent memory and work: byte budgets, the memory plan, and worker pools.

pub mod budget;
pub mod long_work;
pub mod memory;
pub mod worker_pool;
