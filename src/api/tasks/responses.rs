//! Responses to changes: what is there now, as it was encoded and recorded, and its entity tag.

use bytes::Bytes;
use poem_openapi::ApiResponse;
use poem_openapi::types::Type;

use crate::capacity::budget::Lease;
use crate::http::request::json::Encoded;
use crate::tasks::idempotency::record::CommandAnswer;

/// What is there after a change.
#[derive(Debug, ApiResponse)]
pub(super) enum Changed<T: Type + Send> {
    /// Done. The body is what is there now.
    #[oai(status = 200)]
    Done(
        Encoded<T>,
        /// Entity tag of what is there now: send it back in `If-Match`.
        #[oai(header = "ETag")]
        String,
    ),
}

impl<T: Type + Send> From<CommandAnswer> for Changed<T> {
    fn from(answer: CommandAnswer) -> Self {
        let etag = answer.etag.clone().unwrap_or_default();
        Self::Done(encoded(answer), etag)
    }
}

/// An encoded answer, with the lease for its memory until the client has it.
struct LeasedAnswer {
    /// Body as it is sent.
    body: String,
    /// Lease for its bytes, returned when the last of them is sent.
    _room: Lease,
}

impl AsRef<[u8]> for LeasedAnswer {
    fn as_ref(&self) -> &[u8] {
        self.body.as_bytes()
    }
}

impl<T: Type + Send> Changed<T> {
    /// Response with the memory that was leased before the change was made. The lease ends when the last byte is sent, or
    /// the client has gone.
    pub(super) fn kept(answer: CommandAnswer, mut room: Lease) -> Self {
        let etag = answer.etag.unwrap_or_default();
        let body = String::from(Box::<str>::from(answer.body));
        // The body may be larger than estimated: then it is sent anyway, since the change is made.
        match body.len().checked_sub(room.bytes()) {
            Some(more) => drop(room.grow(more)),
            None => room.shrink_to(body.len()),
        }
        Self::Done(Encoded::new(Bytes::from_owner(LeasedAnswer { body, _room: room })), etag)
    }
}

/// Body of an answer, as it was encoded.
pub(super) fn encoded<T>(answer: CommandAnswer) -> Encoded<T> {
    let body: Box<str> = answer.body.into();
    Encoded::new(Bytes::from(String::from(body)))
}
