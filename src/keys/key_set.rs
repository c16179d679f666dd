//! The key set as this node uses it: parsed keys and the JWKS document, made once per change of the ring.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use jsonwebtoken::DecodingKey;
use poem_openapi::types::Example;
use serde::{Deserialize, Serialize};

use super::jwk::Jwk;
use super::key_ring::KeyRing;
use super::private_key::KeyError;
use super::signing::Signing;
use super::verified::VerifiedTokens;
use crate::eventlog::Published;
use crate::http::etag;

/// A JSON Web Key Set (RFC 7517, section 5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, poem_openapi::Object)]
#[oai(example)]
pub struct JsonWebKeySet {
    /// The public keys.
    pub keys: Vec<Jwk>,
}

impl Example for JsonWebKeySet {
    fn example() -> Self {
        Self { keys: vec![Jwk::example()] }
    }
}

/// Everything needed to sign, to verify and to serve the JWKS. Immutable; replaced as a whole.
pub struct KeySet {
    /// Version of the ring it was made from.
    pub version: i64,
    /// The key that signs.
    pub signing: Arc<Signing>,
    /// What tokens of these keys were found to be.
    pub verified: VerifiedTokens,
    /// Public keys by key id.
    pub verifying: HashMap<String, DecodingKey>,
    /// The JWKS document.
    pub document: Bytes,
    /// Its entity tag (RFC 9110, section 8.8.3).
    pub etag: String,
}

/// Shows key ids only.
impl std::fmt::Debug for KeySet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeySet")
            .field("signing", &self.signing)
            .field("verifying", &self.verifying.keys())
            .finish_non_exhaustive()
    }
}

impl KeySet {
    /// The set of a ring whose signing key has this PKCS#1 private key.
    ///
    /// # Errors
    ///
    /// When a key is not an RSA key.
    pub fn new(
        ring: &Published<KeyRing>,
        kid: String,
        private_der: &[u8],
    ) -> Result<Self, KeyError> {
        let mut verifying = HashMap::new();
        for key in ring.state.keys.values() {
            let parsed = DecodingKey::from_rsa_components(&key.public.n, &key.public.e)
                .map_err(|error| KeyError::NotMade(error.to_string()))?;
            verifying.insert(key.public.kid.clone(), parsed);
        }
        let keys = ring.state.keys.values().map(|key| key.public.clone()).collect();
        let document = serde_json::to_vec(&JsonWebKeySet { keys })
            .map_err(|e| KeyError::NotMade(e.to_string()))?;
        let etag = etag::of(&document);
        let signing = Arc::new(Signing::new(kid, private_der)?);
        let (version, verified) = (ring.version, VerifiedTokens::new());
        Ok(Self { version, signing, verified, verifying, document: document.into(), etag })
    }
}
