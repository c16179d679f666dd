//! What is measured of the log and of the entities on it.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::KeyValue;
use tokio::sync::Semaphore;

use super::entity::directory::Directory;
use super::model::append::Append;
use super::model::decider::Decider;
use super::model::error::StoreError;
use crate::telemetry::metrics::instrument::count;
use crate::telemetry::metrics::{
    ACTORS_ALIVE, ACTORS_RESTARTED, APPEND_BATCH_DURATION, APPEND_BATCH_SIZE, APPEND_CONFLICTS,
    APPEND_DURATION, APPEND_EVENTS, APPEND_QUEUE_DEPTH, MAILBOX_DEPTH, REHYDRATION_DURATION,
    REHYDRATION_EVENTS,
};

/// The kind of an entity, as an attribute.
fn category<D: Decider>() -> KeyValue {
    KeyValue::new("category", D::CATEGORY)
}

/// How it ended. What was refused for what it says (an address that is taken, a stream that somebody else has written) is
/// neither a success nor a failure of the log: nothing stands for it.
fn outcome(failure: Option<&StoreError>) -> Option<KeyValue> {
    let word = match failure {
        None => "success",
        Some(StoreError::Constraint(_) | StoreError::Conflict) => return None,
        Some(_) => "failure",
    };
    Some(KeyValue::new("outcome", word))
}

/// An append was answered.
pub(super) fn append<T>(took: Duration, answer: &Result<T, StoreError>) {
    if let Some(outcome) = outcome(answer.as_ref().err()) {
        APPEND_DURATION.record(took, &[outcome]);
    }
}

/// A batch was written, or was not.
pub(super) fn batch(took: Duration, appends: &[&Append], failure: Option<&StoreError>) {
    if let Some(outcome) = outcome(failure) {
        APPEND_BATCH_DURATION.record(took, &[outcome]);
    }
    if failure.is_none() {
        APPEND_BATCH_SIZE.record(appends.len(), &[]);
        let events: usize = appends.iter().map(|append| append.events.len()).sum();
        APPEND_EVENTS.add(events.try_into().unwrap_or(u64::MAX), &[]);
    }
}

/// Shows how many wait in the appender's queue, until it has ended.
pub(super) fn observe_queue(places: &Arc<Semaphore>, of: usize) {
    let places = Arc::downgrade(places);
    APPEND_QUEUE_DEPTH.by(move |depth| {
        if let Some(places) = places.upgrade() {
            depth.observe(count(of.saturating_sub(places.available_permits())), &[]);
        }
    });
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
