//! Authentication events: each is emitted as a log record with an event name, and counted.
//!
//! `observability/registry.yaml` describes them. A record names the user, the address of the client and the outcome; never a
//! password, a token or an email address. A session is named by a hash of its identifier, and the client's address comes
//! from the trace of the request.
//!
//! They are exported however quiet the log is. In the log, the rare events are written. Frequent ones (those of every
//! request, or of many users at once) are written only if the log filter names their target, [`FREQUENT`].

use std::fmt::Write;

use aws_lc_rs::digest::{SHA256, digest};
use opentelemetry::KeyValue;
use tracing::Level;

use super::metrics::{
    KEY_CHANGES, PASSWORD_CHANGES, REFUSALS, REVOCATIONS, SESSIONS_STARTED, SIGN_IN_FAILURES,
    SIGN_INS, SIGN_UPS, TOKENS_ISSUED,
};
use super::reason::Reason;
use super::spans::trace_context::client_address;
use crate::base::id::{SessionId, UserId};
use crate::base::rate_limiter::RateLimiter;

/// Prefix of the targets of all these events.
pub const EVENTS: &str = "keyfold::events";
/// Target of frequent events, such as those of every request.
pub const FREQUENT: &str = "keyfold::events::frequent";

/// Subject of an event, and its reason.
#[derive(Debug, Clone, Copy, Default)]
pub struct About<'a> {
    /// User whose account the event is about, if it is known.
    user_id: Option<UserId>,
    /// Session, written as a hash so that a log cannot reveal identifiers.
    session_id: Option<SessionId>,
    /// Signing key, for changes of the key ring.
    key_id: Option<&'a str>,
    /// Reason of a failure or an end.
    reason: Option<Reason>,
}

impl<'a> About<'a> {
    /// Event about a user, or about none if the account is not known.
    pub fn user(user_id: impl Into<Option<UserId>>) -> Self {
        Self { user_id: user_id.into(), ..Self::default() }
    }

    /// Event about a session of a user.
    pub fn session(user_id: UserId, session_id: SessionId) -> Self {
        Self { user_id: Some(user_id), session_id: Some(session_id), ..Self::default() }
    }

    fn key(key_id: &'a str) -> Self {
        Self { key_id: Some(key_id), ..Self::default() }
    }

    fn because(self, reason: Option<Reason>) -> Self {
        Self { reason, ..self }
    }
}

/// Emits an event. Its fields are computed only if a layer is interested.
macro_rules! tell {
    ($level:ident, $target:expr, $name:literal, $outcome:literal, $about:expr, $message:literal) => {
        tracing::event!(
            name: $name,
            target: $target,
            Level::$level,
            {
                user.id = $about.user_id.map(display),
                session.id = $about.session_id.map(hash),
                key.id = $about.key_id,
                client.address = client_address().map(display),
                outcome = $outcome,
                reason = $about.reason.map(Reason::word),
            },
            $message
        )
    };
}

/// Emits the outcome of an attempt: as a warning if it failed. Invalid input costs a stranger nothing, so it is a frequent
/// event with a rate limit.
macro_rules! attempted {
    ($name:literal, $about:expr, $message:literal, $failed:literal) => {
        match $about.reason {
            None => tell!(INFO, EVENTS, $name, "success", $about, $message),
            Some(Reason::InvalidInput) => {
                static STRANGERS: RateLimiter = RateLimiter::per_second(FLOOD);
                if $about.user_id.is_some() || STRANGERS.permits() {
                    tell!(INFO, FREQUENT, $name, "failure", $about, $failed);
                }
            }
            Some(_) => tell!(WARN, EVENTS, $name, "failure", $about, $failed),
        }
    };
}

/// Rate limit in events per second for each kind that strangers can cause at no cost: with tokens that are not authentic,
/// and with invalid input. Without it, a flood would push out the events of real users.
const FLOOD: u32 = 100;

/// Recent failures of sign-ins to one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Streak {
    /// First failure for this address lately.
    First,
    /// A few failures, which typing errors explain.
    Repeated,
    /// More failures than typing errors explain.
    Persistent,
}

impl Streak {
    /// Word of the streak in metrics.
    pub const fn word(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Repeated => "repeated",
            Self::Persistent => "persistent",
        }
    }
}

/// Change of a key's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyChange {
    /// The key entered the JWKS.
    Published,
    /// The key began to sign.
    Signing,
    /// The key no longer signs but still verifies.
    Verifying,
    /// The key left the JWKS, after its last token had expired.
    Retired,
    /// The key was removed at once.
    Revoked,
}

impl KeyChange {
    /// Every change, in the order of a key's life.
    pub const ALL: [Self; 5] =
        [Self::Published, Self::Signing, Self::Verifying, Self::Retired, Self::Revoked];

    /// Word of the change in metrics.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Published => "published",
            Self::Signing => "signing",
            Self::Verifying => "verifying",
            Self::Retired => "retired",
            Self::Revoked => "revoked",
        }
    }
}

/// Emits an attempt to create an account.
pub fn sign_up(user_id: Option<UserId>, failed: Option<Reason>) {
    SIGN_UPS.one(ended(failed).as_slice());
    let about = About::user(user_id).because(failed);
    attempted!("keyfold.sign_up", about, "signed up", "sign up failed");
}

/// Emits an attempt to sign in. For a failure, the user is the owner of the account that was tried, if there is one.
pub fn sign_in(user_id: Option<UserId>, failed: Option<Reason>) {
    SIGN_INS.one(ended(failed).as_slice());
    let about = About::user(user_id).because(failed);
    attempted!("keyfold.sign_in", about, "signed in", "sign in failed");
}

/// Counts a sign-in with a wrong address or password, by the recent failures for the address.
pub fn sign_in_streak(streak: Streak) {
    SIGN_IN_FAILURES.one(&[KeyValue::new("streak", streak.word())]);
}

/// Emits a sign-out, which is a success in every case.
pub fn sign_out(about: About<'_>) {
    tell!(INFO, EVENTS, "keyfold.sign_out", "success", about, "signed out");
}

/// Emits the start of a session.
pub fn session_started(about: About<'_>) {
    SESSIONS_STARTED.one(&[]);
    tell!(INFO, EVENTS, "session.start", "success", about, "a session began");
}

/// Emits the extension of a session that was used.
pub fn session_extended(about: About<'_>) {
    tell!(INFO, FREQUENT, "keyfold.session.extended", "success", about, "a session was extended");
}

/// Emits the end of a session; `in_bulk` if it ended together with those of many users.
pub fn session_ended(about: About<'_>, reason: Reason, in_bulk: bool) {
    REVOCATIONS.one(&[KeyValue::new("reason", reason.word())]);
    let about = about.because(Some(reason));
    if in_bulk {
        tell!(INFO, FREQUENT, "session.end", "success", about, "a session ended");
    } else {
        tell!(INFO, EVENTS, "session.end", "success", about, "a session ended");
    }
}

/// Emits the issue of an access token.
pub fn token_issued(about: About<'_>) {
    TOKENS_ISSUED.one(&[]);
    tell!(INFO, FREQUENT, "keyfold.token.issued", "success", about, "an access token was issued");
}

/// Emits the refusal of a token. Forged tokens are worth a warning; expired ones are not.
pub fn token_refused(about: About<'_>, reason: Reason) {
    static STRANGERS: RateLimiter = RateLimiter::per_second(FLOOD);
    let is_forged = matches!(
        reason,
        Reason::UnknownKey | Reason::RevokedKey | Reason::WrongSignature | Reason::WrongIssuer
    );
    let about = about.because(Some(reason));
    if about.user_id.is_none() && !STRANGERS.permits() {
        return;
    }
    if is_forged {
        tell!(WARN, FREQUENT, "keyfold.token.refused", "failure", about, "a token was refused");
    } else {
        tell!(INFO, FREQUENT, "keyfold.token.refused", "failure", about, "a token was refused");
    }
}

/// Emits a change of the key ring by this process.
pub fn key_changed(key_id: &str, change: KeyChange) {
    KEY_CHANGES.one(&[KeyValue::new("change", change.word())]);
    let about = About::key(key_id);
    match change {
        KeyChange::Published => {
            tell!(
                INFO,
                EVENTS,
                "keyfold.key.published",
                "success",
                about,
                "a key entered the JWKS"
            );
        }
        KeyChange::Signing => {
            tell!(INFO, EVENTS, "keyfold.key.signing", "success", about, "a key began to sign");
        }
        KeyChange::Verifying => {
            tell!(INFO, EVENTS, "keyfold.key.verifying", "success", about, "a key stopped signing");
        }
        KeyChange::Retired => {
            tell!(INFO, EVENTS, "keyfold.key.retired", "success", about, "a key left the JWKS");
        }
        KeyChange::Revoked => {
            tell!(WARN, EVENTS, "keyfold.key.revoked", "success", about, "a key was revoked");
        }
    }
}

/// Emits an attempt to change a password.
pub fn password_change(about: About<'_>, failed: Option<Reason>) {
    PASSWORD_CHANGES.one(ended(failed).as_slice());
    let about = about.because(failed);
    attempted!(
        "keyfold.password.change",
        about,
        "changed the password",
        "changing the password failed"
    );
}

/// Emits an attempt to change a profile.
pub fn profile_change(about: About<'_>, failed: Option<Reason>) {
    let about = about.because(failed);
    attempted!(
        "keyfold.profile.change",
        about,
        "changed the profile",
        "changing the profile failed"
    );
}

/// Emits the refusal of a request by a full queue or budget. Each is counted; at most one per second and reason is emitted,
/// because refusals come in thousands.
pub fn refused(reason: Reason) {
    static TOLD: [RateLimiter; Reason::ALL.len()] =
        [const { RateLimiter::per_second(1) }; Reason::ALL.len()];
    REFUSALS.one(&[KeyValue::new("reason", reason.word())]);
    if TOLD.get(reason as usize).is_some_and(RateLimiter::permits) {
        let about = About::default().because(Some(reason));
        tell!(WARN, EVENTS, "keyfold.refusal", "failure", about, "a request was refused");
    }
}

/// Initialises every series with 0. A series that began with the first event of a burst would show no increase.
pub(super) fn begin() {
    use Reason::{InvalidInput, Overloaded, Unavailable, UnknownAccount, WrongPassword};
    for attempts in [&SIGN_UPS, &SIGN_INS, &PASSWORD_CHANGES] {
        for failed in [None, Some(InvalidInput), Some(Overloaded), Some(Unavailable)] {
            attempts.add(0, &ended(failed));
        }
    }
    SIGN_INS.add(0, &ended(Some(UnknownAccount)));
    SIGN_INS.add(0, &ended(Some(WrongPassword)));
    PASSWORD_CHANGES.add(0, &ended(Some(WrongPassword)));
    SIGN_UPS.add(0, &ended(Some(Reason::EmailTaken)));
    for streak in [Streak::First, Streak::Repeated, Streak::Persistent] {
        SIGN_IN_FAILURES.add(0, &[KeyValue::new("streak", streak.word())]);
    }
    for change in KeyChange::ALL {
        KEY_CHANGES.add(0, &[KeyValue::new("change", change.word())]);
    }
    for reason in Reason::REFUSALS {
        REFUSALS.add(0, &[KeyValue::new("reason", reason.word())]);
    }
    for reason in Reason::ENDS {
        REVOCATIONS.add(0, &[KeyValue::new("reason", reason.word())]);
    }
    TOKENS_ISSUED.add(0, &[]);
    SESSIONS_STARTED.add(0, &[]);
}

/// Outcome of an attempt, as attributes of a metric.
pub fn ended(failed: Option<Reason>) -> Vec<KeyValue> {
    match failed {
        None => vec![KeyValue::new("outcome", "success")],
        Some(reason) => {
            vec![KeyValue::new("outcome", "failure"), KeyValue::new("reason", reason.word())]
        }
    }
}

/// Hash under which a session is recognised in logs.
fn hash(session_id: SessionId) -> String {
    let hash = digest(&SHA256, session_id.uuid().as_bytes());
    let first = hash.as_ref().iter().take(16);
    first.fold(String::with_capacity(32), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
