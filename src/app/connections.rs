//! Accepting connections: so many and no more, prompt, and none that is silent for long.
//!
//! A connection that neither sends nor receives anything for `SILENCE` is closed, whether it waits between requests or
//! in the middle of one. When the limit is reached, further connections wait in the listener's backlog; when accepting
//! fails (no file descriptors left, for instance), it pauses instead of trying in a hot loop.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use poem::http::uri::Scheme;
use poem::listener::{Acceptor, TcpAcceptor};
use poem::web::{LocalAddr, RemoteAddr};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep};

/// Most connections at once.
const LIMIT: usize = 10_000;
/// Longest time in which nothing is sent in either direction.
const SILENCE: Duration = Duration::from_secs(75);
/// Pause after a failure to accept.
const PAUSE: Duration = Duration::from_millis(100);

/// Accepts limited connections.
pub struct Connections {
    listener: TcpAcceptor,
    permits: Arc<Semaphore>,
}

impl std::fmt::Debug for Connections {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connections").field("permits", &self.permits).finish_non_exhaustive()
    }
}

impl Connections {
    /// The connections of a listener.
    ///
    /// # Errors
    ///
    /// When the listener cannot be asked for its address.
    pub fn of(listener: TcpListener) -> io::Result<Self> {
        Ok(Self {
            listener: TcpAcceptor::from_tokio(listener)?,
            permits: Arc::new(Semaphore::new(LIMIT)),
        })
    }
}

impl Acceptor for Connections {
    type Io = Limited;

    fn local_addr(&self) -> Vec<LocalAddr> {
        self.listener.local_addr()
    }

    async fn accept(&mut self) -> io::Result<(Limited, LocalAddr, RemoteAddr, Scheme)> {
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(io::Error::other)?;
        match self.listener.accept().await {
            Ok((stream, local, remote, scheme)) => {
                // Small answers are sent at once, instead of waiting for more to send (Nagle's algorithm).
                stream.set_nodelay(true)?;
                Ok((Limited::new(stream, permit), local, remote, scheme))
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(PAUSE).await;
                Err(error)
            }
        }
    }
}

/// A connection that counts and does not stay silent for long.
#[derive(Debug)]
pub struct Limited {
    stream: TcpStream,
    /// When something was sent in either direction for the last time.
    heard_at: Instant,
    /// Ends when the silence may have lasted too long; looked at again then, instead of set anew with every byte.
    silence: Pin<Box<Sleep>>,
    _permit: OwnedSemaphorePermit,
}

impl Limited {
    fn new(stream: TcpStream, permit: OwnedSemaphorePermit) -> Self {
        let silence = Box::pin(tokio::time::sleep(SILENCE));
        Self { stream, heard_at: Instant::now(), silence, _permit: permit }
    }

    fn heard(&mut self) {
        self.heard_at = Instant::now();
    }

    /// Ready when nothing was heard for too long.
    fn poll_silence(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        loop {
            ready!(self.silence.as_mut().poll(context));
            let until = self.heard_at + SILENCE;
            if until <= Instant::now() {
                return Poll::Ready(io::ErrorKind::TimedOut.into());
            }
            self.silence.as_mut().reset(until);
        }
    }
}

impl AsyncRead for Limited {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Poll::Ready(read) = Pin::new(&mut self.stream).poll_read(context, buffer) {
            self.heard();
            return Poll::Ready(read);
        }
        self.poll_silence(context).map(Err)
    }
}

impl AsyncWrite for Limited {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if let Poll::Ready(written) = Pin::new(&mut self.stream).poll_write(context, bytes) {
            self.heard();
            return Poll::Ready(written);
        }
        self.poll_silence(context).map(Err)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let Poll::Ready(written) =
            Pin::new(&mut self.stream).poll_write_vectored(context, slices)
        {
            self.heard();
            return Poll::Ready(written);
        }
        self.poll_silence(context).map(Err)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
