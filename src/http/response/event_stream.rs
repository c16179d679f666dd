//! Streams of server-sent events, which last for as long as this node follows the log.

use std::fmt;
use std::time::Duration;

use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt};
use poem::Request;
use poem::http::HeaderName;
use poem::web::sse::Event;
use poem_openapi::ApiResponse;
use poem_openapi::payload::EventStream;
use poem_openapi::types::{ToJSON, Type};

use super::problem::Problem;
use crate::capacity::budget::{Budget, Holder, Lease};
use crate::capacity::memory::STREAM;
use crate::http::header_of;
use crate::telemetry::client_address;

/// Interval of the comments that keep a silent stream from being taken for a dead one.
const HEARTBEAT: Duration = Duration::from_secs(15);

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// What happens, as it happens.
#[derive(ApiResponse)]
pub enum EventStreamResponse<T: Type + ToJSON + Send + 'static> {
    /// Server-sent events, one for each thing that happens.
    #[oai(status = 200)]
    Events(
        EventStream<BoxStream<'static, T>>,
        /// A stream is never kept.
        #[oai(header = "Cache-Control")]
        String,
        /// Asks a reverse proxy to hand on every event at once.
        #[oai(header = "X-Accel-Buffering")]
        String,
    ),
}

impl<T: Type + ToJSON + Send + 'static> EventStreamResponse<T> {
    /// Streams items as events until the stream of them ends. The lease is released then, or once the client goes away.
    pub fn of(
        place: Lease,
        happens: impl Stream<Item = T> + Send + 'static,
        event: fn(T) -> Event,
    ) -> Self {
        let happens = happens.inspect(move |_| _ = &place).boxed();
        let events = told(happens, event, HEARTBEAT);
        Self::Events(events, "no-store".to_owned(), "no".to_owned())
    }
}

impl<T: Type + ToJSON + Send + 'static> fmt::Debug for EventStreamResponse<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Live")
    }
}

/// Takes a lease for a stream.
///
/// One client has at most its share, so that it cannot keep others from theirs. A stream for which there is no room is
/// refused: if the oldest one were evicted instead, it would connect again, and evict the next.
///
/// # Errors
///
/// If there is no room.
pub fn place(places: &Budget) -> Result<Lease, Problem> {
    let client = client_address().map_or(Holder::Node, Holder::client);
    places.lease(client, STREAM).map_err(|_| Problem::too_many_streams())
}

/// Returns the last event that a client knows, with the name of its field: the header that a browser sends on reconnecting
/// takes precedence.
pub fn last_known<'a>(
    request: &'a Request,
    since: Option<&'a str>,
) -> (&'static str, Option<&'a str>) {
    // A client that knows no event sends an empty one (HTML, section 9.2). A type of the document has an `is_empty` of its own.
    match header_of(request, &LAST_EVENT_ID).filter(|last| !str::is_empty(last)) {
        Some(last) => ("Last-Event-ID", Some(last)),
        None => ("since", since),
    }
}

/// Sends the events, and a comment after every `heartbeat`.
pub(crate) fn told<T: Type + ToJSON + Send + 'static>(
    happens: BoxStream<'static, T>,
    event: fn(T) -> Event,
    heartbeat: Duration,
) -> EventStream<BoxStream<'static, T>> {
    EventStream::new(happens).keep_alive(heartbeat).to_event(event)
}
