//! `GET /.well-known/jwks.json`: the public keys that verify access tokens.
//!
//! The bodies describe the set in the OpenAPI document. The set that is served is encoded once, by `keys`.

use poem::Request;
use poem_openapi::types::Example;
use poem_openapi::{Object, OpenApi, Union};

use crate::api::state::State;
use crate::api::tag::Tag;
use crate::http::response::conditional::ConditionalResponse;
use crate::http::response::etag;
use crate::http::response::failure::Failure;
use crate::keys::jwk::{OkpJwk, RsaJwk};

crate::statuses! {
    /// Statuses of the failures of `GET /.well-known/jwks.json`, without `500`.
    Statuses:;
}

/// A JSON Web Key Set (RFC 7517, section 5).
#[derive(Debug, Clone, PartialEq, Eq, Object)]
#[oai(example)]
pub struct JsonWebKeySet {
    /// The public keys.
    pub keys: Vec<JwkBody>,
}

/// A public key that verifies access tokens.
#[derive(Debug, Clone, PartialEq, Eq, Union)]
#[oai(rename = "JsonWebKey", one_of, discriminator_name = "kty")]
pub enum JwkBody {
    /// For `RS256`.
    #[oai(mapping = "RSA")]
    Rsa(RsaKey),
    /// For `EdDSA`.
    #[oai(mapping = "OKP")]
    Okp(OkpKey),
}

/// An RSA public key for `RS256` signatures (RFC 7518, section 6.3).
#[derive(Debug, Clone, PartialEq, Eq, Object)]
#[oai(rename = "RsaJsonWebKey", example)]
pub struct RsaKey {
    /// What the key is for (RFC 7517, section 4.2): always `sig`.
    #[oai(rename = "use")]
    pub purpose: String,
    /// The algorithm it is used with (RFC 7518, section 3.1): always `RS256`.
    pub alg: String,
    /// Key id: the key's SHA-256 thumbprint (RFC 7638).
    pub kid: String,
    /// Modulus, base64url.
    pub n: String,
    /// Public exponent, base64url.
    pub e: String,
}

/// An Ed25519 public key for `EdDSA` signatures (RFC 8037, section 2).
#[derive(Debug, Clone, PartialEq, Eq, Object)]
#[oai(rename = "OkpJsonWebKey", example)]
pub struct OkpKey {
    /// What the key is for (RFC 7517, section 4.2): always `sig`.
    #[oai(rename = "use")]
    pub purpose: String,
    /// The algorithm it is used with (RFC 8037, section 3.1): always `EdDSA`.
    pub alg: String,
    /// Key id: the key's SHA-256 thumbprint (RFC 7638).
    pub kid: String,
    /// The curve: always `Ed25519`.
    pub crv: String,
    /// The public key, base64url.
    pub x: String,
}

impl Example for JsonWebKeySet {
    fn example() -> Self {
        Self { keys: vec![JwkBody::Rsa(RsaKey::example()), JwkBody::Okp(OkpKey::example())] }
    }
}

impl Example for RsaKey {
    fn example() -> Self {
        let RsaJwk { purpose, alg, kid, n, e } = RsaJwk::example();
        Self { purpose, alg, kid, n, e }
    }
}

impl Example for OkpKey {
    fn example() -> Self {
        let OkpJwk { purpose, alg, kid, crv, x } = OkpJwk::example();
        Self { purpose, alg, kid, crv, x }
    }
}

/// Endpoint of the operation `getKeys`.
#[derive(Debug, Default)]
pub struct GetKeys;

#[OpenApi(tag = "Tag::Keys")]
impl GetKeys {
    /// Public keys
    ///
    /// The JSON Web Key Set (RFC 7517) with which anybody can verify access tokens; the token's `kid` says which key, and
    /// the key says which algorithm. Answers may be cached for as long as `Cache-Control` says: a key is in the set for
    /// longer than that before it signs. `ETag` and `If-None-Match` save the transfer.
    #[oai(path = "/.well-known/jwks.json", method = "get", operation_id = "getKeys")]
    async fn keys(
        &self,
        request: &Request,
    ) -> Result<ConditionalResponse<JsonWebKeySet>, Failure<Statuses>> {
        let state = State::of(request)?;
        // Without the database, verifiers get the keys that are known, which they may not cache then.
        let is_fresh =
            state.gate.freshness.of_keys().await.is_ok() && state.gate.follower.is_following();
        let keys = state.gate.keys.key_set();
        let max_age = state.gate.keys.jwks_max_age().as_secs();
        let cache =
            if is_fresh { format!("public, max-age={max_age}") } else { "no-cache".to_owned() };
        let (body, tag) = (keys.document.clone(), etag::of_hash(keys.document_hash.as_ref()));
        Ok(ConditionalResponse::answer(request, body, tag, cache))
    }
}
