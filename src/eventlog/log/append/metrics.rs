//! Metrics of appends and of their batches.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::KeyValue;
use tokio::sync::Semaphore;

use crate::eventlog::model::error::StoreError;
use crate::telemetry::metrics::instrument::count;
use crate::telemetry::metrics::{
    APPEND_BATCH_DURATION, APPEND_BATCH_SIZE, APPEND_DURATION, APPEND_EVENTS, APPEND_QUEUE_DEPTH,
};

/// Outcome as an attribute. A refusal because of the content (an address that is taken, a stream that another writer has
/// changed) is neither a success nor a failure of the log: it has no outcome.
fn outcome(failure: Option<&StoreError>) -> Option<KeyValue> {
    let word = match failure {
        None => "success",
        Some(StoreError::Constraint(_) | StoreError::Conflict) => return None,
        Some(_) => "failure",
    };
    Some(KeyValue::new("outcome", word))
}

/// Records the duration of an append that was answered.
pub(super) fn append<T>(took: Duration, answer: &Result<T, StoreError>) {
    if let Some(outcome) = outcome(answer.as_ref().err()) {
        APPEND_DURATION.record(took, &[outcome]);
    }
}

/// Records a batch of some appends and events that was written, or was not.
pub(super) fn batch(took: Duration, (appends, events): (usize, i64), failure: Option<&StoreError>) {
    if let Some(outcome) = outcome(failure) {
        APPEND_BATCH_DURATION.record(took, &[outcome]);
    }
    if failure.is_none() {
        APPEND_BATCH_SIZE.record(appends, &[]);
        APPEND_EVENTS.add(events.try_into().unwrap_or_default(), &[]);
    }
}

/// Observes the number of appends in the queue, until the appender has ended.
pub(super) fn observe_queue(places: &Arc<Semaphore>, of: usize) {
    let places = Arc::downgrade(places);
    APPEND_QUEUE_DEPTH.by(move |depth| {
        if let Some(places) = places.upgrade() {
            depth.observe(count(of.saturating_sub(places.available_permits())), &[]);
        }
    });
}
