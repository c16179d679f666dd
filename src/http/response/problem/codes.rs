//! The codes of problems: the one place that gives each its status, and its reason in telemetry.
//!
//! A code is a contract: clients compare it, dashboards count by its reason. A new code is a line of this table, and the
//! compiler demands each part of it.

use poem::http::StatusCode;

use crate::telemetry::reason::Reason;

/// A stable name of a problem, with the status of its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    /// The name that clients see.
    pub name: &'static str,
    /// The status of the answer (RFC 9110, section 15).
    pub status: StatusCode,
    /// The reason that audit events and their metrics tell.
    pub reason: Reason,
}

/// Makes a constant of each code, named as clients see it.
macro_rules! codes {
    ($($(#[$meaning:meta])* $status:ident $name:ident: $reason:ident;)*) => {
        $(
            $(#[$meaning])*
            pub const $name: Code = Code {
                name: stringify!($name),
                status: StatusCode::$status,
                reason: Reason::$reason,
            };
        )*

        /// All codes, in the order of their statuses.
        pub const ALL: &[Code] = &[$($name),*];
    };
}

codes! {
    /// The framework refused a request that no rule of ours names.
    BAD_REQUEST BAD_REQUEST: InvalidInput;
    /// Fields of the input are invalid; `details` names them.
    BAD_REQUEST INVALID_INPUT: InvalidInput;
    /// The body is not JSON.
    BAD_REQUEST INVALID_JSON: InvalidInput;
    /// The body is not UTF-8.
    BAD_REQUEST INVALID_UTF8: InvalidInput;
    /// The `Host` is missing, repeated or impossible.
    BAD_REQUEST INVALID_HOST: InvalidInput;
    /// The body broke off or came too slowly.
    BAD_REQUEST UNREADABLE_BODY: InvalidInput;
    /// No credential was sent.
    UNAUTHORIZED UNAUTHORIZED: Malformed;
    /// The email address or the password is wrong.
    UNAUTHORIZED INVALID_EMAIL_OR_PASSWORD: WrongPassword;
    /// The token is not a JWT of this server.
    UNAUTHORIZED MALFORMED_TOKEN: Malformed;
    /// The token names a key that never was.
    UNAUTHORIZED UNKNOWN_KEY: UnknownKey;
    /// The token names a key that has left the JWKS.
    UNAUTHORIZED KEY_RETIRED: RetiredKey;
    /// The token names a key that was revoked.
    UNAUTHORIZED KEY_REVOKED: RevokedKey;
    /// The token's signature is wrong.
    UNAUTHORIZED WRONG_SIGNATURE: WrongSignature;
    /// The token has expired.
    UNAUTHORIZED TOKEN_EXPIRED: Expired;
    /// The token is not valid yet.
    UNAUTHORIZED TOKEN_NOT_YET_VALID: NotYetValid;
    /// Another server issued the token.
    UNAUTHORIZED WRONG_ISSUER: WrongIssuer;
    /// The token is for another audience.
    UNAUTHORIZED WRONG_AUDIENCE: WrongAudience;
    /// The session has ended.
    UNAUTHORIZED SESSION_ENDED: SessionEnded;
    /// The user of the token has been deleted.
    UNAUTHORIZED USER_DELETED: UserDeleted;
    /// An access token was sent where a session token is needed.
    UNAUTHORIZED SESSION_REQUIRED: SessionRequired;
    /// The path names another user.
    FORBIDDEN NOT_YOURS: InvalidInput;
    /// The page belongs to another user.
    FORBIDDEN SOMEBODY_ELSE: InvalidInput;
    /// The session began too long ago for this.
    FORBIDDEN SESSION_NOT_FRESH: InvalidInput;
    /// A page of another site sent the request.
    FORBIDDEN UNTRUSTED_ORIGIN: InvalidInput;
    /// Nothing is at the path.
    NOT_FOUND NOT_FOUND: InvalidInput;
    /// The user has no live session with this id.
    NOT_FOUND SESSION_NOT_FOUND: InvalidInput;
    /// The list has no task with this id.
    NOT_FOUND TASK_NOT_FOUND: InvalidInput;
    /// The path has no such method.
    METHOD_NOT_ALLOWED METHOD_NOT_ALLOWED: InvalidInput;
    /// The email address belongs to another account.
    CONFLICT EMAIL_TAKEN: EmailTaken;
    /// The request with this `Idempotency-Key` is at work.
    CONFLICT IDEMPOTENCY_KEY_IN_USE: InvalidInput;
    /// The list has as many tasks as fit.
    CONFLICT LIST_FULL: InvalidInput;
    /// The list would take more bytes than a list may.
    CONFLICT LIST_TOO_LARGE: InvalidInput;
    /// No change is left to undo.
    CONFLICT NOTHING_TO_UNDO: InvalidInput;
    /// No change is left to redo.
    CONFLICT NOTHING_TO_REDO: InvalidInput;
    /// The resource has changed since the client read it.
    PRECONDITION_FAILED VERSION_MISMATCH: InvalidInput;
    /// The body is larger than the operation takes.
    PAYLOAD_TOO_LARGE PAYLOAD_TOO_LARGE: InvalidInput;
    /// The media type of the body is not one that the operation takes.
    UNSUPPORTED_MEDIA_TYPE UNSUPPORTED_MEDIA_TYPE: InvalidInput;
    /// Another request was sent with this `Idempotency-Key`.
    UNPROCESSABLE_ENTITY IDEMPOTENCY_KEY_REUSED: InvalidInput;
    /// The user has used as many idempotency keys as are kept for a day.
    TOO_MANY_REQUESTS TOO_MANY_IDEMPOTENCY_KEYS: InvalidInput;
    /// A failure on our side.
    INTERNAL_SERVER_ERROR INTERNAL_ERROR: Internal;
    /// A bounded queue or budget is full.
    SERVICE_UNAVAILABLE OVERLOADED: Overloaded;
    /// Others changed the stream faster, several times in a row.
    SERVICE_UNAVAILABLE CONTENDED: Overloaded;
    /// As many streams are open as may be.
    SERVICE_UNAVAILABLE TOO_MANY_STREAMS: Overloaded;
    /// The database is away, or the node starts or stops.
    SERVICE_UNAVAILABLE UNAVAILABLE: Unavailable;
    /// The change may or may not have been made.
    SERVICE_UNAVAILABLE OUTCOME_UNKNOWN: OutcomeUnknown;
    /// The account was made, and no session has begun.
    SERVICE_UNAVAILABLE SIGNED_UP_ONLY: Unavailable;
    /// The password was changed, and no session has begun.
    SERVICE_UNAVAILABLE PASSWORD_CHANGED_ONLY: Unavailable;
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_code_has_one_line_of_the_table() {
        let names: BTreeSet<_> = ALL.iter().map(|code| code.name).collect();
        assert_eq!(names.len(), ALL.len());
        assert!(ALL.iter().all(|code| !code.status.is_success()));
        assert!(ALL.is_sorted_by_key(|code| code.status));
    }

    #[test]
    fn only_failures_on_our_side_are_told_as_internal() {
        let internal = ALL.iter().filter(|code| code.reason == Reason::Internal);
        assert_eq!(internal.collect::<Vec<_>>(), [&INTERNAL_ERROR]);
    }
}
