//! Generation of private keys.
//!
//! The `rsa` crate only generates and encodes; it never signs or decrypts (RUSTSEC-2023-0071 concerns those).

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use rsa::pkcs1::EncodeRsaPrivateKey;
use rsa::traits::PublicKeyParts;
use zeroize::Zeroizing;

use crate::keys::algorithm::Algorithm;
use crate::keys::jwk::Jwk;

/// A private key and its public half.
pub struct PrivateKey {
    /// Public half, which names the pair by its key id.
    pub public: Jwk,
    /// Private half as DER (PKCS#1 of an RSA key, PKCS#8 of an Ed25519 key), wiped from memory when dropped.
    pub der: Zeroizing<Vec<u8>>,
}

/// Shows the public half only.
impl std::fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PrivateKey").field("kid", &self.public.kid()).finish_non_exhaustive()
    }
}

/// A key could not be made, sealed or opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PrivateKeyError {
    /// Generating or encoding failed.
    #[error("failed to generate a key: {0}")]
    NotMade(String),
    /// The cipher refused a key or had no randomness for a nonce.
    #[error("failed to seal a key")]
    NotSealed,
    /// The secret is not the one the key was sealed with, or the sealed key was altered.
    #[error(
        "the signing key {0} cannot be opened with this secret. Start with the KEYFOLD_SECRET it was sealed with, or \
         name that one in KEYFOLD_PREVIOUS_SECRETS; no new key is made, because tokens signed by this one are in use. If \
         that secret is lost for good, `keyfold keys replace --lost` makes a new key."
    )]
    WrongSecret(String),
    /// The signing key has no sealed private key in the database.
    #[error(
        "the signing key {0} has no private key in the database. Restore a backup that has it; if there is none, \
         `keyfold keys replace --lost` makes a new key."
    )]
    Missing(String),
}

impl PrivateKeyError {
    #[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
    fn not_made(reason: impl ToString) -> Self {
        Self::NotMade(reason.to_string())
    }
}

impl PrivateKey {
    /// Generates a random key.
    ///
    /// # Errors
    ///
    /// If there is no randomness or no prime is found.
    pub fn generate(algorithm: Algorithm) -> Result<Self, PrivateKeyError> {
        match algorithm {
            Algorithm::Rs256 { bits } => Self::rsa(bits),
            Algorithm::EdDsa => Self::ed25519(),
        }
    }

    fn rsa(bits: usize) -> Result<Self, PrivateKeyError> {
        let mut random = rsa::rand_core::OsRng;
        let key = rsa::RsaPrivateKey::new(&mut random, bits).map_err(PrivateKeyError::not_made)?;
        let public = Jwk::rs256(&key.n().to_bytes_be(), &key.e().to_bytes_be());
        let der = key.to_pkcs1_der().map_err(PrivateKeyError::not_made)?;
        Ok(Self { public, der: Zeroizing::new(der.as_bytes().to_vec()) })
    }

    fn ed25519() -> Result<Self, PrivateKeyError> {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())
            .map_err(PrivateKeyError::not_made)?;
        let der = Zeroizing::new(document.as_ref().to_vec());
        let key = Ed25519KeyPair::from_pkcs8(&der).map_err(PrivateKeyError::not_made)?;
        Ok(Self { public: Jwk::ed25519(key.public_key().as_ref()), der })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::key_set::Verifying;
    use crate::keys::private::signing::Signing;

    #[test]
    fn a_generated_key_signs_what_its_public_half_verifies() {
        let sizes = [3072, 4096].map(|bits| Algorithm::Rs256 { bits });
        for algorithm in sizes.into_iter().chain([Algorithm::EdDsa]) {
            let key = PrivateKey::generate(algorithm).unwrap();
            assert_eq!(key.public.algorithm(), algorithm);
            let token = Signing::new(&key.public, &key.der).unwrap().sign(&"claims").unwrap();
            let (message, signature) = token.rsplit_once('.').unwrap();
            let Verifying { key: verifying, algorithm } = Verifying::new(&key.public).unwrap();
            let verified =
                jsonwebtoken::crypto::verify(signature, message.as_bytes(), &verifying, algorithm);
            assert_eq!(verified.ok(), Some(true));
        }
    }
}
