//! Driving a pooled session, and not believing a commit that nobody vouches for.
//!
//! With a synchronous standby PostgreSQL answers a commit when the standby has it. Whoever cancels that wait (an operator's
//! `pg_cancel_backend`, a time-out that struck in the last moment) makes it answer at once all the same, with nothing but a
//! warning that the transaction "might not have been replicated". Were that taken for an acknowledgement, a fail-over could
//! lose what was answered as done. The warning comes before the answer, so the session ends on it: whoever waited is told
//! that the outcome is unknown.

use std::future::poll_fn;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_postgres::AsyncMessage;
use tokio_postgres::error::DbError;

use crate::postgres::error::chain;

/// The routine of the server that gives that warning; its text is in the server's language, this is not.
const WAIT_FOR_STANDBY: &str = "SyncRepWaitForLSN";

/// Moves messages until the session ends, by itself or because of what it says.
pub(super) async fn drive<S, T>(mut connection: tokio_postgres::Connection<S, T>)
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(message) = poll_fn(|context| connection.poll_message(context)).await {
        match message {
            Ok(AsyncMessage::Notice(notice)) if is_unreplicated_commit(&notice) => {
                tracing::error!(warning = notice.message(), "a commit was not replicated");
                return;
            }
            Ok(AsyncMessage::Notice(notice)) => {
                tracing::info!("{}: {}", notice.severity(), notice.message());
            }
            // Nothing listens on a pooled session.
            Ok(_) => {}
            Err(error) => {
                tracing::warn!("a pooled database session was lost: {}", chain(&error));
                return;
            }
        }
    }
}

fn is_unreplicated_commit(notice: &DbError) -> bool {
    notice.routine() == Some(WAIT_FOR_STANDBY)
}
