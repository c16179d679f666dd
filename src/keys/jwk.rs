//! Public keys as JSON Web Keys (RFC 7517), named by their thumbprint (RFC 7638).

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::algorithm::Algorithm;

const EXAMPLE_MODULUS: &str = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";

/// A public key that verifies access tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kty")]
pub enum Jwk {
    /// RSA key, which verifies `RS256`.
    #[serde(rename = "RSA")]
    Rsa(RsaJwk),
    /// Octet key pair (Ed25519), which verifies `EdDSA`.
    #[serde(rename = "OKP")]
    Okp(OkpJwk),
}

/// An RSA public key for `RS256` signatures (RFC 7518, section 6.3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RsaJwk {
    /// Intended use of the key (RFC 7517, section 4.2): always `sig`.
    #[serde(rename = "use")]
    pub purpose: String,
    /// The algorithm it is used with (RFC 7518, section 3.1): always `RS256`.
    pub alg: String,
    /// Key id: the key's SHA-256 thumbprint (RFC 7638).
    pub kid: String,
    /// Modulus, big-endian in base64url.
    pub n: String,
    /// Public exponent, big-endian in base64url.
    pub e: String,
}

/// An Ed25519 public key for `EdDSA` signatures (RFC 8037, section 2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OkpJwk {
    /// Intended use of the key (RFC 7517, section 4.2): always `sig`.
    #[serde(rename = "use")]
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

impl Jwk {
    /// The RSA key with this modulus and exponent, both big-endian without leading zeros.
    pub fn rs256(modulus: &[u8], exponent: &[u8]) -> Self {
        let [n, e] = [modulus, exponent].map(|number| BASE64_URL_SAFE_NO_PAD.encode(number));
        Self::Rsa(RsaJwk::encoded(n, e))
    }

    /// The Ed25519 key with these 32 bytes.
    pub fn ed25519(public: &[u8]) -> Self {
        Self::Okp(OkpJwk::encoded(BASE64_URL_SAFE_NO_PAD.encode(public)))
    }

    /// Key id: the thumbprint that tokens and the log name the key by.
    pub fn kid(&self) -> &str {
        match self {
            Self::Rsa(key) => &key.kid,
            Self::Okp(key) => &key.kid,
        }
    }

    /// Algorithm whose signatures this key verifies.
    pub fn algorithm(&self) -> Algorithm {
        match self {
            Self::Rsa(key) => Algorithm::Rs256 { bits: key.bits() },
            Self::Okp(_) => Algorithm::EdDsa,
        }
    }
}

impl RsaJwk {
    fn encoded(n: String, e: String) -> Self {
        let kid = thumbprint(&format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#));
        Self { purpose: "sig".to_owned(), alg: "RS256".to_owned(), kid, n, e }
    }

    /// Size of the modulus, which has no leading zeros.
    fn bits(&self) -> usize {
        self.n.len() * 6 / 8 * 8
    }
}

impl OkpJwk {
    fn encoded(x: String) -> Self {
        let kid = thumbprint(&format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#));
        let [purpose, alg, crv] = ["sig", "EdDSA", "Ed25519"].map(str::to_owned);
        Self { purpose, alg, kid, crv, x }
    }
}

impl RsaJwk {
    /// The key of RFC 7638, section 3.1.
    pub fn example() -> Self {
        Self::encoded(EXAMPLE_MODULUS.to_owned(), "AQAB".to_owned())
    }
}

impl OkpJwk {
    /// The key of RFC 8037, appendix A.2.
    pub fn example() -> Self {
        Self::encoded("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo".to_owned())
    }
}

/// SHA-256 of the required members in lexicographic order (RFC 7638, section 3.2).
fn thumbprint(canonical: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, canonical.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_id_is_the_thumbprint_of_rfc_7638_section_3_1() {
        assert_eq!(RsaJwk::example().kid, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    }

    #[test]
    fn the_key_id_of_an_ed25519_key_is_the_thumbprint_of_rfc_8037_appendix_a_3() {
        assert_eq!(OkpJwk::example().kid, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }

    #[test]
    fn a_key_knows_its_algorithm() {
        for bits in [2048, 3072, 4096] {
            let key = Jwk::rs256(&vec![0x80; bits / 8], &[1, 0, 1]);
            assert_eq!(key.algorithm(), Algorithm::Rs256 { bits });
        }
        assert_eq!(Jwk::ed25519(&[7; 32]).algorithm(), Algorithm::EdDsa);
    }

    #[test]
    fn keys_have_the_members_of_their_kind_only() {
        let members = |key: &Jwk| {
            let json = serde_json::to_value(key).unwrap();
            json.as_object().unwrap().keys().cloned().collect::<Vec<_>>()
        };
        assert_eq!(members(&Jwk::Rsa(RsaJwk::example())), ["alg", "e", "kid", "kty", "n", "use"]);
        let okp = Jwk::Okp(OkpJwk::example());
        assert_eq!(members(&okp), ["alg", "crv", "kid", "kty", "use", "x"]);
    }
}
