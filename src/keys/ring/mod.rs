//! The key ring's rules: which keys are published, which one signs, and when a key may leave.
//!
//! A key goes through `published → signing → verifying → retired`. One key signs, and at most one waits to succeed it. A
//! key is published long enough before it signs for every verifier to know it, and verifies after it has stopped until
//! the last token it signed has expired. A key that is revoked leaves at once, wherever it stands, and if it was the one
//! that signs, another one signs from the same moment.

pub mod schedule;

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use self::schedule::Schedule;
use super::events::{
    KeyEvent, KeyPublished, KeyRetired, KeyRevoked, KeyStartedSigning, KeyStoppedSigning,
};
use super::jwk::Jwk;
use crate::base::clock::Timestamp;
use crate::eventlog::Decider;

/// Most keys that are remembered after they have left, so that their tokens can be told from nonsense.
const REMEMBERED: usize = 100;

/// What can be asked of the key ring.
#[derive(Debug, Clone)]
pub enum Command {
    /// Make `key` the signing key if there is none.
    Begin {
        /// The candidate.
        key: Jwk,
        /// The time.
        now: Timestamp,
    },
    /// Publish the successor of the key that signs, unless one is published already or another key signs meanwhile.
    Publish {
        /// The successor.
        key: Jwk,
        /// The key that signs, as far as the one who asks knows.
        succeeds: String,
        /// When it begins to sign.
        signs_from: Timestamp,
    },
    /// Do what is due: the published key signs, and keys whose last token has expired are retired.
    Advance {
        /// The time.
        now: Timestamp,
        /// Until when the key verifies that stops signing now.
        verifies_until: Timestamp,
    },
    /// Take a key out at once.
    Revoke {
        /// The key.
        kid: String,
        /// Signs from now on: needed if the key is the one that signs and none is published to succeed it, and not wanted
        /// otherwise.
        successor: Option<Jwk>,
        /// The time.
        now: Timestamp,
    },
    /// Take every key out at once, because the private half of one is lost, and let a new one sign.
    Replace {
        /// The key that signs, as far as the one who asks knows.
        signing: Option<String>,
        /// Signs from now on.
        successor: Jwk,
        /// The time.
        now: Timestamp,
    },
}

/// Why the key ring refuses a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// The key is in the ring already.
    #[error("the key {0} is in the ring already")]
    KnownKey(String),
    /// There is no such key.
    #[error("there is no key {0} in the ring")]
    UnknownKey(String),
    /// The ring is not as it was believed to be.
    #[error("the key ring has changed meanwhile")]
    RingChanged,
}

/// Where a key stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Stage {
    /// In the JWKS, signs nothing yet.
    Published {
        /// When it begins to sign.
        #[serde(rename = "signsFrom")]
        signs_from: Timestamp,
    },
    /// Signs access tokens.
    Signing {
        /// When it began.
        since: Timestamp,
    },
    /// Signs no more; tokens it signed may be valid until then.
    Verifying {
        /// When its last token has expired.
        until: Timestamp,
    },
}

/// For operators: where the key stands, and until when.
impl std::fmt::Display for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Published { signs_from } => write!(f, "published, signs from {signs_from}"),
            Self::Signing { since } => write!(f, "signing since {since}"),
            Self::Verifying { until } => write!(f, "verifying until {until}"),
        }
    }
}

/// A key of the ring.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RingKey {
    /// Its public half.
    pub public: Jwk,
    /// Where it stands.
    pub stage: Stage,
}

/// How a key left the ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Fate {
    /// Its last token had expired.
    Retired,
    /// It was taken out with its tokens.
    Revoked,
}

/// The keys in the JWKS by key id, and those that were.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// The keys.
    pub keys: BTreeMap<String, RingKey>,
    /// The keys that left, the oldest first.
    pub gone: VecDeque<(String, Fate)>,
}

impl State {
    /// The key that signs, and since when.
    pub fn signing(&self) -> Option<(&Jwk, Timestamp)> {
        self.keys.values().find_map(|key| match key.stage {
            Stage::Signing { since } => Some((&key.public, since)),
            Stage::Published { .. } | Stage::Verifying { .. } => None,
        })
    }

    /// The key that waits to succeed it, and when it begins to sign.
    pub fn published(&self) -> Option<(&Jwk, Timestamp)> {
        self.keys.values().find_map(|key| match key.stage {
            Stage::Published { signs_from } => Some((&key.public, signs_from)),
            Stage::Signing { .. } | Stage::Verifying { .. } => None,
        })
    }

    /// When something is to be done next.
    pub fn due(&self, schedule: &Schedule) -> Option<Timestamp> {
        let succession = self.published().map(|(_, signs_from)| signs_from);
        let succession = succession.or_else(|| Some(schedule.successor_at(self.signing()?.1)));
        succession.into_iter().chain(self.retirements()).min()
    }

    fn retirements(&self) -> impl Iterator<Item = Timestamp> {
        self.keys.values().filter_map(|key| match key.stage {
            Stage::Verifying { until } => Some(until),
            Stage::Published { .. } | Stage::Signing { .. } => None,
        })
    }

    fn enter(&mut self, kid: &str, stage: Stage) {
        if let Some(key) = self.keys.get_mut(kid) {
            key.stage = stage;
        }
    }

    fn leave(&mut self, kid: &str, fate: Fate) {
        if self.keys.remove(kid).is_some() {
            self.gone.push_back((kid.to_owned(), fate));
            self.gone.drain(..self.gone.len().saturating_sub(REMEMBERED));
        }
    }
}

/// The decider of the key ring.
#[derive(Debug)]
pub enum KeyRing {}

impl Decider for KeyRing {
    const CATEGORY: &'static str = "keys";
    const SNAPSHOT_SCHEMA: i16 = 2;

    type Command = Command;
    type Event = KeyEvent;
    type State = State;
    type Rejection = Rejection;

    fn decide(state: &State, command: Command) -> Result<Vec<KeyEvent>, Rejection> {
        match command {
            Command::Begin { key, now } => begin(state, key, now),
            Command::Publish { key, succeeds, signs_from } => {
                publish(state, key, &succeeds, signs_from)
            }
            Command::Advance { now, verifies_until } => Ok(advance(state, now, verifies_until)),
            Command::Revoke { kid, successor, now } => revoke(state, kid, successor, now),
            Command::Replace { signing, successor, now } => {
                replace(state, signing.as_deref(), successor, now)
            }
        }
    }

    fn evolve(mut state: State, event: &KeyEvent) -> State {
        match event {
            KeyEvent::Published(KeyPublished { public_key, signs_from }) => {
                let waits = Stage::Published { signs_from: *signs_from };
                let key = RingKey { public: public_key.clone(), stage: waits };
                state.keys.insert(public_key.kid().to_owned(), key);
            }
            KeyEvent::StartedSigning(KeyStartedSigning { kid, since }) => {
                state.enter(kid, Stage::Signing { since: *since });
            }
            KeyEvent::StoppedSigning(KeyStoppedSigning { kid, verifies_until }) => {
                state.enter(kid, Stage::Verifying { until: *verifies_until });
            }
            KeyEvent::Retired(KeyRetired { kid }) => state.leave(kid, Fate::Retired),
            KeyEvent::Revoked(KeyRevoked { kid }) => state.leave(kid, Fate::Revoked),
        }
        state
    }
}

fn begin(state: &State, key: Jwk, now: Timestamp) -> Result<Vec<KeyEvent>, Rejection> {
    if state.signing().is_some() { Ok(Vec::new()) } else { install(state, key, now) }
}

fn publish(
    state: &State,
    key: Jwk,
    succeeds: &str,
    signs_from: Timestamp,
) -> Result<Vec<KeyEvent>, Rejection> {
    let still_signs = state.signing().is_some_and(|(signing, _)| signing.kid() == succeeds);
    if still_signs && state.published().is_none() {
        enter(state, key, signs_from).map(|published| vec![published])
    } else {
        Ok(Vec::new())
    }
}

fn advance(state: &State, now: Timestamp, verifies_until: Timestamp) -> Vec<KeyEvent> {
    let mut events = Vec::new();
    if let Some((next, _)) = state.published().filter(|(_, signs_from)| *signs_from <= now) {
        events.extend(state.signing().map(|(signing, _)| stopped(signing, verifies_until)));
        events.push(started(next.kid(), now));
    }
    let over = state.keys.iter().filter(|(_, key)| match key.stage {
        Stage::Verifying { until } => until <= now,
        Stage::Published { .. } | Stage::Signing { .. } => false,
    });
    events.extend(over.map(|(kid, _)| KeyEvent::Retired(KeyRetired { kid: kid.clone() })));
    events
}

fn revoke(
    state: &State,
    kid: String,
    successor: Option<Jwk>,
    now: Timestamp,
) -> Result<Vec<KeyEvent>, Rejection> {
    let Some(key) = state.keys.get(&kid) else { return Err(Rejection::UnknownKey(kid)) };
    let signs = matches!(key.stage, Stage::Signing { .. });
    let revoked = KeyEvent::Revoked(KeyRevoked { kid });
    match (signs, state.published(), successor) {
        (true, Some((next, _)), None) => Ok(vec![revoked, started(next.kid(), now)]),
        (true, None, Some(successor)) => {
            Ok([vec![revoked], install(state, successor, now)?].concat())
        }
        (false, _, None) => Ok(vec![revoked]),
        (true, None, None) | (true, Some(_), Some(_)) | (false, _, Some(_)) => {
            Err(Rejection::RingChanged)
        }
    }
}

fn replace(
    state: &State,
    signing: Option<&str>,
    successor: Jwk,
    now: Timestamp,
) -> Result<Vec<KeyEvent>, Rejection> {
    if state.signing().map(|(key, _)| key.kid()) != signing {
        return Err(Rejection::RingChanged);
    }
    let revoked = state.keys.keys().map(|kid| KeyEvent::Revoked(KeyRevoked { kid: kid.clone() }));
    Ok(revoked.chain(install(state, successor, now)?).collect())
}

/// Publishes a key that signs at once, because there is no other.
fn install(state: &State, key: Jwk, now: Timestamp) -> Result<Vec<KeyEvent>, Rejection> {
    let started = started(key.kid(), now);
    Ok(vec![enter(state, key, now)?, started])
}

fn enter(state: &State, key: Jwk, signs_from: Timestamp) -> Result<KeyEvent, Rejection> {
    if state.keys.contains_key(key.kid()) {
        return Err(Rejection::KnownKey(key.kid().to_owned()));
    }
    Ok(KeyEvent::Published(KeyPublished { public_key: key, signs_from }))
}

fn started(kid: &str, since: Timestamp) -> KeyEvent {
    KeyEvent::StartedSigning(KeyStartedSigning { kid: kid.to_owned(), since })
}

fn stopped(key: &Jwk, verifies_until: Timestamp) -> KeyEvent {
    KeyEvent::StoppedSigning(KeyStoppedSigning { kid: key.kid().to_owned(), verifies_until })
}

#[cfg(test)]
mod tests;
