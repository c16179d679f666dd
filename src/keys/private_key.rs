//! RSA private keys: made here, and sealed before they are stored.
//!
//! The `rsa` crate only generates and encodes; it never signs or decrypts (RUSTSEC-2023-0071 concerns those). Sealing
//! is AES-256-GCM under a key derived from the server's secret (HKDF-SHA256, RFC 5869), with the key id authenticated,
//! so that a sealed key cannot be passed off as another one.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use rsa::pkcs1::EncodeRsaPrivateKey;
use rsa::traits::PublicKeyParts;
use zeroize::Zeroizing;

use super::jwk::Jwk;

/// Size of generated keys.
pub const BITS: usize = 2048;

/// A private key and its public half.
pub struct PrivateKey {
    /// The public half.
    pub public: Jwk,
    /// The key as PKCS#1 DER.
    pub der: Zeroizing<Vec<u8>>,
}

/// Shows the public half only.
impl std::fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PrivateKey").field("kid", &self.public.kid).finish_non_exhaustive()
    }
}

/// A key could not be made, sealed or opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Generating or encoding failed.
    #[error("an RSA key could not be made: {0}")]
    NotMade(String),
    /// Sealing failed.
    #[error("a key could not be sealed")]
    NotSealed,
    /// The secret is not the one the key was sealed with, or the sealed key was altered.
    #[error(
        "the signing key {0} cannot be opened with this secret. Start with the KEYFOLD_SECRET it was sealed with; \
         no new key is made, because tokens signed by this one are in use."
    )]
    WrongSecret(String),
    /// The signing key has no sealed private key in the database.
    #[error("the signing key {0} has no private key in the database")]
    Missing(String),
}

impl PrivateKey {
    /// A new random key.
    ///
    /// # Errors
    ///
    /// When there is no randomness or no prime is found.
    pub fn generate() -> Result<Self, KeyError> {
        let mut random = rsa::rand_core::OsRng;
        let key = rsa::RsaPrivateKey::new(&mut random, BITS)
            .map_err(|error| KeyError::NotMade(error.to_string()))?;
        Self::from_rsa(&key)
    }

    fn from_rsa(key: &rsa::RsaPrivateKey) -> Result<Self, KeyError> {
        let public = Jwk::rs256(&key.n().to_bytes_be(), &key.e().to_bytes_be());
        let der = key.to_pkcs1_der().map_err(|error| KeyError::NotMade(error.to_string()))?;
        Ok(Self { public, der: Zeroizing::new(der.as_bytes().to_vec()) })
    }
}

/// Seals and opens private keys under one secret.
pub struct Sealer(RandomizedNonceKey);

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealer")
    }
}

/// Separates this use of the secret from every other.
const PURPOSE: &[u8] = b"keyfold signing key sealing v1";

impl Sealer {
    /// A sealer whose key is derived from `secret`.
    ///
    /// # Errors
    ///
    /// When the cipher refuses the derived key, which its length excludes.
    pub fn new(secret: &[u8]) -> Result<Self, KeyError> {
        let mut key = Zeroizing::new([0_u8; 32]);
        let pseudorandom = Salt::new(HKDF_SHA256, &[]).extract(secret);
        let expanded =
            pseudorandom.expand(&[PURPOSE], HKDF_SHA256).map_err(|_| KeyError::NotSealed)?;
        expanded.fill(key.as_mut_slice()).map_err(|_| KeyError::NotSealed)?;
        RandomizedNonceKey::new(&AES_256_GCM, key.as_slice())
            .map(Self)
            .map_err(|_| KeyError::NotSealed)
    }

    /// Nonce, ciphertext and tag of a key.
    ///
    /// # Errors
    ///
    /// When there is no randomness for the nonce.
    pub fn seal(&self, key: &PrivateKey) -> Result<Vec<u8>, KeyError> {
        let mut text = key.der.to_vec();
        let aad = Aad::from(key.public.kid.as_bytes());
        let nonce =
            self.0.seal_in_place_append_tag(aad, &mut text).map_err(|_| KeyError::NotSealed)?;
        Ok([nonce.as_ref().as_slice(), &text].concat())
    }

    /// The PKCS#1 DER of the key `kid`.
    ///
    /// # Errors
    ///
    /// When the secret or the key id is not the one it was sealed with.
    pub fn open(&self, kid: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let wrong = || KeyError::WrongSecret(kid.to_owned());
        let (nonce, text) = sealed.split_at_checked(NONCE_LEN).ok_or_else(wrong)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| wrong())?;
        let mut text = Zeroizing::new(text.to_vec());
        let length = self
            .0
            .open_in_place(nonce, Aad::from(kid.as_bytes()), &mut text)
            .map_err(|_| wrong())?
            .len();
        text.truncate(length);
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(der: &[u8]) -> PrivateKey {
        PrivateKey { public: Jwk::rs256(&[1], &[1, 0, 1]), der: Zeroizing::new(der.to_vec()) }
    }

    #[test]
    fn a_sealed_key_opens_with_the_same_secret() {
        let sealer = Sealer::new(&[7; 32]).unwrap();
        let key = key(b"private");
        let text = sealer.seal(&key).unwrap();
        assert_eq!(sealer.open(&key.public.kid, &text).unwrap().as_slice(), b"private");
        assert!(!text.windows(7).any(|window| window == b"private"));
    }

    #[test]
    fn a_sealed_key_opens_neither_with_another_secret_nor_under_another_name() {
        let sealer = Sealer::new(&[7; 32]).unwrap();
        let key = key(b"private");
        let kid = key.public.kid.clone();
        let text = sealer.seal(&key).unwrap();
        let wrong = Err(KeyError::WrongSecret(kid.clone()));
        assert_eq!(Sealer::new(&[8; 32]).unwrap().open(&kid, &text), wrong);
        assert_eq!(sealer.open("other", &text), Err(KeyError::WrongSecret("other".to_owned())));
        assert_eq!(sealer.open(&kid, &text[1..]), wrong);
        assert_eq!(sealer.open(&kid, &[]), wrong);
    }

    #[test]
    fn a_generated_key_signs_what_its_public_half_verifies() {
        let key = PrivateKey::generate().unwrap();
        let signing = jsonwebtoken::EncodingKey::from_rsa_der(&key.der);
        let verifying =
            jsonwebtoken::DecodingKey::from_rsa_components(&key.public.n, &key.public.e).unwrap();
        let algorithm = jsonwebtoken::Algorithm::RS256;
        let signature = jsonwebtoken::crypto::sign(b"message", &signing, algorithm).unwrap();
        assert!(
            jsonwebtoken::crypto::verify(&signature, b"message", &verifying, algorithm).unwrap()
        );
    }
}
