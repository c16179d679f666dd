//! Settings of signing keys.

use std::time::Duration;

use crate::config::read::error::InvalidValue;
use crate::config::read::parse::{duration, quoted};
use crate::config::read::reader::Reader;
use crate::config::variables::{KEY_ALGORITHM, KEY_LEAD, KEY_ROTATION, RSA_BITS};
use crate::keys::algorithm::Algorithm;

const DAY: Duration = Duration::from_hours(24);
const SHORTEST_LEAD: Duration = Duration::from_secs(1);
const LONGEST_LEAD: Duration = DAY;
const SHORTEST_ROTATION: Duration = Duration::from_secs(2);
const LONGEST_ROTATION: Duration = Duration::from_hours(400 * 24);
/// Sizes that verifiers support; RFC 7518, section 3.3, forbids smaller ones.
const SIZES: [usize; 3] = [2048, 3072, 4096];

/// Rotation and algorithm of signing keys.
#[derive(Clone, Debug)]
pub struct KeyConfig {
    /// Time for which a key signs.
    pub rotation: Duration,
    /// Time for which a key is published before it signs.
    pub lead: Duration,
    /// Algorithm of new keys.
    pub algorithm: Algorithm,
}

impl Default for KeyConfig {
    fn default() -> Self {
        Self { rotation: 30 * DAY, lead: Duration::from_mins(15), algorithm: Algorithm::default() }
    }
}

impl KeyConfig {
    pub(crate) fn read(reader: &mut Reader<'_>) -> Self {
        let default = Self::default();
        let lead = reader.read(&KEY_LEAD, duration(SHORTEST_LEAD..=LONGEST_LEAD));
        let rotation = reader.read(&KEY_ROTATION, duration(SHORTEST_ROTATION..=LONGEST_ROTATION));
        let config = Self {
            rotation: rotation.unwrap_or(default.rotation),
            lead: lead.unwrap_or(default.lead),
            algorithm: algorithm(reader),
        };
        if config.rotation < 2 * config.lead {
            let expected = format!("at least twice {}", KEY_LEAD.name);
            let wrong = "leaves a key too little time to sign before the next one is published";
            reader.problem(KEY_ROTATION.name, InvalidValue::new(wrong, expected));
        }
        config
    }
}

/// Reads both variables, so that a problem with the size is found even if no RSA key is wanted.
fn algorithm(reader: &mut Reader<'_>) -> Algorithm {
    let bits = reader.read(&RSA_BITS, bits);
    let rs256 = bits.map_or_else(Algorithm::default, |bits| Algorithm::Rs256 { bits });
    let read = reader.read(&KEY_ALGORITHM, |value| match value.trim() {
        "RS256" => Ok(rs256),
        "EdDSA" => Ok(Algorithm::EdDsa),
        other => Err(InvalidValue::new(format!("is {}", quoted(other)), "RS256 or EdDSA")),
    });
    read.unwrap_or(rs256)
}

fn bits(value: &str) -> Result<usize, InvalidValue> {
    let bits = value.trim().parse().ok().filter(|bits| SIZES.contains(bits));
    bits.ok_or_else(|| InvalidValue::new(format!("is {}", quoted(value)), "2048, 3072 or 4096"))
}
