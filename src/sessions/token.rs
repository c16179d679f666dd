//! Session tokens: 256 bits of randomness that stand for a session. Stored only as a SHA-256 hash.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use zeroize::Zeroizing;

use crate::base::id::{RandomnessUnavailable, random_bytes};

/// A session token in its text form: base64url of 32 random bytes, 43 characters.
pub struct SessionToken(Zeroizing<String>);

const TEXT_LENGTH: usize = 43;

impl SessionToken {
    /// Generates a random token.
    ///
    /// # Errors
    ///
    /// If the operating system gives no randomness.
    pub fn generate() -> Result<Self, RandomnessUnavailable> {
        let bytes = Zeroizing::new(random_bytes::<32>()?);
        Ok(Self(Zeroizing::new(BASE64_URL_SAFE_NO_PAD.encode(bytes.as_slice()))))
    }

    /// Parses a text as a token; none if it has not the form of one.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = Zeroizing::new([0; 32]);
        let well_formed = text.len() == TEXT_LENGTH
            && BASE64_URL_SAFE_NO_PAD.decode_slice(text, bytes.as_mut_slice()).is_ok();
        well_formed.then(|| Self(Zeroizing::new(text.to_owned())))
    }

    /// Hash of the token, which is stored in its place.
    pub fn hash(&self) -> TokenHash {
        let hash = digest(&SHA256, self.0.as_bytes());
        TokenHash(hash.as_ref().try_into().unwrap_or_default())
    }

    /// Text of the token, for the answer that hands it out.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// Shows the name of the type and never the token.
impl fmt::Debug for SessionToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionToken")
    }
}

/// SHA-256 of a session token. Not a secret: 256 random bits cannot be found from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenHash(pub [u8; 32]);

impl Serialize for TokenHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64_URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl<'de> Deserialize<'de> for TokenHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(&*text).map_err(D::Error::custom)?;
        bytes.try_into().map(Self).map_err(|_| D::Error::custom("a token hash has 32 bytes"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_256_bits_and_no_two_are_alike() {
        let token = SessionToken::generate().unwrap();
        assert_eq!(BASE64_URL_SAFE_NO_PAD.decode(token.reveal()).unwrap().len(), 32);
        assert_ne!(token.reveal(), SessionToken::generate().unwrap().reveal());
    }

    #[test]
    fn a_token_is_found_by_the_hash_of_its_text() {
        let token = SessionToken::generate().unwrap();
        assert_eq!(SessionToken::parse(token.reveal()).unwrap().hash(), token.hash());
    }

    #[test]
    fn other_text_is_no_token() {
        let long = "a".repeat(44);
        for text in ["", "abc", &long, &"!".repeat(43)] {
            assert!(SessionToken::parse(text).is_none(), "{text:?}");
        }
    }

    #[test]
    fn a_token_is_never_shown() {
        assert_eq!(format!("{:?}", SessionToken::generate().unwrap()), "SessionToken");
    }
}
