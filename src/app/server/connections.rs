//! Accepts connections up to a limit, in all and per client.
//!
//! At the limit, further connections wait in the listener's backlog; if accepting fails (no file descriptors left, for
//! instance), it pauses instead of retrying in a hot loop. A connection beyond its client's share is closed, so that one
//! client cannot take all places; the close is delayed for a moment while places are free, because such a client reconnects
//! at once. Behind trusted proxies every connection is a proxy's, and clients have no shares.

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

/// Memory accounted for an idle connection, with its buffers half full.
pub(super) const BYTES: usize = 16 * 1024;
/// Further memory of a connection that has many streams.
const BYTES_OF_STREAMS: usize = 112 * 1024;
/// Most connections at once, whatever memory and descriptors allow.
pub(super) const MOST: usize = 10_000;
/// Time for which a connection beyond its client's share keeps its place before it is closed.
const MOMENT: Duration = Duration::from_millis(500);
/// Divisor of the places: refused connections must leave one in this many free.
const SPARED: usize = 4;
/// Pause after a failed accept.
const PAUSE: Duration = Duration::from_millis(100);

/// A listener, and the permits for its connections.
#[derive(Debug)]
pub(super) struct Connections {
    /// Source of connections; its backlog holds those beyond the limit.
    listener: TcpListener,
    /// One permit per connection.
    places: Arc<Semaphore>,
    /// Byte budget with the clients' shares; `None` for a few trusted clients.
    budget: Option<Budget>,
    /// True if each client has a share; false behind trusted proxies.
    has_shares: bool,
    /// Connections to be closed, in order of time.
    refused: VecDeque<Refused>,
    /// Places that refused connections must leave free.
    spared: usize,
    /// Limits the log messages about failed accepts.
    warnings: RateLimiter,
}

/// A connection beyond its client's share, which holds a permit until it is closed.
#[derive(Debug)]
struct Refused {
    /// Time at which it is closed.
    until: Instant,
    /// Held open until then, so that the client does not reconnect at once.
    _stream: TcpStream,
    /// Returned when the connection is closed.
    _permit: OwnedSemaphorePermit,
}

/// The place of an open connection.
#[derive(Debug)]
pub(super) struct ConnectionPermit {
    /// Memory charged to the client; `None` if the listener has no budget.
    lease: Option<Lease>,
    /// True once the memory for many streams is charged.
    has_streams: bool,
    /// Returned when the connection ends.
    _permit: OwnedSemaphorePermit,
}

impl ConnectionPermit {
    /// Charges the memory of a connection with many streams, once.
    ///
    /// # Errors
    ///
    /// Fails if the budget or the client's share has not that much left.
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
    /// Limits a listener's connections, with at most half of their memory for one client.
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

    /// Limits a listener's connections to so few that their memory is not charged.
    pub(super) fn few(listener: TcpListener, limit: usize) -> Self {
        let places = Arc::new(Semaphore::new(limit));
        let (refused, warnings) = (VecDeque::new(), RateLimiter::once_a_minute());
        Self { listener, places, budget: None, has_shares: false, refused, spared: limit, warnings }
    }

    /// Waits for the next connection that has a permit.
    pub(super) async fn next(&mut self) -> (TcpStream, SocketAddr, ConnectionPermit) {
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
                                ConnectionPermit { lease, has_streams: false, _permit: permit },
                            );
                        }
                        Err(_) => self.refuse(stream, permit),
                    }
                }
                Err(error) => self.failed(&error).await,
            }
        }
    }

    /// Closes the listener, and returns the connections from its backlog: they would be reset with it, with every byte sent
    /// on them.
    pub(super) fn close(self) -> Vec<(TcpStream, SocketAddr, ConnectionPermit)> {
        let mut waiting = Vec::new();
        let Self { listener, places, budget, has_shares, .. } = self;
        let Ok(listener) = listener.into_std() else { return waiting };
        while let Ok(permit) = Arc::clone(&places).try_acquire_owned() {
            // Never blocks: the backlog is empty, or the system refuses.
            let Ok((stream, peer)) = listener.accept() else { break };
            let place = |lease| ConnectionPermit { lease, has_streams: false, _permit: permit };
            if let (Ok(stream), Ok(lease)) =
                (tokio_stream(stream), lease(budget.as_ref(), has_shares, peer.ip()))
            {
                waiting.push((stream, peer, place(lease)));
            }
        }
        waiting
    }

    /// Delays the close of a connection beyond its share, while places are free.
    fn refuse(&mut self, stream: TcpStream, permit: OwnedSemaphorePermit) {
        if self.places.available_permits() > self.spared {
            let until = Instant::now() + MOMENT;
            self.refused.push_back(Refused { until, _stream: stream, _permit: permit });
        }
    }

    /// Reports a failed accept, and pauses.
    async fn failed(&self, error: &io::Error) {
        if self.warnings.permits() {
            tracing::warn!(%error, "failed to accept a connection; retrying");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Charges a new connection to its client.
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

/// Waits for a permit, then for a connection.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let permit = Arc::clone(places).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    Ok((stream, peer, permit))
}

/// Waits until a refused connection is to be closed; forever without one.
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
