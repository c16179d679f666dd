//! Objects of a schema and this user's privileges on them: for `keyfold doctor` and backups, never for answering a request.

use crate::postgres::connect::link::Link;
use crate::postgres::error::DatabaseError;

/// Requested privileges that this user lacks.
const LACKING: &str = "\
select format('%s on %s', upper(wanted.privilege), wanted.name)
from unnest($1::text[], $2::text[]) with ordinality as wanted (name, privilege, place)
where not has_table_privilege(to_regclass(wanted.name), wanted.privilege) order by wanted.place";

const MAKES_OBJECTS: &str = "select has_schema_privilege(current_schema(), 'create')";
const MAKES_SCHEMAS: &str = "select has_database_privilege(current_database(), 'create')";
const OWNS: &str = "\
select coalesce((select pg_has_role(relowner, 'usage') from pg_class where oid = to_regclass($1)), true)";

/// Triggers defined by users, and the state of each: enabled for a session such as this one, or not.
const TRIGGERS: &str = "\
select relname::text, tgname::text, tgenabled in ('O', 'A')
from pg_trigger join pg_class on pg_class.oid = tgrelid
where relnamespace = current_schema()::regnamespace and not tgisinternal and tgparentid = 0
order by relname, tgname";

/// Tables, views and the like, without those of extensions and without partitions.
const TABLES: &str = "\
select relname::text from pg_class
where relnamespace = current_schema()::regnamespace and relkind in ('r', 'p', 'v', 'm', 'f') and not relispartition
  and not exists (select from pg_depend where objid = pg_class.oid and deptype = 'e')
order by relname";

/// Other schemas that contain all of these tables.
const ELSEWHERE: &str = "\
select nspname::text from pg_namespace
where nspname <> current_schema()
  and (select count(*) from pg_class where relnamespace = pg_namespace.oid and relname = any ($1)) = cardinality($1)
order by nspname limit 3";

/// Default of a session's `synchronous_commit`, before Keyfold sets it.
const COMMITS_BY_DEFAULT: &str =
    "select reset_val from pg_settings where name = 'synchronous_commit'";

/// User-defined trigger on a table of the schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trigger {
    /// Table that the trigger is attached to.
    pub table: String,
    /// Name of the trigger, unique per table.
    pub name: String,
    /// True if it fires for an ordinary session.
    pub is_enabled: bool,
}

/// Rights of this user on which Keyfold depends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rights {
    /// Missing privileges on tables, as `INSERT on events`.
    pub lacking: Vec<String>,
    /// True if this user may create tables in the schema.
    pub makes_objects: bool,
    /// True if this user may create a schema in the database.
    pub makes_schemas: bool,
    /// Tables that this user does not own, although Keyfold adds partitions to them.
    pub not_owned: Vec<String>,
}

/// Checks this user's privileges on tables (`wanted`: name and kind) and its ownership of others (`owned`).
///
/// # Errors
///
/// Fails if the database does not answer.
pub async fn rights(
    link: &Link,
    wanted: &[(&str, &str)],
    owned: &[&str],
) -> Result<Rights, DatabaseError> {
    let (names, privileges): (Vec<&str>, Vec<&str>) = wanted.iter().copied().unzip();
    let lacking = link.client.query(LACKING, &[&names, &privileges]).await?;
    let mut not_owned = Vec::new();
    for table in owned {
        if !link.client.query_one(OWNS, &[table]).await?.get::<_, bool>(0) {
            not_owned.push((*table).to_owned());
        }
    }
    Ok(Rights {
        lacking: lacking.iter().map(|row| row.get(0)).collect(),
        makes_objects: link.client.query_one(MAKES_OBJECTS, &[]).await?.get(0),
        makes_schemas: link.client.query_one(MAKES_SCHEMAS, &[]).await?.get(0),
        not_owned,
    })
}

/// Returns the user-defined triggers in the schema.
///
/// # Errors
///
/// Fails if the database does not answer.
pub async fn triggers(link: &Link) -> Result<Vec<Trigger>, DatabaseError> {
    let rows = link.client.query(TRIGGERS, &[]).await?;
    let trigger = |row: &tokio_postgres::Row| Trigger {
        table: row.get(0),
        name: row.get(1),
        is_enabled: row.get(2),
    };
    Ok(rows.iter().map(trigger).collect())
}

/// Returns the tables in the schema.
///
/// # Errors
///
/// Fails if the database does not answer.
pub async fn tables(link: &Link) -> Result<Vec<String>, DatabaseError> {
    let rows = link.client.query(TABLES, &[]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Returns the first three other schemas of the database that contain all of these tables.
///
/// # Errors
///
/// Fails if the database does not answer.
pub async fn elsewhere(link: &Link, tables: &[&str]) -> Result<Vec<String>, DatabaseError> {
    let rows = link.client.query(ELSEWHERE, &[&tables]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Returns true if commits of a session with default settings are on disk when they are acknowledged.
///
/// # Errors
///
/// Fails if the database does not answer.
pub async fn commits_by_default(link: &Link) -> Result<bool, DatabaseError> {
    let row = link.client.query_one(COMMITS_BY_DEFAULT, &[]).await?;
    Ok(row.get::<_, &str>(0) != "off")
}
