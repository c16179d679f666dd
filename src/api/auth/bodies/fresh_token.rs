//! Body of an access token.

use poem_openapi::Object;
use poem_openapi::types::Example;
use serde::Serialize;

const EXAMPLE_TOKEN: &str =
    "eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJSUzI1NiIsImtpZCI6Ii4uLiJ9.eyJzdWIiOiIuLi4ifQ.c2lnbmF0dXJl";

/// A fresh access token.
#[derive(Debug, Clone, Serialize, Object)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase", example)]
pub struct FreshToken {
    /// The access token: a JWT signed with RS256.
    pub token: String,
    /// How to send it: always `Bearer`.
    pub token_type: String,
    /// Seconds until it expires.
    pub expires_in: u64,
}

impl Example for FreshToken {
    fn example() -> Self {
        Self { token: EXAMPLE_TOKEN.to_owned(), token_type: "Bearer".to_owned(), expires_in: 900 }
    }
}
