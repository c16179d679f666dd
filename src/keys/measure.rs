//! Metrics of keys and of the tokens that they verify.

use std::sync::Arc;

use arc_swap::ArcSwap;
use opentelemetry::KeyValue;

use super::key_set::KeySet;
use super::ring::KeyStage;
use super::ring::schedule::Schedule;
use super::tokens::token_error::TokenError;
use super::tokens::verified::Seen;
use crate::base::clock::Clock;
use crate::telemetry::audit_events::ended;
use crate::telemetry::metrics::instrument::{Tally, count, number};
use crate::telemetry::metrics::{KEY_AGE, KEY_ROTATION_PERIOD, KEYS, TOKEN_VERIFICATIONS};
use crate::telemetry::reason::Reason;

/// Outcomes of verifying a token; `None` stands for success.
const OUTCOMES: [Option<TokenError>; 10] = [
    None,
    Some(TokenError::Malformed),
    Some(TokenError::UnknownKey),
    Some(TokenError::RetiredKey),
    Some(TokenError::RevokedKey),
    Some(TokenError::WrongSignature),
    Some(TokenError::Expired),
    Some(TokenError::NotYetValid),
    Some(TokenError::WrongIssuer),
    Some(TokenError::WrongAudience),
];

/// Verifications of tokens seen before, and of those that were not, for each of [`OUTCOMES`].
static BEFORE: Tally<{ OUTCOMES.len() }> = Tally::new();
static NOW: Tally<{ OUTCOMES.len() }> = Tally::new();

/// Counts a verification, by outcome and by whether its result was cached.
pub(super) fn verified(refused: Option<TokenError>, seen: Seen) {
    let place = OUTCOMES.iter().position(|outcome| *outcome == refused).unwrap_or_default();
    match seen {
        Seen::Before => BEFORE.add(place),
        Seen::Now => NOW.add(place),
    }
}

impl From<TokenError> for Reason {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Malformed => Self::Malformed,
            TokenError::UnknownKey => Self::UnknownKey,
            TokenError::RetiredKey => Self::RetiredKey,
            TokenError::RevokedKey => Self::RevokedKey,
            TokenError::WrongSignature => Self::WrongSignature,
            TokenError::Expired => Self::Expired,
            TokenError::NotYetValid => Self::NotYetValid,
            TokenError::WrongIssuer => Self::WrongIssuer,
            TokenError::WrongAudience => Self::WrongAudience,
        }
    }
}

/// Registers the metrics of this node's keys and of its verifications.
pub(super) fn observe(published: &Arc<ArcSwap<KeySet>>, clock: &Clock, schedule: Schedule) {
    TOKEN_VERIFICATIONS.by(|verifications| {
        for (tally, cache) in [(&BEFORE, "hit"), (&NOW, "miss")] {
            for (place, times) in tally.numbers() {
                let refused = OUTCOMES.get(place).copied().flatten().map(Reason::from);
                let mut attributes = ended(refused);
                attributes.push(KeyValue::new("cache", cache));
                verifications.observe(number(times), &attributes);
            }
        }
    });
    // Weak: metrics keep no private key in memory after the server has stopped.
    let keys = Arc::downgrade(published);
    KEYS.by(move |shown| {
        let Some(keys) = keys.upgrade().map(|keys| keys.load_full()) else { return };
        for state in ["published", "signing", "verifying"] {
            let in_state = keys.stages.iter().filter(|stage| word(stage) == state).count();
            shown.observe(count(in_state), &[KeyValue::new("state", state)]);
        }
    });
    let (keys, clock) = (Arc::downgrade(published), clock.clone());
    KEY_AGE.by(move |age| {
        let Some(keys) = keys.upgrade().map(|keys| keys.load_full()) else { return };
        for stage in keys.stages.iter().filter(|_| keys.signing.is_some()) {
            if let KeyStage::Signing { since } = stage {
                age.observe(clock.now().since(*since).as_secs_f64(), &[]);
            }
        }
    });
    KEY_ROTATION_PERIOD.by(move |period| period.observe(schedule.rotation.as_secs_f64(), &[]));
}

fn word(stage: &KeyStage) -> &'static str {
    match stage {
        KeyStage::Published { .. } => "published",
        KeyStage::Signing { .. } => "signing",
        KeyStage::Verifying { .. } => "verifying",
    }
}
