//! Limits of entities in memory, and their snapshots.

use std::time::Duration;

use crate::config::read::parse::{duration, number};
use crate::config::read::reader::Reader;
use crate::config::variables::{ENTITIES_MAX, ENTITY_IDLE, SNAPSHOT_EVERY, SNAPSHOT_RETENTION};

const DAY: Duration = Duration::from_hours(24);
const LONGEST_IDLE: Duration = Duration::from_hours(7 * 24);
const LONGEST_RETENTION: Duration = Duration::from_hours(4_000 * 24);

/// Limits of entities in memory, and their snapshots.
#[derive(Clone, Debug)]
pub struct EntityConfig {
    /// Most entities of one kind in memory at once.
    pub max_alive: usize,
    /// Idle timeout, after which an entity without commands and reads is passivated.
    pub idle_after: Duration,
    /// Fewest events between two snapshots of a stream.
    pub snapshot_every: u64,
    /// Age at which snapshots begin to be thinned out.
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
