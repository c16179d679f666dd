//! Limits on what is held and done at once: byte budgets, the memory plan, and worker pools.

pub mod budget;
pub mod long_work;
pub mod memory;
pub mod worker_pool;
