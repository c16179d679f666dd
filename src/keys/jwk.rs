//! RSA public keys as JSON Web Keys (RFC 7517), named by their thumbprint (RFC 7638).

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use poem_openapi::types::Example;
use serde::{Deserialize, Serialize};

const EXAMPLE_MODULUS: &str = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";

/// An RSA public key for RS256 signatures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, poem_openapi::Object)]
#[oai(rename = "JsonWebKey", example)]
pub struct Jwk {
    /// Key type (RFC 7518, section 6.1): always `RSA`.
    pub kty: String,
    /// What the key is for (RFC 7517, section 4.2): always `sig`.
    #[serde(rename = "use")]
    #[oai(rename = "use")]
    pub purpose: String,
    /// The algorithm it is used with (RFC 7518, section 3.1): always `RS256`.
    pub alg: String,
    /// Key id: the key's SHA-256 thumbprint (RFC 7638).
    pub kid: String,
    /// Modulus, base64url.
    pub n: String,
    /// Public exponent, base64url.
    pub e: String,
}

impl Jwk {
    /// The key with this modulus and exponent, both big-endian without leading zeros.
    pub fn rs256(modulus: &[u8], exponent: &[u8]) -> Self {
        Self::encoded(
            BASE64_URL_SAFE_NO_PAD.encode(modulus),
            BASE64_URL_SAFE_NO_PAD.encode(exponent),
        )
    }

    fn encoded(n: String, e: String) -> Self {
        let kid = thumbprint(&n, &e);
        Self {
            kty: "RSA".to_owned(),
            purpose: "sig".to_owned(),
            alg: "RS256".to_owned(),
            kid,
            n,
            e,
        }
    }
}

/// The key of RFC 7638, section 3.1.
impl Example for Jwk {
    fn example() -> Self {
        Self::encoded(EXAMPLE_MODULUS.to_owned(), "AQAB".to_owned())
    }
}

/// SHA-256 of the required members in lexicographic order (RFC 7638, section 3.2).
fn thumbprint(n: &str, e: &str) -> String {
    let canonical = format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#);
    BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, canonical.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_id_is_the_thumbprint_of_rfc_7638_section_3_1() {
        assert_eq!(Jwk::example().kid, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    }
}
