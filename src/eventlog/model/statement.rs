//! Statements that run inside an append's transaction, and JSON on the PostgreSQL wire.

use std::error::Error;
use std::fmt;

use bytes::{BufMut, BytesMut};
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

/// One SQL statement with its parameters, to run in the transaction of the events it belongs to.
pub struct Statement {
    /// The SQL text; a constant, so that the server plans it once.
    pub sql: &'static str,
    /// Its parameters, `$1` first.
    pub params: Vec<Box<dyn ToSql + Send + Sync>>,
}

/// Upper estimate of the bytes of a parameter: rows beside the log are small.
const PER_PARAMETER: usize = 256;

impl Statement {
    /// A statement with its parameters.
    pub fn new(sql: &'static str, params: Vec<Box<dyn ToSql + Send + Sync>>) -> Self {
        Self { sql, params }
    }

    /// Approximate bytes of its parameters.
    pub(crate) fn bytes(&self) -> usize {
        self.params.len() * PER_PARAMETER
    }

    /// The parameters as the client library takes them.
    pub(crate) fn borrowed_params(&self) -> Vec<&(dyn ToSql + Sync)> {
        self.params.iter().map(|param| &**param as &(dyn ToSql + Sync)).collect()
    }
}

/// Shows the SQL only: a parameter may be a hash or a sealed key.
impl fmt::Debug for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Statement").field("sql", &self.sql).finish_non_exhaustive()
    }
}

/// Encoded JSON to be stored as `json` or `jsonb`, without passing through a tree of values.
#[derive(Debug, Clone)]
pub struct Jsonb<'a>(pub &'a [u8]);

impl ToSql for Jsonb<'_> {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        if *ty == Type::JSONB {
            out.put_u8(1);
        }
        out.put_slice(self.0);
        Ok(IsNull::No)
    }

    fn accepts(ty: &Type) -> bool {
        matches!(*ty, Type::JSON | Type::JSONB)
    }

    to_sql_checked!();
}

/// Encoded JSON read from a `json` or `jsonb` column, borrowed from the row.
#[derive(Debug, Clone, Copy)]
pub struct JsonColumn<'a>(pub &'a str);

impl<'a> FromSql<'a> for JsonColumn<'a> {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        let json = match (ty, raw) {
            (&Type::JSONB, [1, json @ ..]) => json,
            (&Type::JSONB, _) => return Err("unknown jsonb version".into()),
            (_, json) => json,
        };
        // Once for the whole text: a parser of bytes would do it for every string.
        Ok(Self(std::str::from_utf8(json)?))
    }

    fn accepts(ty: &Type) -> bool {
        matches!(*ty, Type::JSON | Type::JSONB)
    }
}
