//! Reasons of failures, refusals and ends, in the words of `observability/registry.yaml`.

/// Creates a variant for every word, and [`Reason::ALL`] from all of them.
macro_rules! reasons {
    ($($(#[$meaning:meta])* $variant:ident = $word:literal,)*) => {
        /// Reason of a failure, a refusal or an end.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Reason {
            $($(#[$meaning])* $variant,)*
        }

        impl Reason {
            /// Every reason, in the order of the variants.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// Word of the reason in logs and metrics.
            pub const fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }
        }
    };
}

reasons! {
    /// The address belongs to another account.
    EmailTaken = "email_taken",
    /// The input is not valid.
    InvalidInput = "invalid_input",
    /// No account has the address.
    UnknownAccount = "unknown_account",
    /// The password is wrong.
    WrongPassword = "wrong_password",
    /// The new password equals the old one.
    SamePassword = "same_password",
    /// Another request changed the password in the meantime.
    PasswordChangedMeanwhile = "password_changed_meanwhile",
    /// A bounded queue was full.
    Overloaded = "overloaded",
    /// The database was unavailable.
    Unavailable = "unavailable",
    /// The change may or may not have been made.
    OutcomeUnknown = "outcome_unknown",
    /// The server failed for an internal reason.
    Internal = "internal",
    /// The token cannot be parsed.
    Malformed = "malformed",
    /// The token names a key that was never in the JWKS.
    UnknownKey = "unknown_key",
    /// The token names a key that has left the JWKS.
    RetiredKey = "retired_key",
    /// The token names a key that was revoked.
    RevokedKey = "revoked_key",
    /// The token's signature does not verify.
    WrongSignature = "wrong_signature",
    /// The token has expired.
    Expired = "expired",
    /// The token is not valid yet.
    NotYetValid = "not_yet_valid",
    /// The token has another issuer.
    WrongIssuer = "wrong_issuer",
    /// The token has another audience.
    WrongAudience = "wrong_audience",
    /// The session has ended.
    SessionEnded = "session_ended",
    /// The user has been deleted.
    UserDeleted = "user_deleted",
    /// An access token was sent where a session token is needed.
    SessionRequired = "session_required",
    /// The user signed out.
    SignedOut = "signed_out",
    /// The user ended the session from another session.
    Revoked = "revoked",
    /// The user's password was changed.
    PasswordChanged = "password_changed",
    /// The session reached its idle timeout.
    Idle = "idle",
    /// The session reached its absolute lifetime.
    Absolute = "absolute",
    /// The user exceeded the limit on sessions, and this one was evicted.
    Superseded = "superseded",
    /// A new sign-in in the same browser replaced the session.
    Replaced = "replaced",
    /// Too many passwords wait to be hashed.
    HashQueue = "hash_queue",
    /// Too many tokens wait to be signed.
    SignQueue = "sign_queue",
    /// Too many keys wait to be made.
    KeyQueue = "key_queue",
    /// Too many files are being read.
    FileQueue = "file_queue",
    /// Too many requests wait for one entity.
    EntityQueue = "entity_queue",
    /// Too many appends wait for the running batch.
    AppendQueue = "append_queue",
    /// No connection to the database came free in time.
    DatabasePool = "database_pool",
    /// Too many reads of past events run at once.
    LogWalks = "log_walks",
    /// Too many requests wait for the freshness check.
    FreshnessQueue = "freshness_queue",
    /// Too many external verifiers are connected.
    RevocationReaders = "revocation_readers",
    /// Too many detached tasks are unfinished.
    UnfinishedWork = "unfinished_work",
    /// Too many streams follow one task list, or task lists in total.
    Watchers = "watchers",
    /// The budget of request bodies is used up, or one holder's share of it.
    BodyBudget = "body_budget",
    /// The budget of commands is used up, or one holder's share of it.
    CommandBudget = "command_budget",
    /// The budget of appends is used up, or one holder's share of it.
    AppendBudget = "append_budget",
    /// The budget of answers is used up, or one holder's share of it.
    AnswerBudget = "answer_budget",
    /// The budget of work on whole lists is used up, or one holder's share of it.
    BulkBudget = "bulk_budget",
    /// The limit on connections is reached, of one client or of all.
    ConnectionBudget = "connection_budget",
    /// The limit on requests in progress is reached, of one client or of all.
    RequestBudget = "request_budget",
}

impl Reason {
    /// Reasons of refusals: a bounded queue or a budget was full.
    pub const REFUSALS: [Self; 19] = [
        Self::HashQueue,
        Self::SignQueue,
        Self::KeyQueue,
        Self::FileQueue,
        Self::EntityQueue,
        Self::AppendQueue,
        Self::DatabasePool,
        Self::LogWalks,
        Self::FreshnessQueue,
        Self::RevocationReaders,
        Self::UnfinishedWork,
        Self::Watchers,
        Self::BodyBudget,
        Self::CommandBudget,
        Self::AppendBudget,
        Self::AnswerBudget,
        Self::BulkBudget,
        Self::ConnectionBudget,
        Self::RequestBudget,
    ];

    /// Reasons for which sessions end.
    pub const ENDS: [Self; 8] = [
        Self::SignedOut,
        Self::Revoked,
        Self::PasswordChanged,
        Self::Idle,
        Self::Absolute,
        Self::Superseded,
        Self::Replaced,
        Self::UserDeleted,
    ];
}
