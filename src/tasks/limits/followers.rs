//! Permits for clients that follow a list.

use std::sync::Arc;

use tokio::sync::Semaphore;

/// Permits for followers: each holds a connection and a watch for as long as its client likes. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct FollowerPermits(pub(crate) Arc<Semaphore>);

impl FollowerPermits {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Semaphore::new(MAX_FOLLOWERS)))
    }
}

/// Most followers on this node.
const MAX_FOLLOWERS: usize = 10_000;
