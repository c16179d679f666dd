//! The authentication events: each is told as a log record with an event name, and counted.
//!
//! `observability/registry.yaml` describes them. A record says who, from where and how it ended; never a password, a token
//! or an email address. The session is named by a hash of its identifier, the client's address comes from the trace of the
//! request.
//!
//! They are exported however quiet the log is. As lines the seldom ones are written; those that come with every request of
//! somebody, or to everybody at once, are not, unless the log filter names their target, [`FREQUENT`].

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

/// The target of all of them begins with this.
pub const EVENTS: &str = "keyfold::events";
/// The target of those that come with every request of somebody.
pub const FREQUENT: &str = "keyfold::events::frequent";

/// Who and what an event is about.
#[derive(Debug, Clone, Copy, Default)]
pub struct About<'a> {
    user_id: Option<UserId>,
    session_id: Option<SessionId>,
    key_id: Option<&'a str>,
    reason: Option<Reason>,
}

impl<'a> About<'a> {
    /// A user.
    pub fn user(user_id: impl Into<Option<UserId>>) -> Self {
        Self { user_id: user_id.into(), ..Self::default() }
    }

    /// One of their sessions.
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

/// Tells an event. What is told is put together only where somebody listens.
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

/// Tells how an attempt ended: with a warning if it failed. Input that is none costs a stranger nothing, so it is told as rarely
/// as it may come often.
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

/// Most events of a kind in a second that anybody can cause at no cost: by tokens that are not authentic, and by input that is
/// none. Were all told, a flood would push out what happens to people.
const FLOOD: u32 = 100;

/// How often sign-ins to one address have failed lately.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Streak {
    /// This is the first time.
    First,
    /// It has happened a few times.
    Repeated,
    /// It has happened more often than anybody mistypes a password.
    Persistent,
}

impl Streak {
    /// Its word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Repeated => "repeated",
            Self::Persistent => "persistent",
        }
    }
}

/// What happened to a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyChange {
    /// It entered the JWKS.
    Published,
    /// It began to sign.
    Signing,
    /// It signs no more and still verifies.
    Verifying,
    /// It left the JWKS.
    Retired,
    /// It was taken out at once.
    Revoked,
}

impl KeyChange {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Published, Self::Signing, Self::Verifying, Self::Retired, Self::Revoked];

    /// Its word.
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

/// Somebody tried to make an account.
pub fn sign_up(user_id: Option<UserId>, failed: Option<Reason>) {
    SIGN_UPS.one(ended(failed).as_slice());
    let about = About::user(user_id).because(failed);
    attempted!("keyfold.sign_up", about, "signed up", "sign up failed");
}

/// Somebody tried to sign in. Of a failure the user is whose account was tried, if there is one.
pub fn sign_in(user_id: Option<UserId>, failed: Option<Reason>) {
    SIGN_INS.one(ended(failed).as_slice());
    let about = About::user(user_id).because(failed);
    attempted!("keyfold.sign_in", about, "signed in", "sign in failed");
}

/// A sign-in with a wrong address or password, and how often that has happened to the address lately.
pub fn sign_in_streak(streak: Streak) {
    SIGN_IN_FAILURES.one(&[KeyValue::new("streak", streak.word())]);
}

/// Somebody signed out.
pub fn sign_out(about: About<'_>) {
    tell!(INFO, EVENTS, "keyfold.sign_out", "success", about, "signed out");
}

/// A session began.
pub fn session_started(about: About<'_>) {
    SESSIONS_STARTED.one(&[]);
    tell!(INFO, EVENTS, "session.start", "success", about, "a session began");
}

/// A session was used and lasts longer for it.
pub fn session_extended(about: About<'_>) {
    tell!(INFO, FREQUENT, "keyfold.session.extended", "success", about, "a session was extended");
}

/// A session ended; `in_bulk`, with those of many users.
pub fn session_ended(about: About<'_>, reason: Reason, in_bulk: bool) {
    REVOCATIONS.one(&[KeyValue::new("reason", reason.word())]);
    let about = about.because(Some(reason));
    if in_bulk {
        tell!(INFO, FREQUENT, "session.end", "success", about, "a session ended");
    } else {
        tell!(INFO, EVENTS, "session.end", "success", about, "a session ended");
    }
}

/// An access token was signed.
pub fn token_issued(about: About<'_>) {
    TOKENS_ISSUED.one(&[]);
    tell!(INFO, FREQUENT, "keyfold.token.issued", "success", about, "an access token was issued");
}

/// A token was not accepted where one is needed. Who forges tokens is worth a warning; who comes late with a good one is not.
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

/// The key ring was changed by this process.
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
            tell!(INFO, EVENTS, "keyfold.key.verifying", "success", about, "a key signs no more");
        }
        KeyChange::Retired => {
            tell!(INFO, EVENTS, "keyfold.key.retired", "success", about, "a key left the JWKS");
        }
        KeyChange::Revoked => {
            tell!(WARN, EVENTS, "keyfold.key.revoked", "success", about, "a key was revoked");
        }
    }
}

/// Somebody tried to change their password.
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

/// Somebody tried to change their profile.
pub fn profile_change(about: About<'_>, failed: Option<Reason>) {
    let about = about.because(failed);
    attempted!(
        "keyfold.profile.change",
        about,
        "changed the profile",
        "changing the profile failed"
    );
}

/// A request was refused because a bounded queue was full. Each is counted; at most one a second of each reason is told,
/// because they come in thousands.
pub fn refused(reason: Reason) {
    static TOLD: [RateLimiter; Reason::ALL.len()] =
        [const { RateLimiter::per_second(1) }; Reason::ALL.len()];
    REFUSALS.one(&[KeyValue::new("reason", reason.word())]);
    if TOLD.get(reason as usize).is_some_and(RateLimiter::permits) {
        let about = About::default().because(Some(reason));
        tell!(WARN, EVENTS, "keyfold.refusal", "failure", about, "a request was refused");
    }
}

/// Shows 0 for what has not happened yet. A series that began with the first of a burst would seem to have grown by nothing.
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

/// How an attempt ended, as attributes of a metric.
pub fn ended(failed: Option<Reason>) -> Vec<KeyValue> {
    match failed {
        None => vec![KeyValue::new("outcome", "success")],
        Some(reason) => {
            vec![KeyValue::new("outcome", "failure"), KeyValue::new("reason", reason.word())]
        }
    }
}

/// The hash by which a session is recognised.
fn hash(session_id: SessionId) -> String {
    let hash = digest(&SHA256, session_id.uuid().as_bytes());
    let first = hash.as_ref().iter().take(16);
    first.fold(String::with_capacity(32), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
