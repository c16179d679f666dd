//! The events of a batch as one array per column, which is how they travel to PostgreSQL.

use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::request::Append;
use crate::base::clock::Timestamp;
use crate::eventlog::model::statement::Jsonb;

/// Parameters of the statement that inserts events.
pub(super) struct Columns<'a> {
    /// Start of the notification: the writing node and the id of the last event.
    told: String,
    /// Number of events, which is the length of each column.
    count: i64,
    /// Stream of each event, by its stored name.
    streams: Vec<&'a str>,
    /// Version of each event in its stream.
    versions: Vec<i64>,
    /// Slice of the stream of each event.
    slices: Vec<i16>,
    /// Identifier of each event, unique in the log.
    event_ids: Vec<Uuid>,
    /// Stored name of each kind of event.
    names: Vec<&'a str>,
    /// Number of the stored shape of each event.
    schemas: Vec<i16>,
    /// Data of each event as JSON, borrowed from the appends.
    data: Vec<Jsonb<'a>>,
    /// Context of each event as JSON, borrowed from the appends.
    contexts: Vec<Jsonb<'a>>,
    /// Time of record of each event, from the clock of the log.
    recorded_at: Vec<jiff::Timestamp>,
    /// Streams whose versions are checked before anything is written.
    pub(super) asked: LockArguments<'a>,
    /// No streams at all, for a batch that does not check them, or has done so under its lock.
    nothing_asked: LockArguments<'a>,
}

/// Arguments of the log's lock: streams, the versions they are expected to have, and the term.
#[derive(Default)]
pub(super) struct LockArguments<'a> {
    /// Streams whose versions are checked; none if they are not.
    pub(super) streams: Vec<&'a str>,
    /// Expected version of each of them.
    pub(super) versions: Vec<i64>,
    /// Term in which the appender may append; `None` for a command, which has none.
    pub(super) term: Option<i64>,
}

impl<'a> Columns<'a> {
    pub(super) fn of(appends: &'a [Append], node: Uuid, term: Option<i64>) -> Self {
        let events: usize = appends.iter().map(|append| append.events.len()).sum();
        let mut columns = Self {
            told: String::new(),
            count: i64::try_from(events).unwrap_or(i64::MAX),
            streams: Vec::with_capacity(events),
            versions: Vec::with_capacity(events),
            slices: Vec::with_capacity(events),
            event_ids: Vec::with_capacity(events),
            names: Vec::with_capacity(events),
            schemas: Vec::with_capacity(events),
            data: Vec::with_capacity(events),
            contexts: Vec::with_capacity(events),
            recorded_at: Vec::with_capacity(events),
            asked: LockArguments { term, ..LockArguments::default() },
            nothing_asked: LockArguments { term, ..LockArguments::default() },
        };
        for append in appends.iter().filter(|append| !append.events.is_empty()) {
            columns.asked.streams.push(append.stream.as_str());
            columns.asked.versions.push(append.expected);
            columns.push(append);
        }
        let last = columns.event_ids.last().copied().unwrap_or_default();
        columns.told = format!("{node} {last}");
        columns
    }

    fn push(&mut self, append: &'a Append) {
        let slice = append.stream.slice();
        for (version, event) in (append.expected + 1..).zip(&append.events) {
            self.streams.push(append.stream.as_str());
            self.versions.push(version);
            self.slices.push(slice);
            self.event_ids.push(event.event_id);
            self.names.push(event.name);
            self.schemas.push(event.schema);
            self.data.push(Jsonb(event.data.as_bytes()));
            self.contexts.push(Jsonb(&event.context));
            self.recorded_at.push(Timestamp::to_jiff(event.recorded_at));
        }
    }

    /// Returns true if there is no event.
    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The parameters of the insert, which checks the versions of streams only if `looks_first`.
    pub(super) fn params(&self, looks_first: bool) -> [&(dyn ToSql + Sync); 14] {
        let asked = if looks_first { &self.asked } else { &self.nothing_asked };
        [
            &self.count,
            &self.streams,
            &self.versions,
            &self.slices,
            &self.event_ids,
            &self.names,
            &self.schemas,
            &self.data,
            &self.contexts,
            &self.recorded_at,
            &self.told,
            &asked.streams,
            &asked.versions,
            &asked.term,
        ]
    }
}

impl LockArguments<'_> {
    /// The parameters of [`LOCK`](super::batch::LOCK).
    pub(super) fn params(&self) -> [&(dyn ToSql + Sync); 3] {
        [&self.streams, &self.versions, &self.term]
    }
}
