//! Conditional answers: cacheable, with an entity tag, and not sent again to a client that has them.

use bytes::Bytes;
use poem::Request;
use poem::http::header;
use poem_openapi::ApiResponse;
use poem_openapi::types::Type;

use super::etag;
use crate::http::header_of;
use crate::http::request::json::Encoded;

/// An answer that may be kept, or that it is the one the client has.
#[derive(Debug, ApiResponse)]
pub enum ConditionalResponse<T: Type + Send> {
    /// The answer.
    #[oai(status = 200)]
    Answer(
        Encoded<T>,
        /// Entity tag: send it back in `If-None-Match`.
        #[oai(header = "ETag")]
        String,
        /// How long the answer may be kept.
        #[oai(header = "Cache-Control")]
        String,
    ),
    /// The answer is the one the client has.
    #[oai(status = 304)]
    NotModified(
        /// Entity tag.
        #[oai(header = "ETag")]
        String,
        /// How long the answer may be kept.
        #[oai(header = "Cache-Control")]
        String,
    ),
}

impl<T: Type + Send> ConditionalResponse<T> {
    /// Answers with the encoded `body` and this entity tag, unless the client has it (RFC 9110, section 13.1.2).
    pub fn answer(request: &Request, body: Bytes, tag: String, cache_control: String) -> Self {
        let is_known = header_of(request, &header::IF_NONE_MATCH)
            .is_some_and(|tags| etag::matches(tags, &tag));
        if is_known {
            Self::NotModified(tag, cache_control)
        } else {
            Self::Answer(Encoded::new(body), tag, cache_control)
        }
    }
}
