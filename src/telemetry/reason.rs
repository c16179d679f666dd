//! Why something failed, was refused or ended, in the words of `observability/registry.yaml`.

/// Makes a variant of every word, and [`Reason::ALL`] of all of them.
macro_rules! reasons {
    ($($(#[$meaning:meta])* $variant:ident = $word:literal,)*) => {
        /// Why something failed, was refused or ended.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Reason {
            $($(#[$meaning])* $variant,)*
        }

        impl Reason {
            /// Every reason.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// Its word.
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
    /// What was sent is not as it should be.
    InvalidInput = "invalid_input",
    /// No account has the address.
    UnknownAccount = "unknown_account",
    /// The password is another one.
    WrongPassword = "wrong_password",
    /// The new password is the old one.
    SamePassword = "same_password",
    /// Another password was set meanwhile.
    PasswordChangedMeanwhile = "password_changed_meanwhile",
    /// A bounded queue was full.
    Overloaded = "overloaded",
    /// The database was away.
    Unavailable = "unavailable",
    /// The change may or may not have been made.
    OutcomeUnknown = "outcome_unknown",
    /// Something went wrong on our side.
    Internal = "internal",
    /// The token is none.
    Malformed = "malformed",
    /// The token names a key that never was.
    UnknownKey = "unknown_key",
    /// The token names a key that has left the JWKS.
    RetiredKey = "retired_key",
    /// The token names a key that was taken out.
    RevokedKey = "revoked_key",
    /// The token's signature is wrong.
    WrongSignature = "wrong_signature",
    /// The token's time is over.
    Expired = "expired",
    /// The token's time has not come.
    NotYetValid = "not_yet_valid",
    /// Somebody else issued the token.
    WrongIssuer = "wrong_issuer",
    /// The token is for somebody else.
    WrongAudience = "wrong_audience",
    /// The session has ended.
    SessionEnded = "session_ended",
    /// The user has been deleted.
    UserDeleted = "user_deleted",
    /// An access token was sent where a session token is needed.
    SessionRequired = "session_required",
    /// The user signed out.
    SignedOut = "signed_out",
    /// The user ended the session from another one.
    Revoked = "revoked",
    /// The user's password was changed.
    PasswordChanged = "password_changed",
    /// The session was not used for too long.
    Idle = "idle",
    /// The session lasted as long as one may.
    Absolute = "absolute",
    /// The user has more sessions than are kept.
    Superseded = "superseded",
    /// The same browser signed in anew.
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
    /// Too much is read of the past.
    LogWalks = "log_walks",
    /// Too many requests wait for the freshness check.
    FreshnessQueue = "freshness_queue",
    /// Too many verifiers elsewhere listen.
    RevocationReaders = "revocation_readers",
    /// Too much is unfinished whose clients may have gone.
    UnfinishedWork = "unfinished_work",
    /// Too many follow one task list, or task lists at all.
    Watchers = "watchers",
    /// Bodies of requests hold as many bytes as they may.
    BodyBudget = "body_budget",
    /// Commands hold as many bytes as they may.
    CommandBudget = "command_budget",
    /// Appends hold as many bytes as they may.
    AppendBudget = "append_budget",
    /// Answers hold as many bytes as they may.
    AnswerBudget = "answer_budget",
    /// Work on whole lists holds as many bytes as it may.
    BulkBudget = "bulk_budget",
    /// Connections of one client, or of all, are as many as may be.
    ConnectionBudget = "connection_budget",
    /// Requests of one client, or of all, are as many as may be.
    RequestBudget = "request_budget",
}

impl Reason {
    /// Which bounded queue or budget was full.
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

    /// Why sessions end.
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
