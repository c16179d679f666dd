//! Telemetry of a statement: a span if the trace is sampled, and its duration.
//!
//! Both contain the text of the statement, which has placeholders, and never a value.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};
use std::time::Instant;

use opentelemetry::KeyValue;
use tokio_postgres::Error;
use tracing::Span;
use tracing::field::Empty;

use super::summary::Summary;
use crate::child_span;
use crate::telemetry::metrics::OPERATION_DURATION;

/// Value of `db.system.name`, which OpenTelemetry prescribes for PostgreSQL.
const SYSTEM: &str = "postgresql";
/// Value of `error.type` for a failure without a SQLSTATE.
const UNAVAILABLE: &str = "unavailable";
/// Value of `error.type` for a statement whose caller stopped waiting.
const CANCELLED: &str = "cancelled";

/// Address and length of a string constant.
type TextAddress = (usize, usize);

/// Statements of the program by the address of their text, which is quicker to look up than the text.
static KNOWN: LazyLock<RwLock<HashMap<TextAddress, Arc<Described>>>> =
    LazyLock::new(RwLock::default);

/// Description of a statement for telemetry, computed once per constant.
struct Described {
    /// Operation and summary, for spans.
    summary: Summary,
    /// Attributes of the duration metric, kept so that no statement has to build them again.
    attributes: [KeyValue; 3],
}

impl Described {
    /// Returns the description of a constant, from the cache or computed now.
    fn of(sql: &'static str) -> Arc<Self> {
        let place: TextAddress = (sql.as_ptr().addr(), sql.len());
        let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner).get(&place).cloned();
        known.unwrap_or_else(|| {
            let described = Arc::new(Self::new(Summary::of(sql)));
            let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
            known.insert(place, Arc::clone(&described));
            described
        })
    }

    fn new(summary: Summary) -> Self {
        let text: Arc<str> = summary.text.as_str().into();
        let attributes = [
            KeyValue::new("db.system.name", SYSTEM),
            KeyValue::new("db.operation.name", summary.operation),
            KeyValue::new("db.query.summary", text),
        ];
        Self { summary, attributes }
    }
}

/// Statement that is being executed.
pub(super) struct RunningStatement {
    /// Shared description of the statement.
    described: Arc<Described>,
    /// Span of the statement; disabled if the trace is not sampled.
    span: Span,
    /// Time of sending, from the monotonic clock.
    began: Instant,
    /// True once the outcome is recorded, so that dropping records no cancellation.
    is_answered: bool,
}

impl RunningStatement {
    /// Starts the span and the clock of a statement that is about to be sent.
    pub(super) fn begin(sql: &'static str) -> Self {
        let described = Described::of(sql);
        let Summary { operation, text } = &described.summary;
        let span = child_span!(
            &Span::current(),
            "statement",
            otel.kind = "client",
            otel.name = text.as_str(),
            otel.status_code = Empty,
            db.system.name = SYSTEM,
            db.operation.name = operation,
            db.query.summary = text.as_str(),
            db.query.text = sql,
            db.response.status_code = Empty,
            error.type = Empty,
        );
        Self { described, span, began: Instant::now(), is_answered: false }
    }

    /// Records the outcome of a statement that has been answered.
    pub(super) fn end(mut self, failure: Option<&Error>) {
        self.is_answered = true;
        let Some(error) = failure else { return self.measure(None) };
        let code = error.code().map(|code| code.code().to_owned());
        self.span.record("db.response.status_code", code.clone());
        self.measure(Some(code.unwrap_or_else(|| UNAVAILABLE.to_owned())));
    }

    fn measure(&self, failure: Option<String>) {
        let took = self.began.elapsed();
        let attributes = &self.described.attributes;
        let Some(kind) = failure else { return OPERATION_DURATION.record(took, attributes) };
        self.span.record("otel.status_code", "ERROR");
        self.span.record("error.type", kind.as_str());
        let mut attributes = attributes.to_vec();
        attributes.push(KeyValue::new("error.type", kind));
        OPERATION_DURATION.record(took, &attributes);
    }
}

/// Records a cancellation: a statement whose caller stopped waiting is among the slowest.
impl Drop for RunningStatement {
    fn drop(&mut self) {
        if !self.is_answered {
            self.measure(Some(CANCELLED.to_owned()));
        }
    }
}

/// Executes a statement and reports it to telemetry.
pub(super) async fn told<T>(
    sql: &'static str,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let told = RunningStatement::begin(sql);
    let done = work.await;
    told.end(done.as_ref().err());
    done
}
