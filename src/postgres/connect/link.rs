//! Dedicated session outside any pool: for `LISTEN`, session-level advisory locks and migrations.
//!
//! Invariant: a notification is delivered or the link ends; none is ever skipped. An owner that sees the receiver
//! close knows that it may have missed some and must catch up.

use std::future::poll_fn;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio_postgres::{AsyncMessage, Client, Notification};

use crate::postgres::error::chain;

/// Most notifications that may wait for the owner before the link is closed.
const BACKLOG: usize = 1024;

/// Dedicated session; dropping it ends the session, and with it every lock that the session holds.
#[derive(Debug)]
pub struct Link {
    /// Client that runs statements on the session.
    pub client: Client,
    /// Notifications of the channels that the session listens to; closes when the session has ended.
    pub notifications: mpsc::Receiver<Notification>,
}

impl Link {
    /// Takes over a fresh session and drives its connection in the background.
    #[expect(
        clippy::disallowed_methods,
        reason = "the task ends with its session, which ends when the client is dropped"
    )]
    pub(crate) fn drive<S, T>(
        client: Client,
        mut connection: tokio_postgres::Connection<S, T>,
    ) -> Self
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (sender, notifications) = mpsc::channel(BACKLOG);
        tokio::spawn(async move { poll_fn(|cx| poll_session(&mut connection, &sender, cx)).await });
        Self { client, notifications }
    }
}

/// Moves messages until the session ends or its owner has fallen too far behind.
fn poll_session<S, T>(
    connection: &mut tokio_postgres::Connection<S, T>,
    sender: &mpsc::Sender<Notification>,
    cx: &mut Context<'_>,
) -> Poll<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        match ready!(connection.poll_message(cx)) {
            Some(Ok(message)) => {
                if !forward(message, sender) {
                    tracing::warn!(
                        "closed a database session because its notifications were not read"
                    );
                    return Poll::Ready(());
                }
            }
            Some(Err(error)) => {
                tracing::warn!("database session lost: {}", chain(&error));
                return Poll::Ready(());
            }
            None => return Poll::Ready(()),
        }
    }
}

/// Hands a notification to the owner; `false` if the owner is too far behind.
fn forward(message: AsyncMessage, sender: &mpsc::Sender<Notification>) -> bool {
    // The driver must never wait for the owner, whose next statement may need the driver to answer.
    if let AsyncMessage::Notification(notification) = message {
        !matches!(sender.try_send(notification), Err(TrySendError::Full(_)))
    } else {
        true
    }
}
