//! The JWKS endpoint.

use poem::Request;
use poem::http::header;
use poem_openapi::{ApiResponse, OpenApi};

use super::key_set::JsonWebKeySet;
use crate::http::caller;
use crate::http::etag;
use crate::http::failure::Failure;
use crate::http::header_of;
use crate::http::json::Encoded;
use crate::http::tag::Tag;

crate::statuses! {
    /// `GET /.well-known/jwks.json`
    GetKeys:;
}

/// How long verifiers may keep the keys: a rotated-in key is found by its unknown `kid` before that.
const CACHE_CONTROL: &str = "public, max-age=600";

/// The keys, or that they have not changed.
#[derive(Debug, ApiResponse)]
enum KeysResponse {
    /// The public keys.
    #[oai(status = 200)]
    Keys(
        Encoded<JsonWebKeySet>,
        /// Entity tag: send it back in `If-None-Match`.
        #[oai(header = "ETag")]
        String,
        /// How long the keys may be kept.
        #[oai(header = "Cache-Control")]
        String,
    ),
    /// The keys are the ones the client has.
    #[oai(status = 304)]
    NotModified(
        /// Entity tag.
        #[oai(header = "ETag")]
        String,
        /// How long the keys may be kept.
        #[oai(header = "Cache-Control")]
        String,
    ),
}

/// The JWKS endpoint.
#[derive(Debug)]
pub struct KeysApi;

#[OpenApi(tag = "Tag::Keys")]
impl KeysApi {
    /// Public keys
    ///
    /// The JSON Web Key Set (RFC 7517) with which anybody can verify access tokens: `RS256`, chosen by the token's
    /// `kid`. Answers may be cached as `Cache-Control` says; `ETag` and `If-None-Match` save the transfer.
    #[expect(clippy::unused_async, reason = "an endpoint")]
    #[oai(path = "/.well-known/jwks.json", method = "get", operation_id = "getKeys")]
    async fn keys(&self, request: &Request) -> Result<KeysResponse, Failure<GetKeys>> {
        let keys = caller::state(request)?.keys.key_set();
        let (tag, cache) = (keys.etag.clone(), CACHE_CONTROL.to_owned());
        let known = header_of(request, &header::IF_NONE_MATCH)
            .is_some_and(|tags| etag::matches(tags, &tag));
        Ok(if known {
            KeysResponse::NotModified(tag, cache)
        } else {
            KeysResponse::Keys(Encoded::new(keys.document.clone()), tag, cache)
        })
    }
}
