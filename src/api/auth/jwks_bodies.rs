//! The JSON Web Key Set as the OpenAPI document describes it. The set that is served is encoded once, by `keys`.

use poem_openapi::types::Example;
use poem_openapi::{Object, Union};

use crate::keys::jwk::{OkpJwk, RsaJwk};

/// A JSON Web Key Set (RFC 7517, section 5).
#[derive(Debug, Clone, PartialEq, Eq, Object)]
#[oai(example)]
pub struct JsonWebKeySet {
    /// The public keys.
    pub keys: Vec<Key>,
}

/// A public key that verifies access tokens.
#[derive(Debug, Clone, PartialEq, Eq, Union)]
#[oai(rename = "JsonWebKey", one_of, discriminator_name = "kty")]
pub enum Key {
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
        Self { keys: vec![Key::Rsa(RsaKey::example()), Key::Okp(OkpKey::example())] }
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
