//! Stops the cluster: in order if it can be, at once if it must be.

use std::time::Duration;

use super::leftover;
use super::startup::Started;
use crate::postgres::private_cluster::error::ClusterError;

/// How long PostgreSQL gets to finish what it is doing and write everything out.
const ORDERLY: Duration = Duration::from_secs(30);
/// How long it gets to end at once, in seconds; the next start then recovers from its log.
const AT_ONCE_SECONDS: &str = "10";

/// Shuts a cluster down and waits until nothing of it runs.
pub(crate) async fn shut_down(started: Started) -> Result<(), ClusterError> {
    let Started { postmaster, directory, binaries, identity, .. } = started;
    if !postmaster.release(ORDERLY).await {
        tracing::warn!(
            "PostgreSQL did not stop in {} seconds and is stopped at once",
            ORDERLY.as_secs()
        );
        // Its failure shows below, as a server that is still there.
        leftover::pg_ctl_stop("immediate", AT_ONCE_SECONDS, &directory, &binaries, &identity)
            .await
            .ok();
    }
    // Somebody may have killed the script between: then PostgreSQL stops without anybody having waited for it.
    leftover::stop(&directory, &binaries, &identity).await.map(|_| ())
}
