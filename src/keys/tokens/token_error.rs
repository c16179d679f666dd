//! Reasons for which an access token is not accepted.

/// Longest token that is looked at; ours are well below 2 KiB.
pub(crate) const MAX_LENGTH: usize = 8 * 1024;

/// Why a token is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not a JWT of the kind this server issues.
    #[error("the access token is malformed")]
    Malformed,
    /// Names no key of the key ring.
    #[error("the access token is signed by an unknown key")]
    UnknownKey,
    /// Names a key that signs no more for so long that its tokens have expired.
    #[error("the access token is signed by a retired key")]
    RetiredKey,
    /// Names a key that was taken out with its tokens.
    #[error("the access token is signed by a revoked key")]
    RevokedKey,
    /// The signature does not fit.
    #[error("the access token's signature is invalid")]
    WrongSignature,
    /// Its time is over.
    #[error("the access token has expired")]
    Expired,
    /// Its time has not come: it was issued later than now, or is not valid before a time to come.
    #[error("the access token is not valid yet")]
    NotYetValid,
    /// Issued by somebody else.
    #[error("the access token was issued by another server")]
    WrongIssuer,
    /// Meant for somebody else.
    #[error("the access token is meant for another audience")]
    WrongAudience,
}
