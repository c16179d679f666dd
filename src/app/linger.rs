//! A lingering close (RFC 9112, section 9.6).
//!
//! A request may be refused before its body has been read. A socket that is closed with bytes unread resets its connection,
//! which takes the answer from a client that is still sending. So what the client sends is read and thrown away until it
//! has closed its side, or has had its time.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::{Sleep, sleep};

/// How long a client may go on sending.
const LONGEST: Duration = Duration::from_secs(5);
/// Bytes that are read at once, and how often before others get their turn on the thread.
const ROOM: usize = 8 * 1024;
const READS: usize = 16;

/// The end of a connection whose client has been answered.
#[derive(Debug)]
pub(super) struct Linger(Pin<Box<Sleep>>);

impl Linger {
    /// Begins now.
    pub(super) fn new() -> Self {
        Self(Box::pin(sleep(LONGEST)))
    }

    /// Reads on until the client has closed its side.
    pub(super) fn poll(
        &mut self,
        stream: &mut (impl AsyncRead + Unpin),
        context: &mut Context<'_>,
    ) -> Poll<()> {
        let mut room = [0; ROOM];
        for _ in 0..READS {
            let mut buffer = ReadBuf::new(&mut room);
            match Pin::new(&mut *stream).poll_read(context, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {}
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => return self.0.as_mut().poll(context),
            }
        }
        context.waker().wake_by_ref();
        self.0.as_mut().poll(context)
    }
}
