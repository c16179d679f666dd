//! Events of the key ring. A private key is never part of an event.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::jwk::Jwk;
use crate::base::clock::Timestamp;
use crate::telemetry::audit_events::{KeyChange, key_changed};

/// A change of the key ring that was committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyEvent {
    /// A key entered the JWKS.
    Published(KeyPublished),
    /// A key began to sign access tokens.
    StartedSigning(KeyStartedSigning),
    /// A key stopped signing but still verifies.
    StoppedSigning(KeyStoppedSigning),
    /// A key left the JWKS, because its last token has expired.
    Retired(KeyRetired),
    /// A key was taken out at once, and its tokens with it.
    Revoked(KeyRevoked),
}

crate::event_kinds!(KeyEvent {
    "KeyPublished" @ 1 => Published,
    "KeyStartedSigning" @ 1 => StartedSigning,
    "KeyStoppedSigning" @ 1 => StoppedSigning,
    "KeyRetired" @ 1 => Retired,
    "KeyRevoked" @ 1 => Revoked,
});

impl KeyEvent {
    /// Writes the audit event for a change that has just been committed.
    pub fn tell(&self) {
        match self {
            Self::Published(published) => {
                key_changed(published.public_key.kid(), KeyChange::Published);
            }
            Self::StartedSigning(started) => key_changed(&started.kid, KeyChange::Signing),
            Self::StoppedSigning(stopped) => key_changed(&stopped.kid, KeyChange::Verifying),
            Self::Retired(retired) => key_changed(&retired.kid, KeyChange::Retired),
            Self::Revoked(revoked) => key_changed(&revoked.kid, KeyChange::Revoked),
        }
    }

    /// Key id of the key that began to sign, if this is such an event.
    pub fn into_started(self) -> Option<String> {
        match self {
            Self::StartedSigning(started) => Some(started.kid),
            Self::Published(_) | Self::StoppedSigning(_) | Self::Retired(_) | Self::Revoked(_) => {
                None
            }
        }
    }

    /// Key id of the key that was taken out, if this is such an event.
    pub fn into_revoked(self) -> Option<String> {
        match self {
            Self::Revoked(revoked) => Some(revoked.kid),
            Self::Published(_)
            | Self::StartedSigning(_)
            | Self::StoppedSigning(_)
            | Self::Retired(_) => None,
        }
    }
}

/// For operators: the key id, and the change.
impl fmt::Display for KeyEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Published(KeyPublished { public_key, signs_from }) => {
                let (kid, algorithm) = (public_key.kid(), public_key.algorithm());
                write!(f, "{kid}  published for {algorithm}, signs from {signs_from}")
            }
            Self::StartedSigning(KeyStartedSigning { kid, .. }) => {
                write!(f, "{kid}  started signing")
            }
            Self::StoppedSigning(KeyStoppedSigning { kid, verifies_until }) => {
                write!(f, "{kid}  stopped signing, verifies until {verifies_until}")
            }
            Self::Retired(KeyRetired { kid }) => write!(f, "{kid}  retired"),
            Self::Revoked(KeyRevoked { kid }) => write!(f, "{kid}  revoked"),
        }
    }
}

/// A key entered the JWKS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyPublished {
    /// Public half of the key, with its key id.
    pub public_key: Jwk,
    /// Time from which the key may sign: verifiers have it by then.
    pub signs_from: Timestamp,
}

/// A key began to sign access tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyStartedSigning {
    /// Key id of the key that signs from now on.
    pub kid: String,
    /// Time at which it began to sign.
    pub since: Timestamp,
}

/// A key stopped signing but still verifies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyStoppedSigning {
    /// Key id of the key that stopped.
    pub kid: String,
    /// Time from which no token it signed is valid any more.
    pub verifies_until: Timestamp,
}

/// A key left the JWKS, because its last token has expired.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyRetired {
    /// Key id of the key that left.
    pub kid: String,
}

/// A key was taken out at once: nothing it signed is accepted any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyRevoked {
    /// Key id of the key that was taken out.
    pub kid: String,
}
