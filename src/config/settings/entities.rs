//! How many entities stay in memory, and for how long.

use std::time::Duration;

use crate::config::read::parse::{duration, number};
use crate::config::read::reader::Reader;
use crate::config::variables::{ENTITIES_MAX, ENTITY_IDLE, SNAPSHOT_EVERY, SNAPSHOT_RETENTION};

const DAY: Duration = Duration::from_hours(24);
const LONGEST_IDLE: Duration = Duration::from_hours(7 * 24);
const LONGEST_RETENTION: Duration = Duration::from_hours(4_000 * 24);

/// How many entities stay in memory, and for how long.
#[derive(Clone, Debug)]
pub struct EntityConfig {
    /// The most entities of one kind that are alive at the same time.
    pub max_alive: usize,
    /// How long an entity without commands and reads stays in memory.
    pub idle_after: Duration,
    /// How many events lie between two snapshots of a stream.
    pub snapshot_every: u64,
    /// How long all of them stay.
    pub snapshot_retention: Duration,
}

impl Default for EntityConfig {
    fn default() -> Self {
        Self {
            max_alive: 100_000,
            idle_after: Duration::from_mins(10),
            snapshot_every: 500,
            snapshot_retention: 90 * DAY,
        }
    }
}

impl EntityConfig {
    pub(crate) fn read(reader: &mut Reader<'_>) -> Self {
        let default = Self::default();
        let max_alive = reader.read(&ENTITIES_MAX, number(1..=100_000_000));
        let idle_after = reader.read(&ENTITY_IDLE, duration(Duration::from_secs(1)..=LONGEST_IDLE));
        let snapshot_every = reader.read(&SNAPSHOT_EVERY, number(1..=1_000_000));
        let snapshot_retention =
            reader.read(&SNAPSHOT_RETENTION, duration(DAY..=LONGEST_RETENTION));
        Self {
            max_alive: max_alive.unwrap_or(default.max_alive),
            idle_after: idle_after.unwrap_or(default.idle_after),
            snapshot_every: snapshot_every.unwrap_or(default.snapshot_every),
            snapshot_retention: snapshot_retention.unwrap_or(default.snapshot_retention),
        }
    }
}
