//! Rules of the key ring: the keys that are published, the one that signs, and the time at which a key may leave.
//!
//! A key goes through `published → signing → verifying → retired` ([`KeyStage`] has the table). One key signs, and at most one
//! waits to succeed it. A key is published long enough before it signs for every verifier to know it, and verifies after
//! it has stopped until the last token it signed has expired. A revoked key leaves at once, in whatever stage it is, and
//! if it was the signing key, another one signs from the same moment.

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

/// Most keys that are remembered after they have left, so that their tokens are told from those of unknown keys.
const REMEMBERED: usize = 100;

/// Commands of the key ring.
#[derive(Debug, Clone)]
pub enum Command {
    /// Make `key` the signing key if there is none.
    Begin {
        /// Public half of the candidate, for the JWKS.
        key: Jwk,
        /// Time of the decision, from the injected clock.
        now: Timestamp,
    },
    /// Publish the successor of the key that signs, unless one is published already or another key signs meanwhile.
    Publish {
        /// Public half of the successor, for the JWKS.
        key: Jwk,
        /// Signing key that the caller saw; if another one signs by now, nothing happens.
        succeeds: String,
        /// Time at which the successor begins to sign.
        signs_from: Timestamp,
    },
    /// Make the changes that are due: the published key signs, and keys whose last token has expired are retired.
    Advance {
        /// Time of the decision, from the injected clock.
        now: Timestamp,
        /// Time until which a key that stops signing now verifies.
        verifies_until: Timestamp,
    },
    /// Take a key out at once, with every token it signed.
    Revoke {
        /// Key id of the key to take out.
        kid: String,
        /// Signs from now on: required if the key is the signing key and no successor is published, refused otherwise.
        successor: Option<Jwk>,
        /// Time of the decision, from the injected clock.
        now: Timestamp,
    },
    /// Take every key out at once, because the private half of one is lost, and let a new one sign.
    Replace {
        /// Signing key that the caller saw; if another one signs by now, the command is refused.
        signing: Option<String>,
        /// Public half of the key that signs from now on.
        successor: Jwk,
        /// Time of the decision, from the injected clock.
        now: Timestamp,
    },
}

/// Reasons for which the key ring refuses a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// The key is in the ring already.
    #[error("the key {0} is in the ring already")]
    KnownKey(String),
    /// No key of the ring has this key id.
    #[error("there is no key {0} in the ring")]
    UnknownKey(String),
    /// The ring is not as the caller saw it: read it and try again.
    #[error("the key ring has changed meanwhile")]
    RingChanged,
}

/// Stage of a key in the ring.
///
/// | Stage | In the JWKS | Signs | Verifies | Private half | Leaves the stage |
/// |---|---|---|---|---|---|
/// | published | yes | no | yes, but it has signed nothing | sealed | at `signs_from`, or if the signing key is revoked |
/// | signing | yes | yes | yes | sealed | once its successor signs |
/// | verifying | yes | no | yes, the tokens it signed | erased | at `until` |
/// | retired ([`KeyExit`]) | no | no | no: its tokens have expired | erased | – |
/// | revoked ([`KeyExit`]) | no | no | no: its tokens are refused from then on | erased | – |
///
/// Revocation is possible in each of the first three stages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum KeyStage {
    /// In the JWKS; signs nothing yet.
    Published {
        /// Time at which it begins to sign.
        #[serde(rename = "signsFrom")]
        signs_from: Timestamp,
    },
    /// Signs access tokens and security event tokens.
    Signing {
        /// Time at which it began to sign, from which its rotation is timed.
        since: Timestamp,
    },
    /// Stopped signing; tokens it signed may be valid still.
    Verifying {
        /// Time at which its last token has expired.
        until: Timestamp,
    },
}

/// For operators: the stage, and its time.
impl std::fmt::Display for KeyStage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Published { signs_from } => write!(f, "published, signs from {signs_from}"),
            Self::Signing { since } => write!(f, "signing since {since}"),
            Self::Verifying { until } => write!(f, "verifying until {until}"),
        }
    }
}

/// A public key in the JWKS, and its stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RingKey {
    /// Public half, as it is in the JWKS.
    pub public: Jwk,
    /// Stage, which decides if the key signs.
    pub stage: KeyStage,
}

/// Way in which a key left the ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum KeyExit {
    /// Its last token had expired.
    Retired,
    /// It was taken out with its tokens.
    Revoked,
}

/// Keys in the JWKS, and those that have left it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Keys in the JWKS, by key id.
    pub keys: BTreeMap<String, RingKey>,
    /// Keys that have left, the oldest first; at most `REMEMBERED` of them.
    pub gone: VecDeque<(String, KeyExit)>,
}

impl State {
    /// The signing key, and the time since which it signs.
    pub fn signing(&self) -> Option<(&Jwk, Timestamp)> {
        self.keys.values().find_map(|key| match key.stage {
            KeyStage::Signing { since } => Some((&key.public, since)),
            KeyStage::Published { .. } | KeyStage::Verifying { .. } => None,
        })
    }

    /// The published successor, and the time at which it begins to sign.
    pub fn published(&self) -> Option<(&Jwk, Timestamp)> {
        self.keys.values().find_map(|key| match key.stage {
            KeyStage::Published { signs_from } => Some((&key.public, signs_from)),
            KeyStage::Signing { .. } | KeyStage::Verifying { .. } => None,
        })
    }

    /// Time of the ring's next change: a publication, a succession or a retirement.
    pub fn due(&self, schedule: &Schedule) -> Option<Timestamp> {
        let succession = self.published().map(|(_, signs_from)| signs_from);
        let succession = succession.or_else(|| Some(schedule.successor_at(self.signing()?.1)));
        succession.into_iter().chain(self.retirements()).min()
    }

    fn retirements(&self) -> impl Iterator<Item = Timestamp> {
        self.keys.values().filter_map(|key| match key.stage {
            KeyStage::Verifying { until } => Some(until),
            KeyStage::Published { .. } | KeyStage::Signing { .. } => None,
        })
    }

    fn enter(&mut self, kid: &str, stage: KeyStage) {
        if let Some(key) = self.keys.get_mut(kid) {
            key.stage = stage;
        }
    }

    fn leave(&mut self, kid: &str, fate: KeyExit) {
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
                let waits = KeyStage::Published { signs_from: *signs_from };
                let key = RingKey { public: public_key.clone(), stage: waits };
                state.keys.insert(public_key.kid().to_owned(), key);
            }
            KeyEvent::StartedSigning(KeyStartedSigning { kid, since }) => {
                state.enter(kid, KeyStage::Signing { since: *since });
            }
            KeyEvent::StoppedSigning(KeyStoppedSigning { kid, verifies_until }) => {
                state.enter(kid, KeyStage::Verifying { until: *verifies_until });
            }
            KeyEvent::Retired(KeyRetired { kid }) => state.leave(kid, KeyExit::Retired),
            KeyEvent::Revoked(KeyRevoked { kid }) => state.leave(kid, KeyExit::Revoked),
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
        KeyStage::Verifying { until } => until <= now,
        KeyStage::Published { .. } | KeyStage::Signing { .. } => false,
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
    let signs = matches!(key.stage, KeyStage::Signing { .. });
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
