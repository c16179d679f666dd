//! Metrics of entities.

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

/// An entity found so many requests waiting.
pub(super) fn mailbox<D: Decider>(depth: usize) {
    MAILBOX_DEPTH.record(depth, &[category::<D>()]);
}

/// Another process was faster than an entity.
pub(super) fn conflict<D: Decider>() {
    APPEND_CONFLICTS.one(&[category::<D>()]);
}

/// An entity was loaded.
pub(super) fn rehydration<D: Decider>(took: Duration, events: usize) {
    let category = [category::<D>()];
    REHYDRATION_DURATION.record(took, &category);
    REHYDRATION_EVENTS.record(events, &category);
}

/// An entity died.
pub(super) fn death<D: Decider>() {
    ACTORS_RESTARTED.one(&[category::<D>()]);
}

/// Shows how many entities are in memory, until this kind of them has ended.
pub(super) fn observe_entities<D: Decider>(directory: &Arc<Directory<D>>) {
    let (directory, category) = (Arc::downgrade(directory), [category::<D>()]);
    // 0 for what has not happened yet, so that its first time is seen.
    APPEND_CONFLICTS.add(0, &category);
    ACTORS_RESTARTED.add(0, &category);
    ACTORS_ALIVE.by(move |alive| {
        if let Some(directory) = directory.upgrade() {
            alive.observe(count(directory.alive()), &category);
        }
    });
}
