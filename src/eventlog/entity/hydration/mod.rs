//! Hydration: the state of a stream, made of its snapshot and the events after it, a page at a time.

pub(super) mod loading;

use std::time::Instant;

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use tracing::field::Empty;
use tracing::{Instrument, Span};

use super::metrics;
use crate::child_span;
use crate::eventlog::log::reader::EventLog;
use crate::eventlog::log::snapshot;
use crate::eventlog::log::snapshot::SHORT;
use crate::eventlog::log::snapshot::SnapshotInfo;
use crate::eventlog::model::decider::Decider;
use crate::eventlog::model::error::StoreError;
use crate::eventlog::model::event::Event;
use crate::eventlog::model::published::Published;
use crate::eventlog::model::statement::JsonColumn;
use crate::eventlog::model::stream::StreamName;

/// The later events of one stream, up to a version, a page at a time. A range with two ends: with one, a plan made without
/// knowing it would expect a third of the stream and could read all of it.
const SELECT_STREAM: &str = "\
select version, type, schema, data from events
where stream = $1 and version > $2 and version <= $3 order by version limit $4";

/// Events of one page of a hydration.
const PAGE: i64 = 512;

/// A stream as it was loaded.
#[derive(Debug)]
pub struct Hydrated<D: Decider> {
    /// State of the stream, with its version.
    pub published: Published<D>,
    /// The snapshot it was loaded from, and the regular one before it.
    pub snapshot: SnapshotInfo,
    /// Number of events that were read after the snapshot.
    pub events: usize,
}

impl EventLog {
    /// Hydrates a stream from its snapshot and the events after it, or from its first event if there is no snapshot.
    ///
    /// # Errors
    ///
    /// If the database is unavailable or a stored event cannot be read.
    pub async fn hydrate<D: Decider>(
        &self,
        stream: &StreamName,
    ) -> Result<Hydrated<D>, StoreError> {
        let began = Instant::now();
        let hydrated = Box::pin(self.hydrate_until(stream, i64::MAX, None)).await?;
        metrics::rehydration::<D>(began.elapsed(), hydrated.events);
        Ok(hydrated)
    }

    /// The state after the events that follow a known one; `None` if the stream does not continue from there.
    pub(super) async fn catch_up<D: Decider>(
        &self,
        stream: &StreamName,
        known: &Published<D>,
    ) -> Result<Option<Published<D>>, StoreError> {
        let began = Instant::now();
        let caught_up = Box::pin(self.hydrate_until(stream, i64::MAX, Some(known))).await?;
        metrics::rehydration::<D>(began.elapsed(), caught_up.events);
        let events = i64::try_from(caught_up.events).unwrap_or(i64::MAX);
        let goes_on = known.version.saturating_add(events) == caught_up.published.version;
        Ok(goes_on.then_some(caught_up.published))
    }

    /// The state a stream had at `version`, from the nearest snapshot before it and the events up to it. If the version is
    /// beyond the end of the stream, the state is that at its end, as [`Published::version`] tells.
    ///
    /// # Errors
    ///
    /// If the database is unavailable or a stored event cannot be read.
    pub async fn hydrate_at<D: Decider>(
        &self,
        stream: &StreamName,
        version: i64,
    ) -> Result<Published<D>, StoreError> {
        Ok(Box::pin(self.hydrate_until(stream, version, None)).await?.published)
    }

    async fn hydrate_until<D: Decider>(
        &self,
        stream: &StreamName,
        version: i64,
        known: Option<&Published<D>>,
    ) -> Result<Hydrated<D>, StoreError> {
        let span = child_span!(
            &Span::current(),
            "entity.hydrate",
            stream.name = %stream,
            category = D::CATEGORY,
            events = Empty,
            otel.status_code = Empty,
        );
        let hydrated = self.load(stream, version, known).instrument(span.clone()).await;
        let hydrated = hydrated.inspect_err(|_| {
            span.record("otel.status_code", "ERROR");
        })?;
        // Exported as a number only if it is signed.
        span.record("events", i64::try_from(hydrated.events).unwrap_or(i64::MAX));
        Ok(hydrated)
    }

    async fn load<D: Decider>(
        &self,
        stream: &StreamName,
        until: i64,
        known: Option<&Published<D>>,
    ) -> Result<Hydrated<D>, StoreError> {
        let (mut published, snapshot) = if let Some(known) = known {
            (known.clone(), SnapshotInfo::default())
        } else {
            let loaded = snapshot::load::<D>(&self.pool, &self.resources, stream, until);
            loaded.await?.unwrap_or_default()
        };
        let (mut events, mut page) = (0, self.page(stream, published.version, until).await?);
        while let Some(last) = page.last() {
            events += page.len();
            let is_last = i64::try_from(page.len()).is_ok_and(|count| count < PAGE);
            let after = last.get(0);
            // The next page is fetched while this one is evolved.
            let next = async {
                if is_last { Ok(Vec::new()) } else { self.page(stream, after, until).await }
            };
            let evolved = self.evolve(stream, published, page);
            (published, page) = futures_util::future::try_join(evolved, next).await?;
        }
        Ok(Hydrated { published, snapshot, events })
    }

    /// Events of a stream after a version, up to a page. Their database session is back in the pool while they are
    /// evolved.
    async fn page(
        &self,
        stream: &StreamName,
        after: i64,
        until: i64,
    ) -> Result<Vec<Row>, StoreError> {
        let client = self.pool.get().await?;
        let params: [&(dyn ToSql + Sync); 4] = [&stream.as_str(), &after, &until, &PAGE];
        Ok(client.query(SELECT_STREAM, &params).await?)
    }

    /// The state after a page of events. A large page is evolved away from the threads that answer requests.
    async fn evolve<D: Decider>(
        &self,
        stream: &StreamName,
        published: Published<D>,
        page: Vec<Row>,
    ) -> Result<Published<D>, StoreError> {
        let bytes: usize = page.iter().map(|row| row.get::<_, JsonColumn<'_>>(3).0.len()).sum();
        if bytes <= SHORT {
            return evolve(stream, published, &page);
        }
        let stream = stream.clone();
        let evolved =
            self.resources.long_work().run(move || evolve(&stream, published, &page)).await;
        evolved.unwrap_or_else(|error| Err(StoreError::Refused(error.to_string())))
    }
}

/// The state after stored events.
fn evolve<D: Decider>(
    stream: &StreamName,
    published: Published<D>,
    page: &[Row],
) -> Result<Published<D>, StoreError> {
    page.iter().try_fold(published, |published, row| {
        let event = decode_row::<D>(stream, row)?;
        Ok(Published { version: row.get(0), state: D::evolve(published.state, &event) })
    })
}

fn decode_row<D: Decider>(stream: &StreamName, row: &Row) -> Result<D::Event, StoreError> {
    let JsonColumn(data) = row.get(3);
    D::Event::decode(row.get(1), row.get(2), data).map_err(|source| StoreError::Undecodable {
        stream: stream.clone(),
        version: row.get(0),
        source,
    })
}
