//! The key set as this node uses it: parsed keys and the JWKS document, made once per change of the ring.

use std::collections::HashMap;
use std::sync::Arc;

use aws_lc_rs::digest::{Digest, SHA256, digest};
use bytes::Bytes;
use jsonwebtoken::DecodingKey;
use serde::Serialize;

use super::jwk::Jwk;
use super::private::private_key::PrivateKeyError;
use super::private::signing::Signing;
use super::ring::schedule::Schedule;
use super::ring::{KeyExit, KeyRing, KeyStage};
use super::tokens::verified::VerifiedTokens;
use crate::base::clock::Timestamp;
use crate::eventlog::Published;

/// A JSON Web Key Set (RFC 7517, section 5).
#[derive(Serialize)]
struct JsonWebKeySet {
    /// Public keys of every stage, ordered by key id, so that all nodes serve the same bytes and the same entity tag.
    keys: Vec<Jwk>,
}

/// Everything needed to sign, to verify and to serve the JWKS. Immutable; replaced as a whole.
pub struct KeySet {
    /// Version of the ring that this set was made from.
    pub version: i64,
    /// The signing key; none while its private half cannot be opened.
    pub signing: Option<Arc<Signing>>,
    /// Results of verifying tokens with these keys; they leave with the set.
    pub verified: VerifiedTokens,
    /// Public keys that verify, by key id.
    pub verifying: HashMap<String, Verifying>,
    /// Keys that left the ring, by key id, with the way in which they left.
    pub gone: HashMap<String, KeyExit>,
    /// Stage of each key, for metrics.
    pub stages: Vec<KeyStage>,
    /// Time of the ring's next change, for the KeyManager's alarm.
    pub due: Timestamp,
    /// The JWKS document, serialised once for all requests.
    pub document: Bytes,
    /// SHA-256 hash of the document, for its entity tag.
    pub document_hash: Digest,
}

/// A parsed public key.
pub struct Verifying {
    /// Public key in the form that `jsonwebtoken` verifies with.
    pub key: DecodingKey,
    /// The one algorithm that tokens of this key may name.
    pub algorithm: jsonwebtoken::Algorithm,
}

impl Verifying {
    /// Parses a public key.
    ///
    /// # Errors
    ///
    /// If its members are not base64url.
    pub fn new(key: &Jwk) -> Result<Self, PrivateKeyError> {
        let parsed = match key {
            Jwk::Rsa(key) => DecodingKey::from_rsa_components(&key.n, &key.e),
            Jwk::Okp(key) => DecodingKey::from_ed_components(&key.x),
        };
        let parsed = parsed.map_err(|error| PrivateKeyError::NotMade(error.to_string()))?;
        Ok(Self { key: parsed, algorithm: key.algorithm().in_header() })
    }
}

/// Shows the algorithm and not the key material.
impl std::fmt::Debug for Verifying {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verifying").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
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
    /// Builds the set of a ring, with the signing key if it could be opened.
    ///
    /// # Errors
    ///
    /// If the ring has no keys, or a public key cannot be parsed.
    pub fn new(
        ring: &Published<KeyRing>,
        schedule: &Schedule,
        signing: Option<Arc<Signing>>,
    ) -> Result<Self, PrivateKeyError> {
        let state = &ring.state;
        let none = || PrivateKeyError::Missing("(none)".to_owned());
        let verifying = state
            .keys
            .iter()
            .map(|(kid, key)| Ok((kid.clone(), Verifying::new(&key.public)?)))
            .collect::<Result<_, PrivateKeyError>>()?;
        let keys = state.keys.values().map(|key| key.public.clone()).collect();
        let document = serde_json::to_vec(&JsonWebKeySet { keys })
            .map_err(|e| PrivateKeyError::NotMade(e.to_string()))?;
        Ok(Self {
            version: ring.version,
            signing,
            verified: VerifiedTokens::new(),
            verifying,
            stages: state.keys.values().map(|key| key.stage).collect(),
            gone: state.gone.iter().cloned().collect(),
            due: state.due(schedule).ok_or_else(none)?,
            document_hash: digest(&SHA256, &document),
            document: document.into(),
        })
    }
}
