//! Work that goes on when the client goes away: what has been committed is told, and what has been begun is finished.

use std::future::Future;

use crate::http::problem::Problem;
use crate::telemetry::Carried;

/// Works to the end, also when the client goes away meanwhile.
///
/// # Errors
///
/// Those of the work.
pub(super) async fn to_its_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, Problem>> + Send + 'static,
) -> Result<T, Problem> {
    #[expect(
        clippy::disallowed_methods,
        reason = "ends with its work, which bounded queues limit: the hasher's, an entity's, the appender's"
    )]
    let done = tokio::spawn(Carried::here().scope(work)).await;
    done.unwrap_or_else(|_| Err(Problem::internal(&"work on an account broke off")))
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
        assert_eq!(to_its_end(work).now_or_never(), None);
        go.send(()).unwrap();
        finished.await.unwrap();
    }
}
