//! A lingering close (RFC 9112, section 9.6).
//!
//! A request may be refused before its body has been read. A socket that is closed with unread bytes resets its connection,
//! which takes the answer from a client that is still sending. So the server reads and discards until the client has closed
//! its side or its time is over: slowly and for few connections at a time, because unlimited reading would take the
//! processor from everybody else. Connections beyond that number are closed at once.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, ReadBuf};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, Sleep, sleep};

/// Longest time for which a client may go on sending.
const LONGEST: Duration = Duration::from_secs(5);
/// Interval of reads, and most bytes per interval: 640 kB a second.
const TICK: Duration = Duration::from_millis(50);
const PER_TICK: usize = 32 * 1024;
/// Size of the buffer for one read.
const ROOM: usize = 8 * 1024;
/// Most connections that linger at once: together they read at most 41 MB a second.
const MOST: usize = 64;

/// Permits for lingering connections, of the whole process.
static PLACES: Semaphore = Semaphore::const_new(MOST);

/// End of a connection whose client has been answered; does nothing without a permit.
#[derive(Debug)]
pub(super) struct Linger(Option<Lingering>);

/// State of a connection that lingers.
#[derive(Debug)]
struct Lingering {
    /// Deadline of the client.
    end: Pin<Box<Sleep>>,
    /// Next time at which bytes may be read.
    tick: Pin<Box<Sleep>>,
    /// Bytes that may still be read before the next tick.
    left: usize,
    /// Permit to linger, returned at the close.
    _place: SemaphorePermit<'static>,
}

impl Linger {
    /// Begins to linger, if there is a permit.
    pub(super) fn begin() -> Self {
        Self(PLACES.try_acquire().ok().map(|place| {
            let (end, tick) = (Box::pin(sleep(LONGEST)), Box::pin(sleep(TICK)));
            Lingering { end, tick, left: PER_TICK, _place: place }
        }))
    }

    /// Reads and discards until the client has closed its side, or its time is over.
    pub(super) fn poll(
        &mut self,
        stream: &mut (impl AsyncRead + Unpin),
        context: &mut Context<'_>,
    ) -> Poll<()> {
        self.0.as_mut().map_or(Poll::Ready(()), |reading| reading.poll(stream, context))
    }
}

impl Lingering {
    fn poll(
        &mut self,
        stream: &mut (impl AsyncRead + Unpin),
        context: &mut Context<'_>,
    ) -> Poll<()> {
        if self.end.as_mut().poll(context).is_ready() {
            return Poll::Ready(());
        }
        let mut room = [0; ROOM];
        loop {
            if self.left == 0 {
                ready!(self.tick.as_mut().poll(context));
                self.tick.as_mut().reset(Instant::now() + TICK);
                self.left = PER_TICK;
            }
            let mut buffer = ReadBuf::new(&mut room);
            let read = ready!(Pin::new(&mut *stream).poll_read(context, &mut buffer));
            let bytes = buffer.filled().len();
            if read.is_err() || bytes == 0 {
                return Poll::Ready(());
            }
            self.left = self.left.saturating_sub(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use futures_util::FutureExt;
    use tokio::io::{AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test]
    async fn what_is_sent_is_read_slowly_until_the_client_has_closed_its_side() {
        let (mut client, mut server) = duplex(4 * PER_TICK);
        client.write_all(&vec![0; 2 * PER_TICK]).await.unwrap();
        client.shutdown().await.unwrap();
        let mut linger = Linger::begin();
        let mut end = Box::pin(poll_fn(|context| linger.poll(&mut server, context)));
        assert_eq!(end.as_mut().now_or_never(), None, "more than may be read at once");
        end.await;
    }

    #[tokio::test]
    async fn a_client_that_has_closed_its_side_is_not_waited_for() {
        let (client, mut server) = duplex(1);
        drop(client);
        let mut linger = Linger::begin();
        let end = poll_fn(|context| linger.poll(&mut server, context));
        assert_eq!(end.now_or_never(), Some(()));
    }
}
