//! The events of a batch as one array per column, which is how they travel to PostgreSQL.

use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::base::clock::Timestamp;
use crate::eventlog::model::append::Append;
use crate::eventlog::model::statement::Jsonb;

/// What the statement that inserts events takes.
pub(super) struct Columns<'a> {
    /// The node that writes them and the last of them, as others are told.
    told: String,
    count: i64,
    streams: Vec<&'a str>,
    versions: Vec<i64>,
    slices: Vec<i16>,
    event_ids: Vec<Uuid>,
    names: Vec<&'a str>,
    schemas: Vec<i16>,
    data: Vec<Jsonb<'a>>,
    contexts: Vec<Jsonb<'a>>,
    recorded_at: Vec<jiff::Timestamp>,
    /// The streams whose versions are looked at before anything is written.
    pub(super) asked: Asked<'a>,
    /// No streams at all, for when they have been looked at already.
    nothing_asked: Asked<'a>,
}

/// What is looked at when the log is locked: streams, the versions they are expected to have, and the term.
#[derive(Default)]
pub(super) struct Asked<'a> {
    /// The streams.
    pub(super) streams: Vec<&'a str>,
    /// Their versions.
    pub(super) versions: Vec<i64>,
    /// The term in which whoever asks may append.
    pub(super) term: Option<i64>,
}

impl<'a> Columns<'a> {
    pub(super) fn of(appends: &[&'a Append], node: Uuid, term: Option<i64>) -> Self {
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
            asked: Asked { term, ..Asked::default() },
            nothing_asked: Asked { term, ..Asked::default() },
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

    /// Whether there is no event.
    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The parameters of the insert. It looks at the versions of streams first only if it is told to.
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

impl Asked<'_> {
    /// The parameters of [`LOCK`](super::batch::LOCK).
    pub(super) fn params(&self) -> [&(dyn ToSql + Sync); 3] {
        [&self.streams, &self.versions, &self.term]
    }
}
