//! Detached tasks: work of requests that a disconnect of the client does not cancel halfway. Shutdown waits for it.

use std::future::Future;
use std::sync::Arc;

use tokio::sync::Semaphore;

use super::response::problem::Problem;
use crate::telemetry::reason::Reason;
use crate::telemetry::{TraceContext, audit_events};

/// Most detached tasks at the same time. The connection limit does not bound them, because their clients may have gone.
const MOST: u32 = 1_024;

/// Permits of the detached tasks of this server. Cheap to clone.
#[derive(Debug, Clone)]
pub struct DetachedTasks(Arc<Semaphore>);

impl DetachedTasks {
    /// Makes the permits, none of which is taken.
    pub fn new() -> Self {
        Self(Arc::new(Semaphore::new(MOST as usize)))
    }

    /// Runs work in a detached task, which finishes also if the client goes away meanwhile.
    ///
    /// # Errors
    ///
    /// Those of the work, or if all permits are taken.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, Problem>> + Send + 'static,
    ) -> Result<T, Problem> {
        let permit = Arc::clone(&self.0).try_acquire_owned().map_err(|_| {
            audit_events::refused(Reason::UnfinishedWork);
            Problem::overloaded()
        })?;
        let work = TraceContext::here().scope(work);
        #[expect(clippy::disallowed_methods, reason = "no more at once than there are permits")]
        let done = tokio::spawn(async move {
            let done = work.await;
            drop(permit);
            done
        })
        .await;
        done.unwrap_or_else(|_| Err(Problem::internal(&"a detached task panicked")))
    }

    /// Waits until all detached tasks are finished. For shutdown only: it takes every permit, so no task begins meanwhile.
    pub async fn finished(&self) {
        // The semaphore is never closed.
        let _ = self.0.acquire_many(MOST).await;
    }
}

impl Default for DetachedTasks {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn what_is_begun_is_done_though_nobody_waits_for_it() {
        let (go, begun) = oneshot::channel();
        let (finish, finished) = oneshot::channel();
        let work = async {
            begun.await.unwrap();
            finish.send(()).unwrap();
            Ok(())
        };
        let unfinished = DetachedTasks::new();
        assert_eq!(unfinished.run(work).now_or_never(), None);
        assert_eq!(unfinished.finished().now_or_never(), None);
        go.send(()).unwrap();
        unfinished.finished().await;
        finished.await.unwrap();
    }

    #[tokio::test]
    async fn no_more_is_begun_than_may_be_unfinished() {
        let unfinished = DetachedTasks::new();
        let all = unfinished.0.acquire_many(MOST).await.unwrap();
        let work = || async { Ok(7) };
        assert_eq!(unfinished.run(work()).await, Err(Problem::overloaded()));
        drop(all);
        assert_eq!(unfinished.run(work()).await, Ok(7));
    }
}
