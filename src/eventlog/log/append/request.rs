//! The request of an append: the one envelope between an entity and the writer of its node.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::metrics;
use crate::capacity::budget::Lease;
use crate::eventlog::model::error::StoreError;
use crate::eventlog::model::new_event::NewEvent;
use crate::eventlog::model::statement::Statement;
use crate::eventlog::model::stream::StreamName;
use crate::telemetry::TraceContext;

/// Approximate bytes of an event's columns, except the long ones.
const PER_EVENT: usize = 128;

/// Events for one stream, all or none, from the entity that decided them to the answer.
///
/// Once it is queued, failures of its batch (`Blame`) change its standing:
///
/// | standing \ event | committed | `Somebody` | `Slowness` | `Everybody` |
/// |---|---|---|---|---|
/// | waiting: in a lane until a batch takes it | – | – | – | – |
/// | in a batch of several | written | on trial | by itself | refused or unknown |
/// | in a batch of one | written | blamed | blamed | refused or unknown |
/// | by itself, its batch taken apart | written | blamed | blamed; `MAX_SLOW`: rest refused | refused or unknown; rest refused |
///
/// | on trial: event | next standing |
/// |---|---|
/// | the trial refuses it | blamed |
/// | the trial takes it | in a batch with the others that it takes; by itself after the last of `TRIALS` |
/// | the trial itself fails | refused |
///
/// * Written: answered with version and position.
/// * Blamed: answered with its own error, such as a conflict; the others of its batch go on.
/// * Refused: answered with the failure of the database; nothing of it was written.
/// * Unknown: answered with [`StoreError::OutcomeUnknown`], because a commit may have lost its answer.
#[derive(Debug)]
pub struct Append {
    /// Stream to which the events are appended.
    pub stream: StreamName,
    /// The version the stream must have now; 0 means it must not exist.
    pub expected: i64,
    /// Events to append. If there are none, only `also_write` is written, and `expected` is not checked.
    pub events: Vec<NewEvent>,
    /// Rows written beside the log in the same transaction, before the events.
    pub also_write: Vec<Arc<Statement>>,
    /// Place in the queue, from there until the answer: before that no caller waits.
    pub(super) queued: Option<Queued>,
}

/// Size of one append or of several.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct AppendSize {
    /// Number of events in all of them.
    pub(super) events: usize,
    /// Bytes on the wire, approximately.
    pub(super) bytes: usize,
}

impl AppendSize {
    /// Bytes of memory that are taken until it is written: once as it waits, and once in the message to PostgreSQL, which
    /// has at worst twice the room that it needs.
    pub(super) fn weight(self) -> usize {
        self.bytes.saturating_mul(3)
    }
}

/// Data that an append has while it is queued or written.
#[derive(Debug)]
pub(super) struct Queued {
    /// Size of the append, measured once, which decides its lane.
    pub(super) size: AppendSize,
    /// Sender of the answer to the entity.
    pub(super) reply: oneshot::Sender<Result<Appended, StoreError>>,
    /// Trace context and span of the append, from the queue until it is committed.
    pub(super) trace_context: TraceContext,
    /// Start of the measured duration of the append.
    pub(super) since: Instant,
    /// Permit of the queue, held until a batch takes the append.
    pub(super) permit: Option<OwnedSemaphorePermit>,
    /// Lease for the bytes of the append, held until it is answered.
    pub(super) _bytes: Lease,
}

/// Place of an append in its stream and in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// Version of the stream after it.
    pub version: i64,
    /// Position of its first event, if it has any.
    pub position: Option<i64>,
}

impl Append {
    /// An append of `events` to a stream that has the version `expected` now; 0 if the stream must not exist.
    pub fn new(stream: StreamName, expected: i64, events: Vec<NewEvent>) -> Self {
        Self { stream, expected, events, also_write: Vec::new(), queued: None }
    }

    /// Writes rows in the transaction of the events, also if there are no events; `expected` is not checked then.
    #[must_use]
    pub fn also_write(mut self, statement: Statement) -> Self {
        self.also_write.push(Arc::new(statement));
        self
    }

    /// Returns true if there is nothing to write.
    pub(crate) fn is_empty(&self) -> bool {
        self.events.is_empty() && self.also_write.is_empty()
    }

    /// Number of events, as positions and versions are counted.
    pub(super) fn count(&self) -> i64 {
        i64::try_from(self.events.len()).unwrap_or(i64::MAX)
    }

    /// Size that counts against the limits of a batch.
    pub(super) fn size(&self) -> AppendSize {
        self.queued.as_ref().map_or_else(
            || AppendSize { events: self.events.len(), bytes: self.wire_bytes() },
            |queued| queued.size,
        )
    }

    /// Approximate number of its bytes that travel to PostgreSQL.
    fn wire_bytes(&self) -> usize {
        let events = self.events.iter().map(|event| {
            self.stream.as_str().len() + event.data.len() + event.context.len() + PER_EVENT
        });
        let rows = self.also_write.iter().map(|statement| statement.bytes());
        events.chain(rows).fold(0, usize::saturating_add)
    }

    /// Trace context of the append while it is queued.
    pub(super) fn trace_context(&self) -> Option<&TraceContext> {
        self.queued.as_ref().map(|queued| &queued.trace_context)
    }

    /// Place in the log after a batch whose first event stands behind the position `base`.
    pub(super) fn appended(&self, base: Option<i64>) -> Appended {
        let position = base.filter(|_| !self.events.is_empty()).map(|base| base + 1);
        Appended { version: self.expected + self.count(), position }
    }

    /// Answers the entity, which may have stopped waiting; a committed append stays committed.
    pub(super) fn answer(self, answer: Result<Appended, StoreError>) {
        let Some(Queued { reply, trace_context, since, .. }) = self.queued else { return };
        metrics::append(since.elapsed(), &answer);
        if answer.is_err() {
            trace_context.span.record("otel.status_code", "ERROR");
        }
        // The span ends before the requester goes on.
        drop(trace_context);
        let _ = reply.send(answer);
    }
}
