//! Reasons for which an access token is not accepted.

/// Longest token that is verified, in bytes; tokens of this server are well below 2 KiB.
pub(crate) const MAX_LENGTH: usize = 8 * 1024;

/// Reasons for which a token is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not a JWT of the kind this server issues.
    #[error("the access token is malformed")]
    Malformed,
    /// Names a key that is not and was not in the ring, as far as the ring remembers.
    #[error("the access token is signed by an unknown key")]
    UnknownKey,
    /// Signed by a retired key: all its tokens have expired.
    #[error("the access token is signed by a retired key")]
    RetiredKey,
    /// Signed by a revoked key, which was taken out with its tokens.
    #[error("the access token is signed by a revoked key")]
    RevokedKey,
    /// The signature does not verify with the key that the token names.
    #[error("the access token's signature is invalid")]
    WrongSignature,
    /// The time in its `exp` claim has come.
    #[error("the access token has expired")]
    Expired,
    /// The time in its `iat` or `nbf` claim is still to come.
    #[error("the access token is not valid yet")]
    NotYetValid,
    /// Issued by another server, by its `iss` claim.
    #[error("the access token was issued by another server")]
    WrongIssuer,
    /// Meant for another audience, by its `aud` claim.
    #[error("the access token is meant for another audience")]
    WrongAudience,
}
