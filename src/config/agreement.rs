//! Settings on which all nodes of a cluster must agree: those that clients see, and those that change shared data.
//!
//! Secrets are not among them: a node whose secret does not open the keys does not start.

use super::Config;
use super::read::error::InvalidValue;
use super::read::parse::{quoted, written};
use super::read::reader::Reader;
use super::variables::{
    AUDIENCES, CHANGING, CORS_ORIGINS, HASH_ITERATIONS, HASH_MEMORY, KEY_ALGORITHM, KEY_LEAD,
    KEY_ROTATION, PUBLIC_URL, RSA_BITS, SESSION_ABSOLUTE, SESSION_IDLE, TOKEN_LIFETIME, Variable,
};
use crate::eventlog::cluster::agreement::Agreement;
use crate::keys::algorithm::Algorithm;

/// Variables that nodes compare.
pub(super) const AGREED: [&Variable; 12] = [
    &PUBLIC_URL,
    &CORS_ORIGINS,
    &KEY_ROTATION,
    &KEY_LEAD,
    &KEY_ALGORITHM,
    &RSA_BITS,
    &TOKEN_LIFETIME,
    &AUDIENCES,
    &SESSION_IDLE,
    &SESSION_ABSOLUTE,
    &HASH_MEMORY,
    &HASH_ITERATIONS,
];

const NOT_SET: &str = "not set";

impl Config {
    /// Values that this node must share with all others on the same database.
    pub fn agreement(&self) -> Agreement {
        let Self { http, keys, tokens, sessions, passwords, .. } = self;
        let origin = http.public_url.as_ref().map(|url| url.origin().ascii_serialization());
        let (algorithm, bits) = match keys.algorithm {
            Algorithm::Rs256 { bits } => ("RS256", Some(bits.to_string())),
            Algorithm::EdDsa => ("EdDSA", None),
        };
        let values = [
            (PUBLIC_URL, origin.or_else(|| Some(NOT_SET.to_owned()))),
            (CORS_ORIGINS, Some(list(&http.cors_origins))),
            (KEY_ROTATION, Some(written(keys.rotation))),
            (KEY_LEAD, Some(written(keys.lead))),
            (KEY_ALGORITHM, Some(algorithm.to_owned())),
            (RSA_BITS, bits),
            (TOKEN_LIFETIME, Some(written(tokens.lifetime))),
            (AUDIENCES, Some(list(&tokens.audiences))),
            (SESSION_IDLE, Some(written(sessions.idle))),
            (SESSION_ABSOLUTE, Some(written(sessions.absolute))),
            (HASH_MEMORY, Some(passwords.memory_kib.to_string())),
            (HASH_ITERATIONS, Some(passwords.iterations.to_string())),
        ];
        let named = |(variable, value): (Variable, Option<String>)| {
            value.map(|value| (variable.name.to_owned(), value))
        };
        let settings = values.into_iter().filter_map(named).collect();
        Agreement { settings, changing: self.changing.clone() }
    }
}

/// Writes a list whose order means nothing, sorted.
fn list<T: ToString>(items: &[T]) -> String {
    let mut items: Vec<_> = items.iter().map(ToString::to_string).collect();
    items.sort_unstable();
    if items.is_empty() { NOT_SET.to_owned() } else { items.join(",") }
}

/// Settings that may differ while a cluster is reconfigured, node by node.
pub(super) fn read_changing(reader: &mut Reader<'_>) -> Vec<String> {
    reader.read_unless_empty(&CHANGING, parse_changing).unwrap_or_default()
}

fn parse_changing(value: &str) -> Result<Vec<String>, InvalidValue> {
    let names = value.split(',').map(str::trim).filter(|name| !name.is_empty());
    names.map(agreed).collect()
}

/// Name of a compared variable, given by any of its names.
fn agreed(name: &str) -> Result<String, InvalidValue> {
    let variable = AGREED.iter().find(|variable| variable.names().any(|known| known == name));
    variable.map(|variable| variable.name.to_owned()).ok_or_else(|| {
        let names: Vec<_> = AGREED.iter().map(|variable| variable.name).collect();
        let wrong = format!("names {}", quoted(name));
        InvalidValue::new(wrong, format!("settings that servers must share: {}", names.join(", ")))
    })
}
