//! The signing key: parsed once, when it enters the key set, and used for every token after that.
//!
//! Parsing an RSA key costs as much as a signature, and `jsonwebtoken` would do it for each token. A token is therefore
//! put together here (JWS Compact Serialization, RFC 7515, section 7.1) and signed by AWS-LC.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{Ed25519KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::Header;
use serde::Serialize;

use super::private_key::PrivateKeyError;
use crate::keys::jwk::Jwk;

/// The `typ` header of access tokens (RFC 9068, section 2.1).
pub(crate) const TOKEN_TYPE: &str = "at+jwt";
/// The `typ` header of security event tokens (RFC 8417, section 2.3).
const EVENT_TYPE: &str = "secevent+jwt";

/// The signing key, parsed, with the headers of its tokens.
pub struct Signing {
    /// Key id, which verifiers find the public half by.
    pub kid: String,
    /// Encoded header of its access tokens, made once because it is the same for each.
    token_header: String,
    /// Encoded header of its security event tokens, whose `typ` keeps them from passing for access tokens.
    event_header: String,
    /// Private half, parsed once: parsing costs as much as a signature.
    key: Pair,
}

/// A parsed private key.
enum Pair {
    Rsa(RsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

/// Reasons for which a token was not signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SigningError {
    /// The claims have no JSON form, which is a mistake in their type.
    #[error("the claims have no JSON form")]
    Claims,
    /// The key did not sign.
    #[error("failed to sign with the signing key")]
    Key,
}

impl Signing {
    /// Parses a private key and encodes the headers of its tokens.
    ///
    /// # Errors
    ///
    /// If `private_der` is not a private key of the public half's kind.
    pub fn new(public: &Jwk, private_der: &[u8]) -> Result<Self, PrivateKeyError> {
        let key = Pair::parse(public, private_der)
            .map_err(|rejected| PrivateKeyError::NotMade(rejected.to_string()))?;
        Ok(Self {
            kid: public.kid().to_owned(),
            token_header: header(public, TOKEN_TYPE)?,
            event_header: header(public, EVENT_TYPE)?,
            key,
        })
    }

    /// Signs an access token with these claims.
    ///
    /// # Errors
    ///
    /// If the key does not sign.
    pub fn sign(&self, claims: &impl Serialize) -> Result<String, SigningError> {
        self.sign_with(&self.token_header, claims)
    }

    /// Signs a security event token with these claims.
    ///
    /// # Errors
    ///
    /// If the key does not sign.
    pub fn sign_event(&self, claims: &impl Serialize) -> Result<String, SigningError> {
        self.sign_with(&self.event_header, claims)
    }

    fn sign_with(&self, header: &str, claims: &impl Serialize) -> Result<String, SigningError> {
        let claims = encoded(claims).map_err(|_| SigningError::Claims)?;
        let message = format!("{header}.{claims}");
        let signature = self.key.sign(message.as_bytes())?;
        Ok(format!("{message}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature)))
    }
}

impl Pair {
    fn parse(public: &Jwk, der: &[u8]) -> Result<Self, aws_lc_rs::error::KeyRejected> {
        match public {
            Jwk::Rsa(_) => RsaKeyPair::from_der(der).map(Self::Rsa),
            Jwk::Okp(_) => Ed25519KeyPair::from_pkcs8(der).map(Self::Ed25519),
        }
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningError> {
        match self {
            Self::Rsa(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)
                    .map_err(|_| SigningError::Key)?;
                Ok(signature)
            }
            Self::Ed25519(key) => {
                let signature = key.try_sign(message).map_err(|_| SigningError::Key)?;
                Ok(signature.as_ref().to_vec())
            }
        }
    }
}

fn header(public: &Jwk, of_type: &str) -> Result<String, PrivateKeyError> {
    let header = Header {
        typ: Some(of_type.to_owned()),
        kid: Some(public.kid().to_owned()),
        ..Header::new(public.algorithm().in_header())
    };
    encoded(&header).map_err(|error| PrivateKeyError::NotMade(error.to_string()))
}

fn encoded(part: &impl Serialize) -> serde_json::Result<String> {
    Ok(BASE64_URL_SAFE_NO_PAD.encode(serde_json::to_vec(part)?))
}

/// Shows the key id only.
impl std::fmt::Debug for Signing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signing").field("kid", &self.kid).finish_non_exhaustive()
    }
}
