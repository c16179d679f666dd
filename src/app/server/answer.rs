//! The body of an answer on its way to the client.
//!
//! It goes out in pieces: the protocol holds what it was given until the client takes it, without a lease and without a
//! deadline. Until its last piece is taken, the request counts as in flight, and the answer keeps its lease.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

use super::traffic::InFlight;
use crate::http::response::response_lease::ResponseLease;

/// Most bytes given to the protocol at once, on a connection with one request at a time.
const PIECE: usize = 64 * 1024;
/// Most bytes given at once to one of many streams on a connection.
const PIECE_OF_STREAM: usize = 4 * 1024;

/// Response body, cut into pieces.
#[derive(Debug)]
pub(super) struct ResponseBody<B> {
    /// The body as the endpoint made it.
    body: B,
    /// Bytes that the body has yielded and the protocol has not been given yet.
    rest: Bytes,
    /// Most bytes of a piece, by the kind of connection.
    piece: usize,
    /// Keeps the request in flight, and notes progress for the deadlines.
    in_flight: InFlight,
    /// Memory lease of the answer, returned once it is sent.
    _held: Option<ResponseLease>,
}

impl<B> ResponseBody<B> {
    /// Body of the answer to a request.
    pub(super) fn new(body: B, in_flight: InFlight, held: Option<ResponseLease>) -> Self {
        let piece = if in_flight.is_one_of_many() { PIECE_OF_STREAM } else { PIECE };
        Self { body, rest: Bytes::new(), piece, in_flight, _held: held }
    }

    /// Cuts off the next piece, and notes that it waits for the client.
    fn next_piece(&mut self) -> Frame<Bytes> {
        let length = self.rest.len().min(self.piece);
        self.in_flight.gave();
        Frame::data(self.rest.split_to(length))
    }
}

impl<B: Body<Data = Bytes, Error = io::Error> + Unpin> Body for ResponseBody<B> {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.in_flight.taken();
        if !self.rest.is_empty() {
            return Poll::Ready(Some(Ok(self.next_piece())));
        }
        let frame = match ready!(Pin::new(&mut self.body).poll_frame(context)) {
            Some(Ok(frame)) => frame,
            end => return Poll::Ready(end),
        };
        Poll::Ready(Some(Ok(match frame.into_data() {
            Ok(data) => {
                self.rest = data;
                self.next_piece()
            }
            Err(trailers) => trailers,
        })))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (hint, rest) = (self.body.size_hint(), self.rest.len() as u64);
        let mut all = SizeHint::new();
        all.set_lower(hint.lower() + rest);
        if let Some(upper) = hint.upper() {
            all.set_upper(upper + rest);
        }
        all
    }
}
