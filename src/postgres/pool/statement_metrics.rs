//! What telemetry hears of a statement: a span of its own where the trace is kept, and how long it took.
//!
//! Both know the text of the statement, which holds placeholders, and never a value.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};
use std::time::Instant;

use opentelemetry::KeyValue;
use tokio_postgres::Error;
use tracing::Span;
use tracing::field::Empty;

use super::summary::Summary;
use crate::span_in;
use crate::telemetry::metrics::OPERATION_DURATION;

/// The database system.
const SYSTEM: &str = "postgresql";
/// What went wrong when it was not the server that said so.
const UNAVAILABLE: &str = "unavailable";
/// The same when nobody waited any more.
const CANCELLED: &str = "cancelled";

/// Address and length of a constant.
type Place = (usize, usize);

/// The statements of the program by the place of their text, which is quicker to look up than the text.
static KNOWN: LazyLock<RwLock<HashMap<Place, Arc<Described>>>> = LazyLock::new(RwLock::default);

/// A statement as telemetry tells it.
struct Described {
    summary: Summary,
    attributes: [KeyValue; 3],
}

impl Described {
    /// That of a constant of the program.
    fn of(sql: &'static str) -> Arc<Self> {
        let place: Place = (sql.as_ptr().addr(), sql.len());
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

/// A statement that is being carried out.
pub(super) struct Told {
    described: Arc<Described>,
    span: Span,
    began: Instant,
    is_answered: bool,
}

impl Told {
    /// It is sent.
    pub(super) fn begin(sql: &'static str) -> Self {
        let described = Described::of(sql);
        let Summary { operation, text } = &described.summary;
        let span = span_in!(
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

    /// It is answered.
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

/// Told in any case: a statement that nobody waited for any more is the slowest.
impl Drop for Told {
    fn drop(&mut self) {
        if !self.is_answered {
            self.measure(Some(CANCELLED.to_owned()));
        }
    }
}

/// Carries out a statement and tells it.
pub(super) async fn told<T>(
    sql: &'static str,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let told = Told::begin(sql);
    let done = work.await;
    told.end(done.as_ref().err());
    done
}
