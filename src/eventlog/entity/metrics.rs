//! Metrics of entities, with the category of the entity as an attribute.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::KeyValue;

use super::directory::Directory;
use crate::eventlog::model::decider::Decider;
use crate::telemetry::metrics::instrument::count;
use crate::telemetry::metrics::{
    ACTORS_ALIVE, ACTORS_RESTARTED, APPEND_CONFLICTS, MAILBOX_DEPTH, REHYDRATION_DURATION,
    REHYDRATION_EVENTS,
};

/// The kind of an entity, as an attribute.
fn category<D: Decider>() -> KeyValue {
    KeyValue::new("category", D::CATEGORY)
}

/// Records the number of commands that an entity found waiting.
pub(super) fn mailbox<D: Decider>(depth: usize) {
    MAILBOX_DEPTH.record(depth, &[category::<D>()]);
}

/// Counts an append that conflicted with that of another writer.
pub(super) fn conflict<D: Decider>() {
    APPEND_CONFLICTS.one(&[category::<D>()]);
}

/// Records the duration of a load, and the number of events it read.
pub(super) fn rehydration<D: Decider>(took: Duration, events: usize) {
    let category = [category::<D>()];
    REHYDRATION_DURATION.record(took, &category);
    REHYDRATION_EVENTS.record(events, &category);
}

/// Counts an actor that died and has to be replaced.
pub(super) fn death<D: Decider>() {
    ACTORS_RESTARTED.one(&[category::<D>()]);
}

/// Observes the number of entities in memory, until the directory of this kind is dropped.
pub(super) fn observe_entities<D: Decider>(directory: &Arc<Directory<D>>) {
    let (directory, category) = (Arc::downgrade(directory), [category::<D>()]);
    // Counters begin at 0, so that their first increment is seen.
    APPEND_CONFLICTS.add(0, &category);
    ACTORS_RESTARTED.add(0, &category);
    ACTORS_ALIVE.by(move |alive| {
        if let Some(directory) = directory.upgrade() {
            alive.observe(count(directory.alive()), &category);
        }
    });
}
