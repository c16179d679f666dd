//! Signature algorithms of access tokens.

use std::fmt;

/// A signature algorithm, with the size of the key where there is a choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518, section 3.3), which every verifier knows.
    Rs256 {
        /// Size of the modulus, in bits.
        bits: usize,
    },
    /// Ed25519 (RFC 8037): shorter and faster, for verifiers that know it.
    EdDsa,
}

impl Default for Algorithm {
    fn default() -> Self {
        Self::Rs256 { bits: 2048 }
    }
}

impl Algorithm {
    /// The algorithm as `jsonwebtoken` names it in the header of a token.
    pub fn in_header(self) -> jsonwebtoken::Algorithm {
        match self {
            Self::Rs256 { .. } => jsonwebtoken::Algorithm::RS256,
            Self::EdDsa => jsonwebtoken::Algorithm::EdDSA,
        }
    }
}

/// `RS256 (2048 bits)` or `EdDSA`.
impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rs256 { bits } => write!(f, "RS256 ({bits} bits)"),
            Self::EdDsa => f.write_str("EdDSA"),
        }
    }
}
