//! Problems of accounts, passwords and email addresses.

use super::eventlog::executed;
use crate::accounts::account::Rejection;
use crate::accounts::email::InvalidEmail;
use crate::accounts::password::{HashError, InvalidPassword, SamePassword, WrongPassword};
use crate::accounts::{AccountCommandError, ChangePasswordError, SignUpError, VerifyError};
use crate::eventlog::ReadError;
use crate::http::response::problem::Problem;
use crate::http::response::problem::codes;
use crate::http::response::problem::codes::Code;
use crate::http::response::problem::field_problem::{FieldProblem, Flaw};
use crate::telemetry::reason::Reason;

impl From<InvalidEmail> for Flaw {
    fn from(_: InvalidEmail) -> Self {
        Self::Invalid
    }
}

impl From<InvalidPassword> for Flaw {
    fn from(error: InvalidPassword) -> Self {
        match error {
            InvalidPassword::TooShort => Self::TooShort,
            InvalidPassword::TooLong => Self::TooLong,
        }
    }
}

impl From<WrongPassword> for Flaw {
    fn from(_: WrongPassword) -> Self {
        Self::Invalid
    }
}

impl From<SamePassword> for Flaw {
    fn from(_: SamePassword) -> Self {
        Self::Invalid
    }
}

impl From<HashError> for Problem {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Work(error) => error.into(),
            HashError::Randomness(_) | HashError::Argon2(_) => Self::internal(&error),
        }
    }
}

impl From<SignUpError> for Problem {
    fn from(error: SignUpError) -> Self {
        match error {
            SignUpError::EmailTaken => Self::email_taken(),
            SignUpError::Hash(error) => error.into(),
            SignUpError::Store(error) => ReadError::Store(error).into(),
            SignUpError::Execute(error) => executed(error, |rejection| Self::internal(&rejection)),
        }
    }
}

impl From<VerifyError> for Problem {
    fn from(error: VerifyError) -> Self {
        match error {
            VerifyError::Hash(error) => error.into(),
            VerifyError::Store(error) => ReadError::Store(error).into(),
        }
    }
}

impl From<AccountCommandError> for Problem {
    fn from(error: AccountCommandError) -> Self {
        executed(error, |rejection| match rejection {
            Rejection::Missing => Self::user_deleted(),
            Rejection::Exists | Rejection::CredentialReplaced => Self::internal(&rejection),
        })
    }
}

impl From<ChangePasswordError> for Problem {
    fn from(error: ChangePasswordError) -> Self {
        match error {
            ChangePasswordError::Wrong(error) => {
                Self::invalid("currentPassword", error).because(Reason::WrongPassword)
            }
            ChangePasswordError::Hash(error) => error.into(),
            ChangePasswordError::Execute(error) => error.into(),
        }
    }
}

impl Problem {
    /// `401`: the user was deleted.
    pub fn user_deleted() -> Self {
        Self::invalid_token(codes::USER_DELETED, "the user of the access token has been deleted")
    }

    /// `409`: the address belongs to another account.
    fn email_taken() -> Self {
        let message = "An account with this email address exists already";
        let beside = "belongs to an account already: sign in instead";
        Self::new(codes::EMAIL_TAKEN, message).about(vec![FieldProblem::new(
            "email",
            Flaw::Taken,
            beside,
        )])
    }

    /// Turns a failure to begin a session after a sign-up into one that says that the account was made.
    #[must_use]
    pub fn after_sign_up(self) -> Self {
        let message = "The account was created, but no session has begun: sign in";
        self.halfway(codes::SIGNED_UP_ONLY, message)
    }

    /// Turns a failure to begin a session after a change of the password into one that says that the password was changed.
    #[must_use]
    pub fn after_password_change(self) -> Self {
        let message = "The password was changed, and all earlier sessions have ended: sign in";
        self.halfway(codes::PASSWORD_CHANGED_ONLY, message)
    }

    /// Replaces a failure of the second half that is temporary, or due to yet another password set meanwhile: either way the
    /// next step is to sign in. Other failures stay.
    fn halfway(self, code: Code, message: &'static str) -> Self {
        let is_passing = self.status() == codes::UNAVAILABLE.status;
        if is_passing || self.is_unauthorized() { Self::retry_later(code, message) } else { self }
    }
}
