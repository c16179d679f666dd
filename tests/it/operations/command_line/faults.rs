//! Faults that `keyfold doctor` finds: a real database for each, and its advice repairs it.

use crate::database::cannot_now::SmallDisk;
use crate::support::app::SECRET;
use crate::support::process::{DataDirectory, ExternalDatabase, Keyfold, dump};
use crate::support::servers::Postgres;
use crate::support::user::TestUser;

/// A database with one user, and without a running server.
async fn lived_in() -> (ExternalDatabase, Keyfold) {
    let database = ExternalDatabase::new().await;
    let keyfold = database.keyfold(SECRET);
    let server = keyfold.serve().await;
    TestUser::sign_up(&server.url, "ada@example.com").await.create_task("Milk").await;
    server.stop().await;
    (database, keyfold)
}

async fn execute(database: &ExternalDatabase, sql: &str) {
    let link = database.connection.connect().await.unwrap();
    link.client.batch_execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
}

/// The lines that are not `ok`, but for that no server runs.
async fn complaints(keyfold: &Keyfold) -> Vec<String> {
    let found = keyfold.run(&["doctor"]).await;
    let complaints = found.out.lines().filter(|line| !line.starts_with("ok "));
    let complaints = complaints.filter(|line| !line.contains("no server runs on this schema"));
    let complaints: Vec<_> = complaints.map(ToOwned::to_owned).collect();
    let errors = complaints.iter().any(|line| line.starts_with("error "));
    assert_eq!(found.code, Some(i32::from(errors)), "{found:?}");
    complaints
}

#[track_caller]
fn one(complaints: &[String]) -> &str {
    let [complaint] = complaints else { panic!("{complaints:?}") };
    complaint
}

#[tokio::test(flavor = "multi_thread")]
async fn every_trigger_that_is_disabled_or_dropped_is_named_with_the_statement_that_mends_it() {
    let (database, keyfold) = lived_in().await;
    let triggers = "(select relname, tgname from pg_trigger join pg_class on pg_class.oid = tgrelid
                     where relnamespace = current_schema()::regnamespace and not tgisinternal and tgparentid = 0)";
    let there = dump(&database.connection, &[triggers]).await;
    assert_eq!(there[0].lines().count(), 3, "{there:?}");
    for line in there[0].lines() {
        let (table, name) = line.trim_matches(['(', ')']).split_once(',').unwrap();
        for (spoil, is) in [
            (format!("alter table {table} disable trigger {name}"), "disabled"),
            (format!("drop trigger {name} on {table}"), "missing"),
        ] {
            execute(&database, &spoil).await;
            let found = complaints(&keyfold).await;
            let told =
                format!("error    guards       trigger {name} on {table} is {is}: run in psql `");
            let mend = one(&found).strip_prefix(&told).unwrap_or_else(|| panic!("{found:?}"));
            execute(&database, mend.strip_suffix('`').unwrap()).await;
            assert_eq!(complaints(&keyfold).await, Vec::<String>::new());
        }
    }
    let before = dump(&database.connection, &[triggers]).await;
    assert_eq!(before, there);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_read_models_lack_are_counted_and_a_replay_brings_them_back() {
    let (database, keyfold) = lived_in().await;
    for table in ["users", "sessions", "jwks"] {
        let before = dump(&database.connection, &[table]).await;
        execute(&database, &format!("delete from {table}")).await;
        let told =
            format!("error    read models  rows are missing ({table} 1): run `keyfold replay`");
        assert_eq!(one(&complaints(&keyfold).await), told);
        keyfold.print(&["replay"]).await;
        assert_eq!(complaints(&keyfold).await, Vec::<String>::new());
        assert_eq!(dump(&database.connection, &[table]).await, before);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_was_deleted_and_a_session_that_ended_are_not_missed() {
    let (database, keyfold) = lived_in().await;
    keyfold.print(&["users", "delete", "ada@example.com"]).await;
    let kid = dump(&database.connection, &["(select id from jwks)"]).await;
    keyfold.print(&["keys", "revoke", kid[0].trim_matches(['(', ')'])]).await;
    assert_eq!(complaints(&keyfold).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hole_in_the_log_is_named_wherever_it_is() {
    for position in [1, 3, 4] {
        let (database, keyfold) = lived_in().await;
        let hole = format!(
            "alter table events disable trigger user; delete from events where position = {position};
             alter table events enable trigger user"
        );
        execute(&database, &hole).await;
        let found = complaints(&keyfold).await;
        let told = format!(
            "error    log          there is no event at position {position}, so something was \
             deleted: stop the servers and restore a backup"
        );
        assert!(found.contains(&told), "{found:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dates_that_a_wrong_clock_left_ahead_are_told() {
    let (database, keyfold) = lived_in().await;
    let ahead = "insert into events (position, stream, version, slice, event_id, type, schema, data, context, recorded_at)
                 select max(position) + 1, 'other-1', 1, 0, gen_random_uuid(), 'Happened', 1, '{}', '{}',
                        now() + interval '40 days' from events";
    execute(&database, ahead).await;
    let found = complaints(&keyfold).await;
    let told = one(&found);
    assert!(told.starts_with("warning  dates        an event is dated 2"), "{told}");
    assert!(told.contains(" 39d 23h ahead of now: a clock was wrong; check NTP"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn commits_that_others_do_not_wait_for_are_told() {
    let data = DataDirectory::new("commits");
    let keyfold = Keyfold::in_directory(&data);
    let server = keyfold.serve().await;
    let link = data.connection().await.connect().await.unwrap();
    let off = "do $$ begin execute format('alter database %I set synchronous_commit = off', current_database()); end $$";
    link.client.batch_execute(off).await.unwrap();
    let found = complaints(&keyfold).await;
    let told = found.iter().find(|line| line.contains("durability")).unwrap();
    assert!(told.starts_with("warning  durability   synchronous_commit is off: "), "{told}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_wait_for_its_disk_is_told_with_what_is_lost() {
    for off in [&["fsync"][..], &["full_page_writes"], &["fsync", "full_page_writes"]] {
        let settings: Vec<_> = off.iter().map(|setting| format!("{setting} = off")).collect();
        let postgres = Postgres::start(&settings.join("\n")).await;
        let keyfold = postgres.keyfold();
        keyfold.print(&["migrate"]).await;
        let found = complaints(&keyfold).await;
        let told = format!(
            "error    durability   {} off: acknowledged changes are lost when the machine stops; switch on what is off in \
             postgresql.conf",
            off.join(", ")
        );
        assert!(found.contains(&told), "{found:?}");
        for setting in off {
            postgres.alter(&format!("set {setting} = on")).await;
        }
        let found = complaints(&keyfold).await;
        assert!(!found.iter().any(|line| line.contains(" durability ")), "{found:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_about_to_be_full_is_told() {
    // If this process may not mount a disk, only the unit tests cover this finding.
    let Some(disk) = SmallDisk::make("1200m") else { return };
    let data = disk.0.join("space/data");
    let keyfold = Keyfold::new().set("KEYFOLD_DATA", data.to_str().unwrap());
    let server = keyfold.serve().await;
    let on_disk = async || {
        let found = complaints(&keyfold).await;
        let found = found.into_iter().find(|line| line.contains(" disk "));
        found.map(|line| {
            let (level, text) = line.split_once("disk").unwrap();
            (level.trim().to_owned(), text.split_once(" MB free at ").unwrap().1.to_owned())
        })
    };
    let told = format!(
        "{}, a full disk stops all changes: make room, or move the data directory",
        data.join("postgres").display()
    );
    for (size, level) in [("1000m", "warning"), ("240m", "error")] {
        disk.resize(size);
        assert_eq!(on_disk().await, Some((level.to_owned(), told.clone())), "{size}");
    }
    disk.resize("2g");
    assert_eq!(on_disk().await, None);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_of_another_program_are_told_before_anything_is_migrated_into_them() {
    let database = ExternalDatabase::new().await;
    execute(&database, "create table users (id int); create table orders (id int)").await;
    let keyfold = database.keyfold(SECRET);
    let found = complaints(&keyfold).await;
    let schema = found.iter().find(|line| line.contains(" schema ")).unwrap();
    let told = "tables of another program have the names of Keyfold's (users): make a schema";
    assert!(schema.starts_with("error ") && schema.contains(told), "{schema}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_path_beside_the_tables_is_told() {
    let (database, _) = lived_in().await;
    let schema = dump(&database.connection, &["(select current_schema())"]).await;
    let schema = schema[0].trim_matches(['(', ')']);
    let link = database.connection.connect().await.unwrap();
    link.client.batch_execute(&format!("create schema {schema}_typo")).await.unwrap();
    let url = format!("{}_typo", database.url);
    let keyfold = database.keyfold(SECRET).set("DATABASE_URL", &url);
    let found = complaints(&keyfold).await;
    let told = "migrations applied here, but in other schemas of this database (";
    assert!(one(&found).starts_with("warning  schema       0 of "), "{found:?}");
    assert!(
        one(&found).contains(told) && one(&found).contains("correct the search_path"),
        "{found:?}"
    );
}

/// A user with these rights, and nothing else, in a database.
async fn limited(
    database: &ExternalDatabase,
    keyfold: &Keyfold,
    grants: &str,
) -> (Keyfold, String) {
    let schema = dump(&database.connection, &["(select current_schema())"]).await;
    let schema = schema[0].trim_matches(['(', ')']);
    let role = format!("faults_{}_{schema}", std::process::id());
    let grants = grants.replace("SCHEMA", schema).replace("ROLE", &role);
    execute(
        database,
        &format!("create role {role}; grant usage on schema {schema} to {role}; {grants}"),
    )
    .await;
    let url = format!("{}%20-crole%3D{role}", database.url);
    (keyfold.clone().set("DATABASE_URL", &url), role)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_right_that_a_server_lacks_is_told() {
    let all = "grant all on all tables in schema SCHEMA to ROLE;";
    let read = "grant select on all tables in schema SCHEMA to ROLE;";
    let make = "grant create on schema SCHEMA to ROLE;";
    let own = "alter table idempotency_keys owner to ROLE;";
    for (grants, told) in [
        (read.to_owned(), "lacks INSERT on events, INSERT on users, "),
        (
            format!("{all}{make}{own} revoke insert on events from ROLE;"),
            "lacks INSERT on events: ",
        ),
        (format!("{all}{own}"), "may not create tables in the schema"),
        (format!("{all}{make}"), "does not own idempotency_keys"),
        (format!("{all}{make}{own}"), "may not create schemas in the database"),
    ] {
        let (database, keyfold) = lived_in().await;
        let (keyfold, role) = limited(&database, &keyfold, &grants).await;
        let found = complaints(&keyfold).await;
        let rights = found.iter().find(|line| line.contains(" rights ")).unwrap();
        assert!(rights.contains(told), "{told:?} in {found:?}");
        execute(
            &database,
            &format!(
                "reassign owned by {role} to current_user; drop owned by {role}; drop role {role}"
            ),
        )
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_made_by_looking() {
    let data = DataDirectory::new("looking");
    let keyfold = Keyfold::in_directory(&data);
    let server = keyfold.serve().await;
    let link = data.connection().await.connect().await.unwrap();
    let nothing =
        "delete from key_material; alter table events disable trigger user; delete from events;
                   alter table events enable trigger user; delete from snapshots; delete from jwks";
    link.client.batch_execute(nothing).await.unwrap();
    server.stop().await;
    std::fs::remove_file(data.path().join("secret")).unwrap();
    keyfold.run(&["doctor"]).await;
    assert!(!data.path().join("secret").exists(), "it makes no secret either");
}
