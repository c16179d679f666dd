//! Encryption at rest: private keys are stored under an authenticated cipher only.
//!
//! AES-256-GCM under a key derived from the server's secret (HKDF-SHA256, RFC 5869), with the key id authenticated, so that
//! a sealed key cannot be passed off as another one. A key that was sealed under a previous secret still opens, and is
//! reported as outdated.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use zeroize::Zeroizing;

use super::private_key::PrivateKeyError;

/// Seals and opens private keys.
pub struct Sealer {
    /// Cipher under the current secret: it alone seals, and it is tried first to open.
    current: RandomizedNonceKey,
    /// Ciphers under previous secrets, which only open, until every key is resealed.
    previous: Vec<RandomizedNonceKey>,
}

/// A private key in the clear.
#[derive(Debug, PartialEq, Eq)]
pub struct Opened {
    /// The key as DER, wiped from memory when dropped.
    pub der: Zeroizing<Vec<u8>>,
    /// True if it was sealed under a previous secret, and should be resealed.
    pub is_outdated: bool,
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealer")
    }
}

/// HKDF context, which separates this use of the secret from every other.
const PURPOSE: &[u8] = b"keyfold signing key sealing v1";

impl Sealer {
    /// Makes a sealer that seals under a key derived from `secret`, and opens with that or one of the `previous` secrets.
    ///
    /// # Errors
    ///
    /// If the cipher refuses a derived key, which its length excludes.
    pub fn new<'a>(
        secret: &[u8],
        previous: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<Self, PrivateKeyError> {
        let previous = previous.into_iter().map(derived).collect::<Result<_, _>>()?;
        Ok(Self { current: derived(secret)?, previous })
    }

    /// Seals the key `kid`; returns nonce, ciphertext and tag.
    ///
    /// # Errors
    ///
    /// If there is no randomness for the nonce.
    pub fn seal(&self, kid: &str, der: &[u8]) -> Result<Vec<u8>, PrivateKeyError> {
        let mut text = der.to_vec();
        let aad = Aad::from(kid.as_bytes());
        let nonce = self
            .current
            .seal_in_place_append_tag(aad, &mut text)
            .map_err(|_| PrivateKeyError::NotSealed)?;
        Ok([nonce.as_ref().as_slice(), &text].concat())
    }

    /// Opens the sealed key `kid`.
    ///
    /// # Errors
    ///
    /// If it was sealed under another secret or key id.
    pub fn open(&self, kid: &str, sealed: &[u8]) -> Result<Opened, PrivateKeyError> {
        let opened = |key, is_outdated| Some(Opened { der: open(key, kid, sealed)?, is_outdated });
        opened(&self.current, false)
            .or_else(|| self.previous.iter().find_map(|key| opened(key, true)))
            .ok_or_else(|| PrivateKeyError::WrongSecret(kid.to_owned()))
    }
}

/// Derives the sealing key of a secret.
fn derived(secret: &[u8]) -> Result<RandomizedNonceKey, PrivateKeyError> {
    let mut key = Zeroizing::new([0_u8; 32]);
    let pseudorandom = Salt::new(HKDF_SHA256, &[]).extract(secret);
    let expanded =
        pseudorandom.expand(&[PURPOSE], HKDF_SHA256).map_err(|_| PrivateKeyError::NotSealed)?;
    expanded.fill(key.as_mut_slice()).map_err(|_| PrivateKeyError::NotSealed)?;
    RandomizedNonceKey::new(&AES_256_GCM, key.as_slice()).map_err(|_| PrivateKeyError::NotSealed)
}

fn open(key: &RandomizedNonceKey, kid: &str, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (nonce, text) = sealed.split_at_checked(NONCE_LEN)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let mut text = Zeroizing::new(text.to_vec());
    let length = key.open_in_place(nonce, Aad::from(kid.as_bytes()), &mut text).ok()?.len();
    text.truncate(length);
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = &[7; 32];
    const OTHER: &[u8] = &[8; 32];
    const KID: &str = "key";

    fn sealer(secret: &[u8]) -> Sealer {
        Sealer::new(secret, []).unwrap()
    }

    fn opened(der: &[u8], is_outdated: bool) -> Opened {
        Opened { der: Zeroizing::new(der.to_vec()), is_outdated }
    }

    #[test]
    fn a_sealed_key_opens_with_the_same_secret() {
        let text = sealer(SECRET).seal(KID, b"private").unwrap();
        assert_eq!(sealer(SECRET).open(KID, &text), Ok(opened(b"private", false)));
        assert!(!text.windows(7).any(|window| window == b"private"));
    }

    #[test]
    fn a_key_sealed_under_a_previous_secret_opens_and_is_outdated() {
        let text = sealer(SECRET).seal(KID, b"private").unwrap();
        let changed = Sealer::new(OTHER, [[9; 32].as_slice(), SECRET]).unwrap();
        assert_eq!(changed.open(KID, &text), Ok(opened(b"private", true)));
        let anew = changed.seal(KID, b"private").unwrap();
        assert_eq!(sealer(OTHER).open(KID, &anew), Ok(opened(b"private", false)));
    }

    #[test]
    fn a_sealed_key_opens_neither_with_another_secret_nor_under_another_name() {
        let text = sealer(SECRET).seal(KID, b"private").unwrap();
        let wrong = |kid: &str| Err(PrivateKeyError::WrongSecret(kid.to_owned()));
        assert_eq!(sealer(OTHER).open(KID, &text), wrong(KID));
        assert_eq!(sealer(SECRET).open("other", &text), wrong("other"));
        assert_eq!(sealer(SECRET).open(KID, &text[1..]), wrong(KID));
        assert_eq!(sealer(SECRET).open(KID, &[]), wrong(KID));
    }
}
