//! Session lent by a [`Pool`](crate::postgres::Pool), and the one way to run statements on it: each is prepared once per
//! session and reported to telemetry.
//!
//! Statements are constants of the program; values are always parameters.

use std::fmt;

use deadpool_postgres::Object;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Row, Statement};

use super::statement_metrics::{RunningStatement, told};

/// Parameters of a statement, `$1` first.
type Params<'a> = [&'a (dyn ToSql + Sync)];

/// Pooled session; it returns to the pool when dropped.
pub struct PooledSession(Object);

/// Statement that the server has prepared for this session.
pub struct Prepared {
    /// Text of the statement, for telemetry.
    sql: &'static str,
    /// Server's handle of the statement, valid on this session only.
    statement: Statement,
}

impl PooledSession {
    pub(super) fn new(session: Object) -> Self {
        Self(session)
    }

    /// Runs a statement and returns every row.
    ///
    /// # Errors
    /// Fails with the error of the driver or the server.
    pub async fn query(&self, sql: &'static str, params: &Params<'_>) -> Result<Vec<Row>, Error> {
        let query = async { self.0.query(&self.0.prepare_cached(sql).await?, params).await };
        told(sql, query).await
    }

    /// Runs a statement and returns its row, if there is one.
    ///
    /// # Errors
    /// Fails with the error of the driver or the server, or if there are several rows.
    pub async fn query_opt(
        &self,
        sql: &'static str,
        params: &Params<'_>,
    ) -> Result<Option<Row>, Error> {
        let query = async { self.0.query_opt(&self.0.prepare_cached(sql).await?, params).await };
        told(sql, query).await
    }

    /// Runs a statement and returns its only row.
    ///
    /// # Errors
    /// Fails with the error of the driver or the server, or unless there is exactly one row.
    pub async fn query_one(&self, sql: &'static str, params: &Params<'_>) -> Result<Row, Error> {
        let query = async { self.0.query_one(&self.0.prepare_cached(sql).await?, params).await };
        told(sql, query).await
    }

    /// Runs a statement and returns the number of rows it changed.
    ///
    /// # Errors
    /// Fails with the error of the driver or the server.
    pub async fn execute(&self, sql: &'static str, params: &Params<'_>) -> Result<u64, Error> {
        let execute = async { self.0.execute(&self.0.prepare_cached(sql).await?, params).await };
        told(sql, execute).await
    }

    /// Prepares a statement, so that several can be sent together with [`run`](Self::run).
    ///
    /// # Errors
    /// Fails with the error of the driver or the server.
    pub async fn prepare(&self, sql: &'static str) -> Result<Prepared, Error> {
        let prepared = self.0.prepare_cached(sql).await;
        // A statement that cannot be prepared is never sent, so its failure is reported here.
        let statement =
            prepared.inspect_err(|error| RunningStatement::begin(sql).end(Some(error)))?;
        Ok(Prepared { sql, statement })
    }

    /// Runs a prepared statement, which is sent when the future is first polled, and returns every row.
    ///
    /// # Errors
    /// Fails with the error of the driver or the server.
    pub async fn run(&self, prepared: &Prepared, params: &Params<'_>) -> Result<Vec<Row>, Error> {
        told(prepared.sql, self.0.query(&prepared.statement, params)).await
    }

    /// Begins a transaction. It is not reported to telemetry: it is sent together with its first statement.
    ///
    /// # Errors
    /// Fails with the error of the driver or the server.
    pub async fn begin(&self) -> Result<(), Error> {
        self.0.batch_execute("begin").await
    }

    /// Commits the transaction and reports that to telemetry.
    ///
    /// # Errors
    /// Fails with the error of the driver or the server.
    pub async fn commit(&self) -> Result<(), Error> {
        told("commit", self.0.batch_execute("commit")).await
    }

    /// Runs statements that control the transaction, without reporting them.
    ///
    /// # Errors
    /// Fails with the error of the driver or the server.
    pub async fn control(&self, sql: &'static str) -> Result<(), Error> {
        self.0.batch_execute(sql).await
    }

    /// Rolls the transaction back, if there is one.
    ///
    /// # Errors
    /// Fails with the error of the driver or the server.
    pub async fn roll_back(&self) -> Result<(), Error> {
        self.0.batch_execute("rollback").await
    }

    /// Ends the session: its last statement may still be under way, so it must not serve another caller.
    pub fn give_up(self) {
        drop(Object::take(self.0));
    }
}

impl fmt::Debug for PooledSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lent")
    }
}

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prepared").field("sql", &self.sql).finish_non_exhaustive()
    }
}
