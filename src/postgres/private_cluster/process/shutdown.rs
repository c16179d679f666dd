//! Stops the cluster: in order if possible, immediately if necessary.

use std::time::Duration;

use super::leftover;
use super::startup::Started;
use crate::postgres::private_cluster::error::ClusterError;

/// Time that PostgreSQL gets for an orderly stop, in which it ends sessions and flushes its data.
const ORDERLY: Duration = Duration::from_secs(30);
/// Seconds that it gets for an immediate stop; the next start then recovers from its log.
const AT_ONCE_SECONDS: &str = "10";

/// Shuts a cluster down and waits until nothing of it runs.
pub(crate) async fn shut_down(started: Started) -> Result<(), ClusterError> {
    let Started { postmaster, directory, binaries, identity, .. } = started;
    if !postmaster.release(ORDERLY).await {
        tracing::warn!(
            "PostgreSQL did not stop within {} seconds; stopping it immediately",
            ORDERLY.as_secs()
        );
        // Its failure shows below, as a server that still runs.
        leftover::pg_ctl_stop("immediate", AT_ONCE_SECONDS, &directory, &binaries, &identity)
            .await
            .ok();
    }
    // If the script was killed in the meantime, PostgreSQL stops without a process that has waited for it.
    leftover::stop(&directory, &binaries, &identity).await.map(|_| ())
}
