//! Problems of keys and of access tokens.

use crate::http::response::problem::Problem;
use crate::http::response::problem::codes;
use crate::keys::IssueError;
use crate::keys::tokens::token_error::TokenError;

impl From<IssueError> for Problem {
    fn from(error: IssueError) -> Self {
        match error {
            IssueError::Work(error) => error.into(),
            IssueError::Signing(_) => Self::internal(&error),
            IssueError::NoKey => Self::unavailable(),
        }
    }
}

impl From<TokenError> for Problem {
    fn from(error: TokenError) -> Self {
        let code = match error {
            TokenError::Malformed => codes::MALFORMED_TOKEN,
            TokenError::UnknownKey => codes::UNKNOWN_KEY,
            TokenError::RetiredKey => codes::KEY_RETIRED,
            TokenError::RevokedKey => codes::KEY_REVOKED,
            TokenError::WrongSignature => codes::WRONG_SIGNATURE,
            TokenError::Expired => codes::TOKEN_EXPIRED,
            TokenError::NotYetValid => codes::TOKEN_NOT_YET_VALID,
            TokenError::WrongIssuer => codes::WRONG_ISSUER,
            TokenError::WrongAudience => codes::WRONG_AUDIENCE,
        };
        Self::invalid_token(code, error)
    }
}
