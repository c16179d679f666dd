//! What the errors of the layers below mean to a client. Matched without wildcards: a new error must find its answer.

use std::time::Duration;

use poem::http::StatusCode;

use crate::accounts::account::Rejection;
use crate::accounts::email::InvalidEmail;
use crate::accounts::password::{HashError, InvalidPassword, SamePassword, WrongPassword};
use crate::accounts::{AccountCommandError, ChangePasswordError, SignUpError, VerifyError};
use crate::base::text::InvalidText;
use crate::capacity::worker_pool::WorkError;
use crate::eventlog::{ExecuteError, ReadError, StoreError};
use crate::http::response::field_problem::{FieldProblem, Flaw};
use crate::http::response::problem::Problem;
use crate::keys::IssueError;
use crate::keys::tokens::access_token::TokenError;
use crate::revocations::TellError;
use crate::sessions::{SessionCommandError, SessionError, StartError};
use crate::tasks::events::Deed;
use crate::tasks::idempotency::KeyError;
use crate::tasks::limits::bulk::Busy;
use crate::tasks::writing::WriteError;

/// Seconds after which a refused stream is worth repeating: places are held for long.
const RETRY_STREAM_AFTER: u32 = 10;

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

impl From<InvalidText> for Flaw {
    fn from(error: InvalidText) -> Self {
        match error {
            InvalidText::Empty => Self::Empty,
            InvalidText::TooLong(_) => Self::TooLong,
            InvalidText::ControlCharacter | InvalidText::Nul => Self::Invalid,
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(source) => {
                tracing::warn!(error = %source, "the database is unavailable");
                Self::unavailable()
            }
            StoreError::OutcomeUnknown(reason) => {
                tracing::warn!(%reason, "the outcome of a change is unknown");
                Self::outcome_unknown()
            }
            StoreError::Overloaded => Self::overloaded(),
            StoreError::Conflict
            | StoreError::Constraint(_)
            | StoreError::Refused(_)
            | StoreError::Undecodable { .. } => Self::internal(&error),
        }
    }
}

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Store(error) => error.of_read().into(),
            ReadError::Overloaded => Self::overloaded(),
            ReadError::NoReply => Self::internal(&error),
        }
    }
}

/// An [`ExecuteError`] whose rejection the caller translates.
fn executed<R: std::error::Error>(
    error: ExecuteError<R>,
    rejected: impl FnOnce(R) -> Problem,
) -> Problem {
    match error {
        ExecuteError::Rejected(rejection) => rejected(rejection),
        ExecuteError::Store(error) => error.into(),
        ExecuteError::Overloaded => Problem::overloaded(),
        ExecuteError::Contended => Problem::contended(),
        ExecuteError::NoReply => Problem::internal(&"an entity gave no answer"),
    }
}

impl From<WorkError> for Problem {
    fn from(error: WorkError) -> Self {
        match error {
            WorkError::Overloaded => Self::overloaded(),
            WorkError::Failed => Self::internal(&error),
        }
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

impl From<IssueError> for Problem {
    fn from(error: IssueError) -> Self {
        match error {
            IssueError::Work(error) => error.into(),
            IssueError::Signing(_) => Self::internal(&error),
            IssueError::NoKey => Self::unavailable(),
        }
    }
}

impl From<TellError> for Problem {
    fn from(error: TellError) -> Self {
        match error {
            TellError::Doubtful => Self::unavailable(),
            TellError::Store(error) => ReadError::Store(error).into(),
            TellError::Crowded => Self::too_many_streams(),
            TellError::Issue(error) => error.into(),
        }
    }
}

impl From<TokenError> for Problem {
    fn from(error: TokenError) -> Self {
        let code = match error {
            TokenError::Malformed => "MALFORMED_TOKEN",
            TokenError::UnknownKey => "UNKNOWN_KEY",
            TokenError::RetiredKey => "KEY_RETIRED",
            TokenError::RevokedKey => "KEY_REVOKED",
            TokenError::WrongSignature => "WRONG_SIGNATURE",
            TokenError::Expired => "TOKEN_EXPIRED",
            TokenError::NotYetValid => "TOKEN_NOT_YET_VALID",
            TokenError::WrongIssuer => "WRONG_ISSUER",
            TokenError::WrongAudience => "WRONG_AUDIENCE",
        };
        Self::invalid_token(code, error)
    }
}

impl From<SessionError> for Problem {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::Ended => Self::invalid_token("SESSION_ENDED", error),
            SessionError::Store(error) => ReadError::Store(error).into(),
        }
    }
}

impl From<StartError> for Problem {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Randomness(_) => Self::internal(&error),
            StartError::Command(error) => error.into(),
        }
    }
}

impl From<SessionCommandError> for Problem {
    fn from(error: SessionCommandError) -> Self {
        executed(error, |rejection| match rejection {})
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
            ChangePasswordError::Wrong(error) => Self::invalid("currentPassword", error),
            ChangePasswordError::Hash(error) => error.into(),
            ChangePasswordError::Execute(error) => error.into(),
        }
    }
}

impl From<Busy> for Problem {
    fn from(_: Busy) -> Self {
        Self::overloaded()
    }
}

impl From<WriteError> for Problem {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Execute(error) => executed(error, |rejection| Self::internal(&rejection)),
            WriteError::Key(KeyError::Reused) => Self::key_reused(),
            WriteError::Key(KeyError::InUse) => Self::key_in_use(),
            WriteError::Key(KeyError::TooMany { retry_after }) => Self::too_many_keys(retry_after),
            WriteError::Key(KeyError::Store(error)) => ReadError::Store(error).into(),
            WriteError::Nothing(Deed::Undo) => {
                Self::new(StatusCode::CONFLICT, "NOTHING_TO_UNDO", "There is nothing to undo")
            }
            WriteError::Nothing(Deed::Do | Deed::Redo) => {
                Self::new(StatusCode::CONFLICT, "NOTHING_TO_REDO", "There is nothing to redo")
            }
            WriteError::Busy(error) => error.into(),
            WriteError::Encoding(_) => Self::internal(&error),
        }
    }
}

impl Problem {
    /// `401`: there is no such user any more.
    pub fn user_deleted() -> Self {
        Self::invalid_token("USER_DELETED", "the user of the access token has been deleted")
    }

    /// `409`: the address belongs to another account.
    fn email_taken() -> Self {
        let message = "An account with this email address exists already";
        let beside = "belongs to an account already: sign in instead";
        Self::new(StatusCode::CONFLICT, "EMAIL_TAKEN", message).about(vec![FieldProblem::new(
            "email",
            Flaw::Taken,
            beside,
        )])
    }

    /// `503`: as many streams are open as may be: of a list, of a client, or at all.
    pub fn too_many_streams() -> Self {
        let message = "Too many streams are open already: close one, or try again later";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "TOO_MANY_STREAMS", message)
            .retry_after(RETRY_STREAM_AFTER)
    }

    /// `404`: the user has no live session with this id.
    pub fn no_such_session() -> Self {
        Self::new(StatusCode::NOT_FOUND, "SESSION_NOT_FOUND", "There is no such session")
    }

    /// `409`: the list has as many tasks as fit.
    pub fn list_full() -> Self {
        Self::new(StatusCode::CONFLICT, "LIST_FULL", "The list cannot take any more tasks")
    }

    /// `429`: the user has used as many keys as are kept for a day.
    fn too_many_keys(retry_after: Duration) -> Self {
        let seconds = u32::try_from(retry_after.as_secs()).unwrap_or(u32::MAX).max(1);
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "TOO_MANY_IDEMPOTENCY_KEYS",
            "Too many requests were sent with an Idempotency-Key today; nothing was changed",
        )
        .retry_after(seconds)
    }

    /// `409`: the list would take more bytes than a list may.
    pub fn list_too_large() -> Self {
        let message = "The list would be larger than a list may be; nothing was changed";
        Self::new(StatusCode::CONFLICT, "LIST_TOO_LARGE", message)
    }

    /// `503`: others changed the same list faster, several times in a row.
    pub fn contended() -> Self {
        Self::retry_later(
            "CONTENDED",
            "Others change the same at the same time; nothing was changed, try again shortly",
        )
    }

    /// `404`: the list has no task with this id.
    pub fn no_such_task() -> Self {
        Self::new(StatusCode::NOT_FOUND, "TASK_NOT_FOUND", "There is no such task")
    }

    /// The same failure of the second half of a sign-up, whose first half is done.
    #[must_use]
    pub fn after_sign_up(self) -> Self {
        let message = "The account was made, but no session has begun: sign in";
        self.halfway("SIGNED_UP_ONLY", message)
    }

    /// The same failure of the second half of a change of the password, which is changed.
    #[must_use]
    pub fn after_password_change(self) -> Self {
        let message =
            "The password was changed, and no session before is accepted any more: sign in";
        self.halfway("PASSWORD_CHANGED_ONLY", message)
    }

    /// What to say instead when the second half fails for the moment, or because yet another password was set meanwhile:
    /// either way the next step is to sign in.
    fn halfway(self, code: &'static str, message: &'static str) -> Self {
        match self.status() {
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::UNAUTHORIZED => {
                Self::retry_later(code, message)
            }
            _ => self,
        }
    }
}
