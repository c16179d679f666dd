//! The connections of a listener: so many and no more, in all and from one client.
//!
//! When there are as many as may be, further ones wait in the listener's backlog; when accepting fails (no file
//! descriptors left, for instance), it pauses instead of trying in a hot loop. A client that has its share is closed the
//! door on, so that one cannot take all places; after a moment, while there are places to spare, because it connects again
//! as soon as it is closed. Behind trusted proxies every connection is a proxy's, and has no share.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until};

use crate::base::rate_limiter::RateLimiter;
use crate::capacity::budget::{Budget, Exhausted, Holder, Lease, Purpose};

/// What a connection is counted as while nothing happens on it, with its buffers half full.
pub(super) const BYTES: usize = 16 * 1024;
/// What a connection may hold more when it has many streams.
const BYTES_OF_STREAMS: usize = 112 * 1024;
/// Most connections at once, however much memory and however many descriptors there are.
pub(super) const MOST: usize = 10_000;
/// Time for which a connection beyond its client's share keeps its place before it is closed.
const MOMENT: Duration = Duration::from_millis(500);
/// The part of all places that such connections leave to others.
const SPARED: usize = 4;
/// Pause after a failure to accept.
const PAUSE: Duration = Duration::from_millis(100);

/// Places for connections.
#[derive(Debug)]
pub(super) struct Connections {
    listener: TcpListener,
    places: Arc<Semaphore>,
    /// None where few connect, all of them trusted.
    budget: Option<Budget>,
    has_shares: bool,
    /// Connections that will be closed, the first of them first, and when.
    refused: VecDeque<Refused>,
    /// Places that those leave to others.
    spared: usize,
    warnings: RateLimiter,
}

/// A connection beyond its client's share, which holds one of the places until it is closed.
#[derive(Debug)]
struct Refused {
    until: Instant,
    _stream: TcpStream,
    _permit: OwnedSemaphorePermit,
}

/// A place, until the connection ends.
#[derive(Debug)]
pub(super) struct Place {
    lease: Option<Lease>,
    has_streams: bool,
    _permit: OwnedSemaphorePermit,
}

impl Place {
    /// Takes what a connection with many streams holds.
    ///
    /// # Errors
    ///
    /// When there is not that much.
    pub(super) fn multiplex(&mut self) -> Result<(), Exhausted> {
        if let Some(lease) = &mut self.lease
            && !self.has_streams
        {
            lease.grow(BYTES_OF_STREAMS)?;
            self.has_streams = true;
        }
        Ok(())
    }
}

impl Connections {
    /// So many connections of a listener, at most half of them from one client.
    pub(super) fn of(listener: TcpListener, limit: usize, has_shares: bool) -> Self {
        let bytes = limit.saturating_mul(BYTES);
        Self {
            listener,
            places: Arc::new(Semaphore::new(limit)),
            budget: Some(Budget::new(Purpose::Connections, bytes, bytes / 2)),
            has_shares,
            refused: VecDeque::new(),
            spared: limit / SPARED,
            warnings: RateLimiter::once_a_minute(),
        }
    }

    /// So few connections that nobody counts what they hold.
    pub(super) fn few(listener: TcpListener, limit: usize) -> Self {
        let places = Arc::new(Semaphore::new(limit));
        let (refused, warnings) = (VecDeque::new(), RateLimiter::once_a_minute());
        Self { listener, places, budget: None, has_shares: false, refused, spared: limit, warnings }
    }

    /// The next connection that has a place.
    pub(super) async fn next(&mut self) -> (TcpStream, SocketAddr, Place) {
        loop {
            let accepted = tokio::select! {
                accepted = accept(&self.listener, &self.places) => accepted,
                () = over(self.refused.front()) => {
                    self.refused.pop_front();
                    continue;
                }
            };
            match accepted {
                Ok((stream, peer, permit)) => {
                    match lease(self.budget.as_ref(), self.has_shares, peer.ip()) {
                        Ok(lease) => {
                            return (
                                stream,
                                peer,
                                Place { lease, has_streams: false, _permit: permit },
                            );
                        }
                        Err(_) => self.refuse(stream, permit),
                    }
                }
                Err(error) => self.failed(&error).await,
            }
        }
    }

    /// Listens no more, and returns the connections that have waited for being accepted: they would be reset with the
    /// listener, whatever was sent on them.
    pub(super) fn close(self) -> Vec<(TcpStream, SocketAddr, Place)> {
        let mut waiting = Vec::new();
        let Self { listener, places, budget, has_shares, .. } = self;
        let Ok(listener) = listener.into_std() else { return waiting };
        while let Ok(permit) = Arc::clone(&places).try_acquire_owned() {
            // It does not block: there are no more, or the system refuses.
            let Ok((stream, peer)) = listener.accept() else { break };
            let place = |lease| Place { lease, has_streams: false, _permit: permit };
            if let (Ok(stream), Ok(lease)) =
                (tokio_stream(stream), lease(budget.as_ref(), has_shares, peer.ip()))
            {
                waiting.push((stream, peer, place(lease)));
            }
        }
        waiting
    }

    fn refuse(&mut self, stream: TcpStream, permit: OwnedSemaphorePermit) {
        if self.places.available_permits() > self.spared {
            let until = Instant::now() + MOMENT;
            self.refused.push_back(Refused { until, _stream: stream, _permit: permit });
        }
    }

    async fn failed(&self, error: &io::Error) {
        if self.warnings.permits() {
            tracing::warn!(%error, "connections cannot be accepted");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// What a connection of a client is counted as.
fn lease(
    budget: Option<&Budget>,
    has_shares: bool,
    peer: IpAddr,
) -> Result<Option<Lease>, Exhausted> {
    let holder = if has_shares { Holder::client(peer) } else { Holder::Node };
    budget.map(|budget| budget.lease(holder, BYTES)).transpose()
}

fn tokio_stream(stream: std::net::TcpStream) -> io::Result<TcpStream> {
    stream.set_nonblocking(true)?;
    TcpStream::from_std(stream)
}

/// The next connection, when there is a place for it.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let permit = Arc::clone(places).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    Ok((stream, peer, permit))
}

/// Waits until a connection is to be closed; for ever without one.
async fn over(refused: Option<&Refused>) {
    match refused {
        Some(refused) => sleep_until(refused.until).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    async fn connections(limit: usize, has_shares: bool) -> (Connections, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        (Connections::of(listener, limit, has_shares), address)
    }

    #[tokio::test]
    async fn one_client_has_at_most_half_of_the_connections() {
        let (mut connections, address) = connections(4, true).await;
        let (_one, _two) = (TcpStream::connect(address).await, TcpStream::connect(address).await);
        let (first, second) = (connections.next().await, connections.next().await);
        let mut third = TcpStream::connect(address).await.unwrap();
        let closed = async {
            use tokio::io::AsyncReadExt;
            third.read(&mut [0]).await
        };
        let ended = tokio::select! {
            _ = connections.next() => None,
            ended = closed => Some(ended.unwrap_or(0)),
        };
        assert_eq!(ended, Some(0), "the third of one client is closed");
        drop((first, second));
        let _fourth = TcpStream::connect(address).await.unwrap();
        connections.next().await;
    }

    #[tokio::test]
    async fn a_connection_beyond_a_share_keeps_its_place_for_a_moment_while_there_are_others() {
        let (mut connections, address) = connections(12, true).await;
        let (mut clients, mut served) = (Vec::new(), Vec::new());
        for _ in 0..6 {
            clients.push(TcpStream::connect(address).await.unwrap());
            served.push(connections.next().await);
        }
        let mut seventh = TcpStream::connect(address).await.unwrap();
        let mut room = [0];
        while connections.refused.is_empty() {
            assert!(connections.next().now_or_never().is_none());
            tokio::task::yield_now().await;
        }
        assert_eq!((connections.refused.len(), connections.places.available_permits()), (1, 5));
        let closed = async {
            use tokio::io::AsyncReadExt;
            seventh.read(&mut room).await
        };
        let ended = tokio::select! {
            _ = connections.next() => None,
            ended = closed => Some(ended.unwrap_or(0)),
        };
        assert_eq!((ended, connections.refused.len()), (Some(0), 0));
    }

    #[tokio::test]
    async fn proxies_have_all_connections_and_more_wait_for_a_place() {
        let (mut connections, address) = connections(2, false).await;
        let mut clients = Vec::new();
        for _ in 0..3 {
            clients.push(TcpStream::connect(address).await.unwrap());
        }
        let first = connections.next().await;
        let _second = connections.next().await;
        assert!(connections.next().now_or_never().is_none());
        drop(first);
        connections.next().await;
    }

    #[tokio::test]
    async fn what_waits_to_be_accepted_when_the_listener_closes_is_served_and_nothing_later() {
        let (connections, address) = connections(4, false).await;
        let mut clients = Vec::new();
        for _ in 0..3 {
            clients.push(TcpStream::connect(address).await.unwrap().local_addr().unwrap());
        }
        let waiting = connections.close();
        assert_eq!(waiting.iter().map(|(_, peer, _)| *peer).collect::<Vec<_>>(), clients);
        assert!(TcpStream::connect(address).await.is_err());
    }

    #[tokio::test]
    async fn a_connection_with_many_streams_takes_more_room() {
        let (mut connections, address) = connections(12, true).await;
        let _clients = (TcpStream::connect(address).await, TcpStream::connect(address).await);
        let (_, _, mut first) = connections.next().await;
        assert_eq!(first.multiplex(), Err(Exhausted::Share));
        let (mut connections, address) = self::connections(16, true).await;
        let _client = TcpStream::connect(address).await;
        let (_, _, mut only) = connections.next().await;
        only.multiplex().unwrap();
    }
}
