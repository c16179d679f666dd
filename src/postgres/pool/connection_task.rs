//! Task that drives a pooled session and ends it after a commit that may not be replicated.
//!
//! With a synchronous standby PostgreSQL answers a commit when the standby has it. A cancellation of that wait (an
//! operator's `pg_cancel_backend`, a timeout that struck in the last moment) makes it answer at once, with only a warning
//! that the transaction "might not have been replicated". If that counted as an acknowledgement, a fail-over could lose an
//! acknowledged change. The warning comes before the answer, so the task ends the session on it: the caller gets an error
//! that leaves the outcome unknown.

use std::future::poll_fn;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_postgres::AsyncMessage;
use tokio_postgres::error::DbError;

use crate::postgres::error::chain;

/// Server routine that emits that warning; unlike the warning's text, it is not translated.
const WAIT_FOR_STANDBY: &str = "SyncRepWaitForLSN";

/// Moves messages until the session ends, by itself or because of that warning.
pub(super) async fn drive<S, T>(mut connection: tokio_postgres::Connection<S, T>)
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(message) = poll_fn(|context| connection.poll_message(context)).await {
        match message {
            Ok(AsyncMessage::Notice(notice)) if is_unreplicated_commit(&notice) => {
                tracing::error!(
                    warning = notice.message(),
                    "commit not replicated; closing the database session"
                );
                return;
            }
            Ok(AsyncMessage::Notice(notice)) => {
                tracing::info!("{}: {}", notice.severity(), notice.message());
            }
            // No channel is listened to on a pooled session.
            Ok(_) => {}
            Err(error) => {
                tracing::warn!("pooled database session lost: {}", chain(&error));
                return;
            }
        }
    }
}

fn is_unreplicated_commit(notice: &DbError) -> bool {
    notice.routine() == Some(WAIT_FOR_STANDBY)
}
