//! The key ring's rules: which keys are published, which one signs, and when a key may leave.
//!
//! A key goes through `published → signing → verifying → retired`. At most one key signs. A key that stopped signing
//! verifies until the last token it signed has expired. A key that is revoked leaves at once, wherever it stands, and if it
//! was the one that signs, another one signs from the same moment.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::events::{
    KeyEvent, KeyPublished, KeyRetired, KeyRevoked, KeyStartedSigning, KeyStoppedSigning,
};
use super::jwk::Jwk;
use crate::clock::Timestamp;
use crate::eventlog::Decider;

/// What can be asked of the key ring.
#[derive(Debug, Clone)]
pub enum Command {
    /// Make `key` the signing key if there is none.
    Begin {
        /// The candidate.
        key: Jwk,
    },
    /// Make `key` the signing key, whatever signs now.
    Rotate {
        /// The successor.
        key: Jwk,
        /// The time.
        now: Timestamp,
        /// When the last token of the key that signs now has expired.
        verifies_until: Timestamp,
    },
    /// Take a key out at once.
    Revoke {
        /// The key.
        kid: String,
        /// Signs from now on: needed if the key is the one that signs, and not wanted otherwise.
        successor: Option<Jwk>,
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
    /// Another key signs than the one that was believed to.
    #[error("another key has begun to sign meanwhile")]
    SigningChanged,
}

/// Where a key stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Stage {
    /// In the JWKS, signs nothing yet.
    Published,
    /// Signs access tokens.
    Signing,
    /// Signs no more; tokens it signed may be valid until then.
    Verifying {
        /// When its last token expires.
        until: Timestamp,
    },
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

/// The keys in the JWKS by key id.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// The keys.
    pub keys: BTreeMap<String, RingKey>,
}

impl State {
    /// The key that signs.
    pub fn signing(&self) -> Option<&Jwk> {
        self.keys.values().find(|key| key.stage == Stage::Signing).map(|key| &key.public)
    }
}

/// The decider of the key ring.
#[derive(Debug)]
pub enum KeyRing {}

impl Decider for KeyRing {
    const CATEGORY: &'static str = "keys";
    const SNAPSHOT_SCHEMA: i16 = 1;

    type Command = Command;
    type Event = KeyEvent;
    type State = State;
    type Rejection = Rejection;

    fn decide(state: &State, command: Command) -> Result<Vec<KeyEvent>, Rejection> {
        match command {
            Command::Begin { key } => begin(state, key),
            Command::Rotate { key, now, verifies_until } => rotate(state, key, now, verifies_until),
            Command::Revoke { kid, successor } => revoke(state, kid, successor),
        }
    }

    fn evolve(mut state: State, event: &KeyEvent) -> State {
        match event {
            KeyEvent::Published(KeyPublished { public_key }) => {
                let key = RingKey { public: public_key.clone(), stage: Stage::Published };
                state.keys.insert(public_key.kid.clone(), key);
            }
            KeyEvent::StartedSigning(KeyStartedSigning { kid }) => state.enter(kid, Stage::Signing),
            KeyEvent::StoppedSigning(KeyStoppedSigning { kid, verifies_until }) => {
                state.enter(kid, Stage::Verifying { until: *verifies_until });
            }
            KeyEvent::Retired(KeyRetired { kid }) | KeyEvent::Revoked(KeyRevoked { kid }) => {
                state.keys.remove(kid);
            }
        }
        state
    }
}

impl State {
    fn enter(&mut self, kid: &str, stage: Stage) {
        if let Some(key) = self.keys.get_mut(kid) {
            key.stage = stage;
        }
    }
}

fn begin(state: &State, key: Jwk) -> Result<Vec<KeyEvent>, Rejection> {
    if state.signing().is_some() { Ok(Vec::new()) } else { install(state, key) }
}

fn rotate(
    state: &State,
    key: Jwk,
    now: Timestamp,
    verifies_until: Timestamp,
) -> Result<Vec<KeyEvent>, Rejection> {
    let installed = install(state, key)?;
    let retired = state.keys.values().filter_map(|key| match key.stage {
        Stage::Verifying { until } if until <= now => {
            Some(KeyEvent::Retired(KeyRetired { kid: key.public.kid.clone() }))
        }
        Stage::Published | Stage::Signing | Stage::Verifying { .. } => None,
    });
    let stopped = state.signing().map(|key| {
        KeyEvent::StoppedSigning(KeyStoppedSigning { kid: key.kid.clone(), verifies_until })
    });
    Ok(retired.chain(stopped).chain(installed).collect())
}

fn revoke(state: &State, kid: String, successor: Option<Jwk>) -> Result<Vec<KeyEvent>, Rejection> {
    let Some(key) = state.keys.get(&kid) else { return Err(Rejection::UnknownKey(kid)) };
    if (key.stage == Stage::Signing) != successor.is_some() {
        return Err(Rejection::SigningChanged);
    }
    let installed = successor.map_or(Ok(Vec::new()), |successor| install(state, successor))?;
    Ok([vec![KeyEvent::Revoked(KeyRevoked { kid })], installed].concat())
}

fn install(state: &State, key: Jwk) -> Result<Vec<KeyEvent>, Rejection> {
    if state.keys.contains_key(&key.kid) {
        return Err(Rejection::KnownKey(key.kid));
    }
    let kid = key.kid.clone();
    Ok(vec![
        KeyEvent::Published(KeyPublished { public_key: key }),
        KeyEvent::StartedSigning(KeyStartedSigning { kid }),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eventlog::testing::{assert_golden, given, replay};

    fn key(kid: &str) -> Jwk {
        Jwk { kid: kid.to_owned(), ..Jwk::rs256(&[5], &[1, 0, 1]) }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_millis(seconds * 1000)
    }

    fn published(kid: &str) -> KeyEvent {
        KeyEvent::Published(KeyPublished { public_key: key(kid) })
    }

    fn started(kid: &str) -> KeyEvent {
        KeyEvent::StartedSigning(KeyStartedSigning { kid: kid.to_owned() })
    }

    fn stopped(kid: &str, until: i64) -> KeyEvent {
        KeyEvent::StoppedSigning(KeyStoppedSigning {
            kid: kid.to_owned(),
            verifies_until: at(until),
        })
    }

    fn retired(kid: &str) -> KeyEvent {
        KeyEvent::Retired(KeyRetired { kid: kid.to_owned() })
    }

    fn revoked(kid: &str) -> KeyEvent {
        KeyEvent::Revoked(KeyRevoked { kid: kid.to_owned() })
    }

    fn revoke(kid: &str, successor: Option<&str>) -> Command {
        Command::Revoke { kid: kid.to_owned(), successor: successor.map(key) }
    }

    fn rotate_to(kid: &str, now: i64) -> Command {
        Command::Rotate { key: key(kid), now: at(now), verifies_until: at(now + 100) }
    }

    #[test]
    fn an_empty_ring_begins_with_the_first_key_offered() {
        given::<KeyRing>([])
            .when(Command::Begin { key: key("a") })
            .then([published("a"), started("a")]);
    }

    #[test]
    fn a_ring_with_a_signing_key_does_not_begin_again() {
        given::<KeyRing>([published("a"), started("a")])
            .when(Command::Begin { key: key("b") })
            .then([]);
    }

    #[test]
    fn rotation_lets_the_old_key_verify_until_its_last_token_expires() {
        given::<KeyRing>([published("a"), started("a")]).when(rotate_to("b", 50)).then([
            stopped("a", 150),
            published("b"),
            started("b"),
        ]);
    }

    #[test]
    fn rotation_retires_keys_whose_tokens_have_all_expired_and_no_other() {
        let history = [
            published("a"),
            started("a"),
            stopped("a", 10),
            published("b"),
            started("b"),
            stopped("b", 60),
        ];
        let history = history.into_iter().chain([published("c"), started("c")]);
        given::<KeyRing>(history).when(rotate_to("d", 50)).then([
            retired("a"),
            stopped("c", 150),
            published("d"),
            started("d"),
        ]);
    }

    #[test]
    fn a_revoked_signing_key_leaves_at_once_and_its_successor_signs() {
        given::<KeyRing>([published("a"), started("a")]).when(revoke("a", Some("b"))).then([
            revoked("a"),
            published("b"),
            started("b"),
        ]);
    }

    #[test]
    fn revoking_a_key_that_only_verifies_changes_nothing_else() {
        let history =
            [published("a"), started("a"), stopped("a", 100), published("b"), started("b")];
        given::<KeyRing>(history).when(revoke("a", None)).then([revoked("a")]);
    }

    #[test]
    fn a_ring_is_never_left_without_a_signing_key_nor_given_one_it_does_not_need() {
        let history = [published("a"), started("a"), stopped("a", 9), published("b"), started("b")];
        for command in [revoke("b", None), revoke("a", Some("c"))] {
            given::<KeyRing>(history.clone())
                .when(command)
                .then_rejected(&Rejection::SigningChanged);
        }
    }

    #[test]
    fn what_is_not_in_the_ring_cannot_be_revoked() {
        given::<KeyRing>([published("a"), started("a"), revoked("z")])
            .when(revoke("z", None))
            .then_rejected(&Rejection::UnknownKey("z".to_owned()));
    }

    #[test]
    fn a_key_enters_the_ring_once() {
        given::<KeyRing>([published("a"), started("a")])
            .when(rotate_to("a", 50))
            .then_rejected(&Rejection::KnownKey("a".to_owned()));
    }

    #[test]
    fn every_history_can_be_folded() {
        let alphabet = [
            published("a"),
            started("a"),
            stopped("a", 1),
            retired("a"),
            revoked("a"),
            started("b"),
        ];
        for first in &alphabet {
            for second in &alphabet {
                for third in &alphabet {
                    replay::<KeyRing>([first.clone(), second.clone(), third.clone()]);
                }
            }
        }
    }

    #[test]
    fn stored_events_keep_their_shape() {
        let stopped = stopped("a", 1_763_812_800);
        assert_golden(&[published("a"), started("a"), stopped, retired("a"), revoked("a")]);
    }
}
