//! Tables that are built beside those they will replace.
//!
//! They are made in a schema of their own, with the columns, constraints, indexes, settings and grants of the tables in
//! use, under the same names: after the swap, a statement that names a table or one of its constraints finds the new one.
//! A session with that schema first in its `search_path` writes them with the statements that write the others.

use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use crate::eventlog::model::error::StoreError;

/// The schema in use, and the one to build in. The latter's name is not longer than PostgreSQL allows, whatever the former's.
const SCHEMAS: &str = "\
select quote_ident(current_schema()), 'keyfold_replay_' || left(md5(current_schema()), 16)";

/// Advice to an operator whose role may not make a schema.
const MAY_NOT: &str = "the tables are built in a schema of their own, which this role may not create: \
                       grant create on the database to it for as long as the replay takes";

/// Statements that make a table like $1 in the schema $2, in order.
const LIKE: &str = "\
with copied as (
    select quote_ident(current_schema()) as real, quote_ident($2::text) as shadow,
           to_regclass(format('%I.%I', current_schema(), $1::text)) as oid
), owned as (
    select 1 as step, format('alter table %s.%I set (%s)', shadow, $1, array_to_string(reloptions, ', ')) as statement
    from copied join pg_class using (oid) where reloptions is not null
    union all
    select 2, format('alter table %s.%I add constraint %I %s', shadow, $1, conname, pg_get_constraintdef(pg_constraint.oid))
    from copied join pg_constraint on conrelid = copied.oid where contype in ('p', 'u', 'x')
    union all
    select 3, replace(pg_get_indexdef(indexrelid), format(' ON %s.%I ', real, $1), format(' ON %s.%I ', shadow, $1))
    from copied join pg_index on indrelid = copied.oid
    where indexrelid not in (select conindid from pg_constraint where conrelid = copied.oid and contype in ('p', 'u', 'x'))
    union all
    select 4, format('grant %s on %s.%I to %s', privilege_type, shadow, $1,
                     case grantee when 0 then 'public' else grantee::regrole::text end)
    from copied join pg_class using (oid) cross join lateral aclexplode(relacl)
    where grantee <> relowner
    union all
    select 5, format('alter table %s.%I owner to %s', shadow, $1, relowner::regrole)
    from copied join pg_class using (oid) where relowner <> current_user::regrole
)
select statement from (
    select 0 as step, format('create table %s.%I (like %s.%I including all excluding indexes)', shadow, $1, real, $1)
           as statement
    from copied
    union all
    select step, statement from owned
) statements order by step";

/// The schema in use and the one that is built in.
#[derive(Debug)]
pub(super) struct Shadow {
    /// Schema of the tables in use, quoted as statements need it.
    real: String,
    /// Schema of those that are built, which is dropped after the swap.
    beside: String,
    /// Names of the tables, which are alike in both schemas.
    tables: Vec<&'static str>,
}

impl Shadow {
    /// Makes the tables, empty, and removes those that an earlier attempt left.
    ///
    /// # Errors
    ///
    /// If the database is unavailable, or does not allow it.
    pub(super) async fn make(
        client: &Client,
        tables: impl Iterator<Item = &'static str>,
    ) -> Result<Self, StoreError> {
        let schemas = client.query_one(SCHEMAS, &[]).await?;
        let (real, beside) = (schemas.get(0), schemas.get(1));
        let shadow = Self { real, beside, tables: tables.collect() };
        shadow.remove(client).await?;
        let created = client.batch_execute(&format!("create schema {}", shadow.beside)).await;
        created.map_err(|error| match error.code() {
            Some(&SqlState::INSUFFICIENT_PRIVILEGE) => StoreError::Refused(MAY_NOT.to_owned()),
            _ => error.into(),
        })?;
        for table in &shadow.tables {
            for row in client.query(LIKE, &[table, &shadow.beside]).await? {
                client.batch_execute(row.get(0)).await?;
            }
        }
        Ok(shadow)
    }

    /// Removes the tables that were built, with their schema.
    pub(super) async fn remove(&self, client: &Client) -> Result<(), StoreError> {
        let drop = format!("drop schema if exists {} cascade", self.beside);
        Ok(client.batch_execute(&drop).await?)
    }

    /// Makes the session's next transaction, which has begun, write the tables that are built.
    pub(super) async fn write_shadow(&self, client: &Client) -> Result<(), StoreError> {
        let path = format!("set local search_path = {}, {}", self.beside, self.real);
        Ok(client.batch_execute(&path).await?)
    }

    /// Analyzes the tables that were built, for the planner.
    pub(super) async fn analyze(&self, client: &Client) -> Result<(), StoreError> {
        for table in &self.tables {
            client.batch_execute(&format!("analyze {}.{table}", self.beside)).await?;
        }
        Ok(())
    }

    /// Puts the tables in the place of those in use, in the transaction that has begun.
    ///
    /// # Errors
    ///
    /// Fails with the error of the driver or the server: a table that is being read cannot be locked.
    pub(super) async fn swap(&self, client: &Client) -> Result<(), tokio_postgres::Error> {
        let Self { real, beside, tables } = self;
        for table in tables {
            let swap = format!(
                "drop table {real}.{table}; alter table {beside}.{table} set schema {real}"
            );
            client.batch_execute(&swap).await?;
        }
        client.batch_execute(&format!("drop schema {beside}")).await
    }
}
