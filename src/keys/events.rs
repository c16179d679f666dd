//! What happens to signing keys. A private key is never part of an event.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::jwk::Jwk;
use crate::base::clock::Timestamp;
use crate::telemetry::audit_events::{KeyChange, key_changed};

/// What happened to the key ring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyEvent {
    /// A key entered the JWKS.
    Published(KeyPublished),
    /// A key began to sign access tokens.
    StartedSigning(KeyStartedSigning),
    /// A key signs no more but still verifies.
    StoppedSigning(KeyStoppedSigning),
    /// A key left the JWKS.
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
    /// Tells whoever watches that this has just happened to a key.
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

    /// The key id of the key that began to sign, if that is what happened.
    pub fn into_started(self) -> Option<String> {
        match self {
            Self::StartedSigning(started) => Some(started.kid),
            Self::Published(_) | Self::StoppedSigning(_) | Self::Retired(_) | Self::Revoked(_) => {
                None
            }
        }
    }

    /// The key id of the key that was taken out, if that is what happened.
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

/// For operators: which key, and what happened to it.
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
    /// Its public half, with its key id.
    pub public_key: Jwk,
    /// From then on it may sign: verifiers have it by then.
    pub signs_from: Timestamp,
}

/// A key began to sign access tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyStartedSigning {
    /// Its key id.
    pub kid: String,
    /// When it began.
    pub since: Timestamp,
}

/// A key signs no more but still verifies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyStoppedSigning {
    /// Its key id.
    pub kid: String,
    /// From then on no token it signed is valid any more.
    pub verifies_until: Timestamp,
}

/// A key left the JWKS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyRetired {
    /// Its key id.
    pub kid: String,
}

/// A key was taken out at once: nothing it signed is accepted any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyRevoked {
    /// Its key id.
    pub kid: String,
}
