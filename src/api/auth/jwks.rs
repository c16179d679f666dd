//! The JWKS endpoint.

use poem::Request;
use poem_openapi::OpenApi;

use super::jwks_bodies::JsonWebKeySet;
use crate::api::state::State;
use crate::api::tag::Tag;
use crate::http::response::conditional::Cached;
use crate::http::response::etag;
use crate::http::response::failure::Failure;

crate::statuses! {
    /// `GET /.well-known/jwks.json`
    GetKeys:;
}

/// The JWKS endpoint.
#[derive(Debug)]
pub struct KeysApi;

#[OpenApi(tag = "Tag::Keys")]
impl KeysApi {
    /// Public keys
    ///
    /// The JSON Web Key Set (RFC 7517) with which anybody can verify access tokens; the token's `kid` says which key, and
    /// the key says which algorithm. Answers may be cached for as long as `Cache-Control` says: a key is in the set for
    /// longer than that before it signs. `ETag` and `If-None-Match` save the transfer.
    #[oai(path = "/.well-known/jwks.json", method = "get", operation_id = "getKeys")]
    async fn keys(&self, request: &Request) -> Result<Cached<JsonWebKeySet>, Failure<GetKeys>> {
        let state = State::of(request)?;
        // A database that is away leaves verifiers the keys that are known, which may not be kept then.
        let is_fresh =
            state.gate.freshness.of_keys().await.is_ok() && state.gate.follower.is_following();
        let keys = state.gate.keys.key_set();
        let max_age = state.gate.keys.jwks_max_age().as_secs();
        let cache =
            if is_fresh { format!("public, max-age={max_age}") } else { "no-cache".to_owned() };
        let (body, tag) = (keys.document.clone(), etag::of_hash(keys.document_hash.as_ref()));
        Ok(Cached::answer(request, body, tag, cache))
    }
}
