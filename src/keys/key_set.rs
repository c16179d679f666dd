//! The key set as this node uses it: parsed keys and the JWKS document, made once per change of the ring.

use std::collections::HashMap;
use std::sync::Arc;

use aws_lc_rs::digest::{Digest, SHA256, digest};
use bytes::Bytes;
use jsonwebtoken::DecodingKey;
use serde::Serialize;

use super::jwk::Jwk;
use super::private::private_key::KeyError;
use super::private::signing::Signing;
use super::ring::schedule::Schedule;
use super::ring::{Fate, KeyRing, Stage};
use super::tokens::verified::VerifiedTokens;
use crate::base::clock::Timestamp;
use crate::eventlog::Published;

/// A JSON Web Key Set (RFC 7517, section 5).
#[derive(Serialize)]
struct JsonWebKeySet {
    keys: Vec<Jwk>,
}

/// Everything needed to sign, to verify and to serve the JWKS. Immutable; replaced as a whole.
pub struct KeySet {
    /// Version of the ring it was made from.
    pub version: i64,
    /// The key that signs; none while its private half cannot be opened.
    pub signing: Option<Arc<Signing>>,
    /// What tokens of these keys were found to be.
    pub verified: VerifiedTokens,
    /// Public keys by key id.
    pub verifying: HashMap<String, Verifying>,
    /// Keys that left the ring by key id.
    pub gone: HashMap<String, Fate>,
    /// Where each key stands.
    pub stages: Vec<Stage>,
    /// When the ring changes next.
    pub due: Timestamp,
    /// The JWKS document.
    pub document: Bytes,
    /// The SHA-256 hash of the document.
    pub document_hash: Digest,
}

/// A parsed public key.
pub struct Verifying {
    /// The key.
    pub key: DecodingKey,
    /// The one algorithm it verifies.
    pub algorithm: jsonwebtoken::Algorithm,
}

impl Verifying {
    /// The parsed key.
    ///
    /// # Errors
    ///
    /// When its members are not base64url.
    pub fn new(key: &Jwk) -> Result<Self, KeyError> {
        let parsed = match key {
            Jwk::Rsa(key) => DecodingKey::from_rsa_components(&key.n, &key.e),
            Jwk::Okp(key) => DecodingKey::from_ed_components(&key.x),
        };
        let parsed = parsed.map_err(|error| KeyError::NotMade(error.to_string()))?;
        Ok(Self { key: parsed, algorithm: key.algorithm().in_header() })
    }
}

/// Shows the algorithm only.
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
    /// The set of a ring, with the key that signs if it could be opened.
    ///
    /// # Errors
    ///
    /// When no key signs, or a key is not what it says.
    pub fn new(
        ring: &Published<KeyRing>,
        schedule: &Schedule,
        signing: Option<Arc<Signing>>,
    ) -> Result<Self, KeyError> {
        let state = &ring.state;
        let none = || KeyError::Missing("(none)".to_owned());
        let verifying = state
            .keys
            .iter()
            .map(|(kid, key)| Ok((kid.clone(), Verifying::new(&key.public)?)))
            .collect::<Result<_, KeyError>>()?;
        let keys = state.keys.values().map(|key| key.public.clone()).collect();
        let document = serde_json::to_vec(&JsonWebKeySet { keys })
            .map_err(|e| KeyError::NotMade(e.to_string()))?;
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
