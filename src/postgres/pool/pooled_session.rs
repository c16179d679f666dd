//! A session that a [`Pool`](crate::postgres::Pool) lends, and the one way to run statements on it: each is prepared once per session
//! and told to telemetry.
//!
//! Statements are constants of the program, and values never part of them.

use std::fmt;

use deadpool_postgres::Object;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Row, Statement};

use super::statement_metrics::{Told, told};

/// Parameters of a statement, `$1` first.
type Params<'a> = [&'a (dyn ToSql + Sync)];

/// A session of a pool; it returns to the pool when dropped.
pub struct Lent(Object);

/// A statement that the server has prepared for this session.
pub struct Prepared {
    sql: &'static str,
    statement: Statement,
}

impl Lent {
    pub(super) fn new(session: Object) -> Self {
        Self(session)
    }

    /// Every row.
    ///
    /// # Errors
    /// What the driver or the server says.
    pub async fn query(&self, sql: &'static str, params: &Params<'_>) -> Result<Vec<Row>, Error> {
        let query = async { self.0.query(&self.0.prepare_cached(sql).await?, params).await };
        told(sql, query).await
    }

    /// The row, if there is one.
    ///
    /// # Errors
    /// What the driver or the server says, or that there are several.
    pub async fn query_opt(
        &self,
        sql: &'static str,
        params: &Params<'_>,
    ) -> Result<Option<Row>, Error> {
        let query = async { self.0.query_opt(&self.0.prepare_cached(sql).await?, params).await };
        told(sql, query).await
    }

    /// The one row.
    ///
    /// # Errors
    /// What the driver or the server says, or that there are several or none.
    pub async fn query_one(&self, sql: &'static str, params: &Params<'_>) -> Result<Row, Error> {
        let query = async { self.0.query_one(&self.0.prepare_cached(sql).await?, params).await };
        told(sql, query).await
    }

    /// How many rows were changed.
    ///
    /// # Errors
    /// What the driver or the server says.
    pub async fn execute(&self, sql: &'static str, params: &Params<'_>) -> Result<u64, Error> {
        let execute = async { self.0.execute(&self.0.prepare_cached(sql).await?, params).await };
        told(sql, execute).await
    }

    /// Prepares a statement, for several to be sent together with [`run`](Self::run).
    ///
    /// # Errors
    /// What the driver or the server says.
    pub async fn prepare(&self, sql: &'static str) -> Result<Prepared, Error> {
        let prepared = self.0.prepare_cached(sql).await;
        // One that cannot be prepared is never sent, so this is when it fails.
        let statement = prepared.inspect_err(|error| Told::begin(sql).end(Some(error)))?;
        Ok(Prepared { sql, statement })
    }

    /// Every row of a prepared statement, which is sent when this is first polled.
    ///
    /// # Errors
    /// What the driver or the server says.
    pub async fn run(&self, prepared: &Prepared, params: &Params<'_>) -> Result<Vec<Row>, Error> {
        told(prepared.sql, self.0.query(&prepared.statement, params)).await
    }

    /// Begins a transaction. It is not told: it goes together with its first statement.
    ///
    /// # Errors
    /// What the driver or the server says.
    pub async fn begin(&self) -> Result<(), Error> {
        self.0.batch_execute("begin").await
    }

    /// Commits the transaction.
    ///
    /// # Errors
    /// What the driver or the server says.
    pub async fn commit(&self) -> Result<(), Error> {
        told("commit", self.0.batch_execute("commit")).await
    }

    /// Runs statements that control the transaction, without telling them.
    ///
    /// # Errors
    /// What the driver or the server says.
    pub async fn control(&self, sql: &'static str) -> Result<(), Error> {
        self.0.batch_execute(sql).await
    }

    /// Takes the transaction back, if there is one.
    ///
    /// # Errors
    /// What the driver or the server says.
    pub async fn roll_back(&self) -> Result<(), Error> {
        self.0.batch_execute("rollback").await
    }

    /// Ends the session: what it does may still be under way, and it must not serve anybody else.
    pub fn give_up(self) {
        drop(Object::take(self.0));
    }
}

impl fmt::Debug for Lent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lent")
    }
}

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prepared").field("sql", &self.sql).finish_non_exhaustive()
    }
}
