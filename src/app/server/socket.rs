//! A client's socket, which notes its reads and writes in its connection's [`Traffic`].

use std::io;
use std::os::fd::AsFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use rustix::net::sockopt::set_tcp_user_timeout;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::linger::Linger;
use super::traffic::Traffic;
use crate::http::limits::Pace;

/// Milliseconds after which the system gives up a client that acknowledges nothing: one that vanished leaves its places
/// within this time and that between two heartbeats.
const UNACKNOWLEDGED: u32 = 30_000;

/// Socket of a client, for hyper.
#[derive(Debug)]
pub(super) struct Socket {
    /// The TCP connection itself.
    stream: TcpStream,
    /// Notes on the connection, for its deadlines.
    traffic: Arc<Traffic>,
    /// Progress of unsent bytes; `None` if nothing waits to be sent.
    pace: Option<Pace>,
    /// True once the client has closed its side: then there is nothing to linger for.
    is_half_closed: bool,
    /// The lingering close, once it has begun.
    linger: Option<Linger>,
}

impl Socket {
    /// Wraps the socket of a connection, and sets its options.
    ///
    /// # Errors
    ///
    /// Fails if the system has closed the socket already.
    pub(super) fn new(stream: TcpStream, traffic: Arc<Traffic>) -> io::Result<Self> {
        // Sends small answers at once, instead of waiting for more to send (Nagle's algorithm).
        stream.set_nodelay(true)?;
        set_tcp_user_timeout(stream.as_fd(), UNACKNOWLEDGED)?;
        Ok(Self { stream, traffic, pace: None, is_half_closed: false, linger: None })
    }

    /// Notes the outcome of a write.
    fn sent(&mut self, written: &Poll<io::Result<usize>>) {
        match written {
            Poll::Pending => {
                let pace = self.pace.get_or_insert_with(|| self.traffic.sending());
                self.traffic.blocked(pace);
            }
            Poll::Ready(Ok(bytes)) => {
                if let Some(pace) = &mut self.pace {
                    pace.moved(*bytes, Instant::now());
                    self.traffic.blocked(pace);
                }
            }
            Poll::Ready(Err(_)) => {}
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if read.is_ready() {
            self.is_half_closed = buffer.remaining() > 0 && buffer.filled().len() == before;
            self.traffic.received();
        }
        read
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.sent(&written);
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.sent(&written);
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// Called once everything has been written.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.pace.take().is_some() {
            self.traffic.flushed();
        }
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { stream, is_half_closed, linger, .. } = &mut *self;
        ready!(Pin::new(&mut *stream).poll_shutdown(context))?;
        if *is_half_closed {
            return Poll::Ready(Ok(()));
        }
        linger.get_or_insert_with(Linger::begin).poll(stream, context).map(Ok)
    }
}
