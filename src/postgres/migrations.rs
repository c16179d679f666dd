//! Migrates the schema of a database to the version of this program.
//!
//! The files of `schema/` are embedded, applied in order, each in its own transaction, and recorded with a checksum; those
//! that only build indexes run outside a transaction ([`indexes`]). No migration waits longer than [`LOCK_TIMEOUT`] for a
//! table, because later requests for the table would queue behind it: it gives way and tries again. There are no
//! down-migrations. Several nodes may start at once: a session-level advisory lock, keyed by database and schema, lets one
//! of them migrate while the others wait and then find nothing left to do.
//!
//! Invariant: nothing is applied to a database whose history differs from the embedded files, or is ahead of them.

use std::error::Error;
use std::time::Duration;

use refinery_core::{Migration, Runner, Target};
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use super::connect::connection::Connection;
use super::error::{DatabaseError, chain};
use super::indexes;

/// Longest wait of a migration for a table that is in use.
const LOCK_TIMEOUT: &str = "SET lock_timeout = '500ms'";

/// Pause between two attempts, in which other sessions may use the table.
const PAUSE: Duration = Duration::from_secs(1);

/// Attempts before a migration fails, which takes about fifteen minutes.
const ATTEMPTS: usize = 600;

/// Every file of `schema/`, as `V<number>__<name>`.
const MIGRATIONS: &[(&str, &str)] = &[
    ("V1__event_log", include_str!("../../schema/0001_event_log.sql")),
    ("V2__accounts", include_str!("../../schema/0002_accounts.sql")),
    ("V3__sessions", include_str!("../../schema/0003_sessions.sql")),
    ("V4__keys", include_str!("../../schema/0004_keys.sql")),
    ("V5__tasks", include_str!("../../schema/0005_tasks.sql")),
    ("V6__task_deletions", include_str!("../../schema/0006_task_deletions.sql")),
    ("V7__session_credentials", include_str!("../../schema/0007_session_credentials.sql")),
    ("V10__log_head", include_str!("../../schema/0010_log_head.sql")),
    ("V11__log_maintenance", include_str!("../../schema/0011_log_maintenance.sql")),
    ("V30__idempotency_keys", include_str!("../../schema/0030_idempotency_keys.sql")),
    ("V32__nodes", include_str!("../../schema/0032_nodes.sql")),
];

/// Reasons for which the schema is not, or cannot be brought, up to date.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    /// The database cannot be reached, or refused a statement that is not part of a migration.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// An embedded file is not the one that was applied.
    #[error(
        "migration {0} was applied to this database with different content: an applied migration must never be changed"
    )]
    Diverged(String),
    /// The database was migrated by a newer program.
    #[error(
        "this database has migration {0}, which this version of Keyfold does not know: start a newer version"
    )]
    Ahead(String),
    /// The schema is older than this program, and the caller may not change it.
    #[error("this database lacks {}: run `keyfold migrate` first", .0.join(", "))]
    Behind(Vec<String>),
    /// A migration could not be applied; the ones before it remain.
    #[error("the migration failed: {0}")]
    Failed(String),
    /// An embedded file is not named as it should be.
    #[error("invalid name of a migration: {0}")]
    Misnamed(String),
}

/// Applies the pending migrations and returns their names, in order.
///
/// # Errors
/// Fails with [`MigrationError::Diverged`] or [`MigrationError::Ahead`] if this program and this database do not belong
/// together; nothing has been changed then.
pub async fn migrate(connection: &Connection) -> Result<Vec<String>, MigrationError> {
    apply(connection, &embedded(MIGRATIONS)?).await
}

/// Succeeds if the schema is exactly that of this program; changes nothing.
///
/// # Errors
/// Fails with [`MigrationError::Behind`], which names the pending migrations, if the schema is older.
pub async fn check_migrated(connection: &Connection) -> Result<(), MigrationError> {
    let mut link = connection.connect().await?;
    let pending = pending(&mut link.client, &embedded(MIGRATIONS)?).await?;
    if pending.is_empty() { Ok(()) } else { Err(MigrationError::Behind(pending)) }
}

/// Number of migrations that this program knows.
pub const fn known_migrations() -> usize {
    MIGRATIONS.len()
}

fn embedded(files: &[(&str, &str)]) -> Result<Vec<Migration>, MigrationError> {
    let parse = |(name, sql): &(&str, &str)| Migration::unapplied(name, sql);
    files
        .iter()
        .map(parse)
        .collect::<Result<_, _>>()
        .map_err(|error| MigrationError::Misnamed(error.to_string()))
}

async fn apply(
    connection: &Connection,
    known: &[Migration],
) -> Result<Vec<String>, MigrationError> {
    let mut link = connection.connect().await?;
    lock(&link.client).await?;
    let pending = pending(&mut link.client, known).await?;
    for migration in known.iter().filter(|known| pending.contains(&known.to_string())) {
        apply_one(&mut link.client, known, migration).await?;
    }
    Ok(pending)
}

/// Applies the next migration, retrying while a table it needs is in use.
async fn apply_one(
    client: &mut Client,
    known: &[Migration],
    migration: &Migration,
) -> Result<(), MigrationError> {
    let version = migration.version();
    let mut target = Target::Version(version);
    if let Some(sql) = migration.sql().filter(|sql| indexes::is_concurrent(sql)) {
        let built = indexes::build(client, sql).await;
        built.map_err(|error| MigrationError::Failed(format!("{migration}: {}", chain(&error))))?;
        // The indexes are built; only the record is missing.
        target = Target::FakeVersion(version);
    }
    client.batch_execute(LOCK_TIMEOUT).await.map_err(DatabaseError::from)?;
    for _ in 1..ATTEMPTS {
        match Runner::new(known).set_target(target).run_async(client).await {
            Ok(_) => return Ok(()),
            Err(error) if is_lock_timeout(&error) => {
                tracing::warn!(%migration, "migration blocked by a table in use; retrying");
                tokio::time::sleep(PAUSE).await;
            }
            Err(error) => return Err(MigrationError::Failed(chain(&error))),
        }
    }
    Err(MigrationError::Failed(format!("{migration} needs a table that is in use")))
}

/// Returns true if an error comes from a lock that was not granted in time.
fn is_lock_timeout(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<tokio_postgres::Error>() {
            return error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE);
        }
        next = error.source();
    }
    false
}

/// Makes this session the only one that migrates its schema, for as long as the session lives.
async fn lock(client: &Client) -> Result<(), MigrationError> {
    let key = format!("keyfold migrations of {}", current_schema(client).await?);
    // Waiting for another node's migration, or building an index, may take longer than a statement usually may.
    client
        .batch_execute("SET statement_timeout = 0; SET lock_timeout = 0")
        .await
        .map_err(DatabaseError::from)?;
    let locked = client.execute("SELECT pg_advisory_lock(hashtextextended($1, 0))", &[&key]).await;
    locked.map(|_| ()).map_err(|error| DatabaseError::from(error).into())
}

/// Schema in which new tables are created.
async fn current_schema(client: &Client) -> Result<String, MigrationError> {
    let row = client
        .query_one("SELECT current_schema()::text", &[])
        .await
        .map_err(DatabaseError::from)?;
    Ok(row.try_get(0).map_err(DatabaseError::from)?)
}

/// Returns the names of the pending migrations, if the applied ones are a beginning of ours.
async fn pending(client: &mut Client, known: &[Migration]) -> Result<Vec<String>, MigrationError> {
    let applied = history(client, known).await?;
    for migration in &applied {
        match known.iter().find(|candidate| candidate.version() == migration.version()) {
            Some(candidate) if candidate == migration => {}
            Some(_) => return Err(MigrationError::Diverged(migration.to_string())),
            None => return Err(MigrationError::Ahead(migration.to_string())),
        }
    }
    let is_missing = |migration: &&Migration| !applied.contains(migration);
    Ok(known.iter().filter(is_missing).map(ToString::to_string).collect())
}

async fn history(
    client: &mut Client,
    known: &[Migration],
) -> Result<Vec<Migration>, MigrationError> {
    const EXISTS: &str =
        "SELECT to_regclass(format('%I.refinery_schema_history', $1::text)) IS NOT NULL";
    let schema = current_schema(client).await?;
    let exists: bool =
        client.query_one(EXISTS, &[&schema]).await.map_err(DatabaseError::from)?.get(0);
    if !exists {
        return Ok(Vec::new());
    }
    let applied = Runner::new(known).get_applied_migrations_async(client).await;
    applied.map_err(|error| MigrationError::Failed(chain(&error)))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::postgres::private_cluster::PrivateCluster;
    use crate::postgres::private_cluster::tests::{Scratch, config};

    const FIRST: (&str, &str) = ("V1__first", "CREATE TABLE first (n int); SELECT pg_sleep(0.1)");
    const SECOND: (&str, &str) = ("V2__second", "CREATE TABLE second (n int)");
    const BROKEN: (&str, &str) =
        ("V3__broken", "CREATE TABLE third (n int); SELECT * FROM nowhere");

    #[test]
    fn every_file_of_the_schema_directory_is_embedded() {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema");
        let paths = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
        let mut files: Vec<(i32, String, String)> = paths
            .filter(|path| path.extension().is_some_and(|extension| extension == "sql"))
            .map(|path| {
                let (number, name) =
                    path.file_stem().unwrap().to_str().unwrap().split_once('_').unwrap();
                let number = number.parse().unwrap();
                (number, format!("V{number}__{name}"), std::fs::read_to_string(&path).unwrap())
            })
            .collect();
        files.sort();
        let files: Vec<(&str, &str)> =
            files.iter().map(|(_, name, sql)| (name.as_str(), sql.as_str())).collect();
        assert_eq!(MIGRATIONS, files);
    }

    /// Creates a schema in which to try migrations, in a cluster of the test's own.
    async fn schema(cluster: &PrivateCluster, name: &str) -> Connection {
        let link = cluster.connection().connect().await.unwrap();
        link.client.batch_execute(&format!("CREATE SCHEMA {name}")).await.unwrap();
        cluster.connection().with_schema(name)
    }

    async fn apply_all(
        connection: &Connection,
        files: &[(&str, &str)],
    ) -> Result<Vec<String>, MigrationError> {
        apply(connection, &embedded(files)?).await
    }

    #[tokio::test]
    async fn the_embedded_schema_is_applied_once_and_then_found_to_be_current() {
        let scratch = Scratch::new();
        let cluster = PrivateCluster::start(&config(&scratch)).await.unwrap();
        let connection = cluster.connection();
        let names: Vec<&str> = MIGRATIONS.iter().map(|(name, _)| *name).collect();
        let behind = check_migrated(&connection).await.unwrap_err();
        assert!(
            matches!(&behind, MigrationError::Behind(missing) if *missing == names),
            "{behind}"
        );
        assert_eq!(migrate(&connection).await.unwrap(), names);
        check_migrated(&connection).await.unwrap();
        assert!(migrate(&connection).await.unwrap().is_empty());
        cluster.stop().await.unwrap();
    }

    #[tokio::test]
    async fn nodes_that_start_at_once_apply_each_migration_once_in_each_schema() {
        let scratch = Scratch::new();
        let cluster = PrivateCluster::start(&config(&scratch)).await.unwrap();
        for name in ["one", "two"] {
            let connection = schema(&cluster, name).await;
            let files = [FIRST, SECOND];
            let (here, there) =
                tokio::join!(apply_all(&connection, &files), apply_all(&connection, &files));
            let mut applied = here.unwrap();
            applied.extend(there.unwrap());
            assert_eq!(applied, ["V1__first", "V2__second"]);
        }
        let nowhere = apply_all(&cluster.connection().with_schema("nowhere"), &[FIRST]).await;
        let why = "the database refused: the search_path (\"nowhere\") names no schema that exists: make one (create \
                   schema), or change the search_path (SQLSTATE KF010)";
        assert_eq!(nowhere.unwrap_err().to_string(), why);
        cluster.stop().await.unwrap();
    }

    const INDEXES: (&str, &str) = (
        "V3__indexes",
        "-- concurrently\n-- Two of them.\ncreate index concurrently first_n on first (n);\n\
         create index concurrently first_even on first (n) where n % 2 = 0;\n",
    );

    /// Indexes of the schema, each with its validity.
    async fn valid_indexes(connection: &Connection) -> Vec<(String, bool)> {
        let indexes = "select relname::text, indisvalid from pg_index join pg_class on oid = indexrelid \
                       where relnamespace = current_schema()::regnamespace and relname like 'first_%' order by 1";
        let link = connection.connect().await.unwrap();
        let rows = link.client.query(indexes, &[]).await.unwrap();
        rows.iter().map(|row| (row.get(0), row.get(1))).collect()
    }

    #[tokio::test]
    async fn indexes_are_built_while_others_write_and_anew_when_they_were_not_finished() {
        let scratch = Scratch::new();
        let cluster = PrivateCluster::start(&config(&scratch)).await.unwrap();
        let connection = schema(&cluster, "one").await;
        apply_all(&connection, &[FIRST, SECOND]).await.unwrap();
        let link = connection.connect().await.unwrap();
        // This is the state that an interrupted attempt leaves: duplicate values keep a unique index from being finished.
        link.client.batch_execute("insert into first values (1), (1)").await.unwrap();
        let unfinished = "create unique index concurrently first_n on first (n)";
        link.client.batch_execute(unfinished).await.unwrap_err();
        assert_eq!(valid_indexes(&connection).await, [("first_n".to_owned(), false)]);

        let writer = connection.connect().await.unwrap();
        writer.client.batch_execute("begin; insert into first values (2)").await.unwrap();
        let files = [FIRST, SECOND, INDEXES];
        let building = apply_all(&connection, &files);
        let writing = async {
            let waits = "select from pg_locks where not granted and pg_backend_pid() = any (pg_blocking_pids(pid))";
            while writer.client.query(waits, &[]).await.unwrap().is_empty() {
                tokio::task::yield_now().await;
            }
            // The earlier transaction waits, and no session waits for it.
            link.client.batch_execute("insert into first values (3)").await.unwrap();
            writer.client.batch_execute("commit").await.unwrap();
        };
        let (built, ()) = tokio::join!(building, writing);
        assert_eq!(built.unwrap(), ["V3__indexes"]);
        let both = [("first_even".to_owned(), true), ("first_n".to_owned(), true)];
        assert_eq!(valid_indexes(&connection).await, both);
        assert!(apply_all(&connection, &files).await.unwrap().is_empty());
        let more = ("V4__more", "-- concurrently\ndrop table first;");
        let refused = apply_all(&connection, &[FIRST, SECOND, INDEXES, more]).await.unwrap_err();
        assert!(refused.to_string().contains("CREATE INDEX CONCURRENTLY"), "{refused}");
        cluster.stop().await.unwrap();
    }

    #[tokio::test]
    async fn a_migration_that_waits_for_a_table_holds_up_nobody() {
        let scratch = Scratch::new();
        let cluster = PrivateCluster::start(&config(&scratch)).await.unwrap();
        let connection = schema(&cluster, "one").await;
        apply_all(&connection, &[FIRST]).await.unwrap();
        let reader = connection.connect().await.unwrap();
        reader.client.batch_execute("begin; select from first").await.unwrap();
        let change = ("V2__change", "alter table first add column m int");
        let files = [FIRST, change];
        let changing = apply_all(&connection, &files);
        let working = async {
            let waits = "select from pg_locks where not granted and pg_backend_pid() = any (pg_blocking_pids(pid))";
            while reader.client.query(waits, &[]).await.unwrap().is_empty() {
                tokio::task::yield_now().await;
            }
            // The statement waits behind the migration until that gives way, though the reader stays.
            let writer = connection.connect().await.unwrap();
            writer.client.batch_execute("insert into first (n) values (1)").await.unwrap();
            reader.client.batch_execute("commit").await.unwrap();
        };
        let (changed, ()) = tokio::join!(changing, working);
        assert_eq!(changed.unwrap(), ["V2__change"]);
        cluster.stop().await.unwrap();
    }

    #[tokio::test]
    async fn a_history_that_is_not_ours_is_refused_and_left_alone() {
        let scratch = Scratch::new();
        let cluster = PrivateCluster::start(&config(&scratch)).await.unwrap();
        let connection = schema(&cluster, "one").await;
        apply_all(&connection, &[FIRST, SECOND]).await.unwrap();
        let ahead = apply_all(&connection, &[FIRST]).await.unwrap_err();
        assert!(matches!(&ahead, MigrationError::Ahead(name) if name == "V2__second"), "{ahead}");
        let changed = ("V1__first", "CREATE TABLE another (n int)");
        let diverged = apply_all(&connection, &[changed, SECOND, BROKEN]).await.unwrap_err();
        assert!(
            matches!(&diverged, MigrationError::Diverged(name) if name == "V1__first"),
            "{diverged}"
        );
        let failed =
            apply_all(&connection, &[FIRST, SECOND, BROKEN]).await.unwrap_err().to_string();
        assert!(
            failed.contains("V3__broken") && failed.contains("\"nowhere\" does not exist"),
            "{failed}"
        );
        // A migration that fails leaves no trace.
        let fixed = ("V3__broken", "CREATE TABLE third (n int)");
        assert_eq!(apply_all(&connection, &[FIRST, SECOND, fixed]).await.unwrap(), ["V3__broken"]);
        cluster.stop().await.unwrap();
    }
}
