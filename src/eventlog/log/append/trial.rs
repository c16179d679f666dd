//! Trial of a refused batch, which finds the appends to blame.
//!
//! Each append is executed in a savepoint of one transaction that is rolled back in the end, so effects of one on
//! another's rows show as well. All of it is sent at once: however many appends are bad, finding them costs one round
//! trip, and the log's lock is never held while this node thinks. No event is inserted, so nothing of a trial stays in the
//! log's table.
//!
//! # Design
//!
//! What comes after a failure is sent before the failure is known. So the second savepoint of an append has the name of
//! the first: it comes into being only if every statement before it succeeded, and then rolling back to the savepoint of
//! that name takes nothing back. After a failure it does not, and rolling back to the first undoes the append.

use tokio_postgres::types::ToSql;

use super::batch::{BatchWriter, LOCK, RowStatements, given_up};
use super::columns::LockArguments;
use super::pipeline::{Pipeline, StatementResult, without_rows};
use super::request::Append;
use crate::eventlog::log::reader::SELECT_VERSIONS;
use crate::eventlog::model::error::StoreError;
use crate::postgres::PooledSession;

const BEGIN_UNIT: &str = "savepoint append; savepoint tried";
const TRIED: &str = "savepoint tried";
const END_UNIT: &str = "rollback to savepoint tried; release savepoint append";

/// Place of an append's answers, or the reason for which there are none.
enum TrialResult {
    /// From one place in the pipeline to another.
    At(usize, usize),
    /// It could not even be prepared.
    Refused(StoreError),
}

impl BatchWriter {
    /// Finds the refusal of each append; `None` for those that would be written.
    ///
    /// # Errors
    ///
    /// If the database is unavailable, which says nothing of the appends.
    pub(super) async fn trial(
        &self,
        appends: &[Append],
    ) -> Result<Vec<Option<StoreError>>, StoreError> {
        let client = self.pool.get().await?;
        let tried = tokio::time::timeout(self.timeout, self.trial_on(&client, appends)).await;
        // Nothing is ever committed here.
        tried.unwrap_or_else(|_| Err(given_up(client))).map_err(StoreError::of_read)
    }

    async fn trial_on(
        &self,
        client: &PooledSession,
        appends: &[Append],
    ) -> Result<Vec<Option<StoreError>>, StoreError> {
        let projected = self.project(appends);
        let mut units = Vec::with_capacity(appends.len());
        for (append, projected) in appends.iter().zip(&projected) {
            let unit = RowStatements::prepared(client, append, projected).await;
            if let Err(error @ StoreError::Unavailable(_)) = unit {
                return Err(error);
            }
            units.push(unit);
        }
        let (lock, versions) =
            (client.prepare(LOCK).await?, client.prepare(SELECT_VERSIONS).await?);
        let nothing = LockArguments { term: self.term.held(), ..LockArguments::default() };
        let nothing = nothing.params();
        let streams: Vec<&str> = appends.iter().map(|append| append.stream.as_str()).collect();
        let asked: [&(dyn ToSql + Sync); 1] = [&streams];

        let mut pipeline = Pipeline::default();
        pipeline.send(without_rows(client.begin())).await;
        pipeline.send(client.run(&lock, &nothing)).await;
        pipeline.send(client.run(&versions, &asked)).await;
        let mut tried = Vec::with_capacity(units.len());
        for unit in &units {
            tried.push(match unit {
                Ok(unit) => send_unit(client, &mut pipeline, unit).await,
                Err(error) => TrialResult::Refused(error.clone()),
            });
        }
        pipeline.send(without_rows(client.roll_back())).await;
        let mut answers: Vec<Option<StatementResult>> =
            pipeline.answers().await.into_iter().map(Some).collect();

        let mut take = |place: usize| answers.get_mut(place).and_then(Option::take);
        take(0).transpose()?;
        take(1).transpose()?;
        let versions = take(2).transpose()?.unwrap_or_default();
        let refusals: Vec<_> = tried.into_iter().map(|tried| tried.refusal(&mut take)).collect();
        let conflicts: Vec<_> = appends
            .iter()
            .zip(&versions)
            .map(|(append, row)| {
                let conflicts =
                    !append.events.is_empty() && append.expected != row.get::<_, i64>(0);
                conflicts.then_some(StoreError::Conflict)
            })
            .collect();
        // Refusals do not count then: the rows of an append that conflicts may have caused them.
        let has_conflict = conflicts.iter().any(Option::is_some);
        Ok(if has_conflict { conflicts } else { refusals })
    }
}

async fn send_unit<'a>(
    client: &'a PooledSession,
    pipeline: &mut Pipeline<'a>,
    unit: &'a RowStatements<'_>,
) -> TrialResult {
    pipeline.send(without_rows(client.control(BEGIN_UNIT))).await;
    let begin = pipeline.len();
    let mut is_sent = true;
    for (statement, params) in &unit.0 {
        if is_sent {
            is_sent = pipeline.send(client.run(statement, params)).await;
        }
    }
    let end = pipeline.len();
    if is_sent {
        pipeline.send(without_rows(client.control(TRIED))).await;
    }
    pipeline.send(without_rows(client.control(END_UNIT))).await;
    TrialResult::At(begin, end)
}

impl TrialResult {
    /// The first failure of its statements, if any failed.
    fn refusal(
        self,
        take: &mut impl FnMut(usize) -> Option<StatementResult>,
    ) -> Option<StoreError> {
        match self {
            Self::Refused(error) => Some(error),
            Self::At(begin, end) => {
                (begin..end).find_map(|place| take(place)?.err()).map(StoreError::from)
            }
        }
    }
}
