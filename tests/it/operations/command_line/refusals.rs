//! Reasons for which a server does not start, or stops by itself: exit code 1 and a sentence with the remedy.

use std::net::TcpListener;
use std::os::unix::fs::MetadataExt;

use crate::support::app::SECRET;
use crate::support::process::{
    DataDirectory, Ended, ExternalDatabase, Keyfold, PUBLIC_URL, dump, mode, signal,
};
use crate::support::user::TestUser;
use crate::tidy;

/// Asserts exit code 1, and these texts in the error message.
#[track_caller]
fn assert_refused(ended: &Ended, said: &[&str]) {
    assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""), "{ended:?}");
    let (_, reason) = ended.err.rsplit_once("\nkeyfold: ").unwrap_or(("", &ended.err));
    for text in said {
        assert!(reason.contains(text), "{text:?} in {reason}");
    }
}

#[tokio::test]
async fn without_postgresql_the_command_that_installs_it_is_named() {
    let data = DataDirectory::new("no-binaries");
    let empty = DataDirectory::new("empty");
    std::fs::create_dir(empty.path()).unwrap();
    let path = empty.path().to_str().unwrap().to_owned();
    let keyfold = Keyfold::in_directory(&data).set("KEYFOLD_POSTGRES_BIN", &path);
    let ended = keyfold.run(&[]).await;
    let program = if cfg!(target_os = "macos") { "brew install" } else { "install" };
    assert_refused(&ended, &[&path, "version 14 or later", program, "postgresql"]);
}

#[tokio::test]
async fn no_command_makes_a_database_where_there_is_none() {
    let data = DataDirectory::new("mistyped");
    let keyfold = Keyfold::in_directory(&data);
    let commands: [&[&str]; 10] = [
        &["migrate"],
        &["events"],
        &["replay"],
        &["keys", "list"],
        &["keys", "replace", "--lost"],
        &["sessions", "end"],
        &["sessions", "list", "ada@example.com"],
        &["users", "list"],
        &["users", "show", "ada@example.com"],
        &["users", "delete", "ada@example.com"],
    ];
    for arguments in commands {
        let ended = keyfold.run(arguments).await;
        assert_refused(&ended, &["there is no database in", "correct KEYFOLD_DATA"]);
        assert!(!data.path().exists(), "{arguments:?}");
    }
}

#[tokio::test]
async fn a_cluster_of_a_version_that_is_not_installed_names_the_command_for_that_version() {
    let data = DataDirectory::new("old-version");
    std::fs::create_dir_all(data.cluster()).unwrap();
    std::fs::write(data.cluster().join("PG_VERSION"), "13\n").unwrap();
    let ended = Keyfold::in_directory(&data).run(&[]).await;
    assert_refused(&ended, &["made by PostgreSQL 13", "install"]);
}

#[tokio::test]
async fn a_taken_address_is_noticed_before_anything_is_made() {
    let data = DataDirectory::new("taken");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ended = Keyfold::in_directory(&data).set("KEYFOLD_LISTEN", &address).run(&[]).await;
    assert_refused(&ended, &[&format!("cannot listen on {address}")]);
    assert!(!data.path().exists());
}

#[tokio::test]
async fn a_database_that_is_away_is_named_without_its_password() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("postgres://ada:hunter2@{nobody}/tasks");
    let keyfold = Keyfold::new().set("DATABASE_URL", &url).set("KEYFOLD_SECRET", SECRET);
    let ended = keyfold.run(&[]).await;
    assert_refused(&ended, &["database"]);
    assert!(!ended.err.contains("hunter2") && !ended.err.contains(SECRET), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_path_that_names_no_schema_is_refused_in_the_words_of_every_command() {
    let database = ExternalDatabase::new().await;
    let (before, _) = database.url.split_once("search_path").unwrap();
    let url = format!("{before}search_path%3Dtypo");
    let keyfold = database.keyfold(SECRET).set("DATABASE_URL", &url);
    for arguments in [&["serve"] as &[_], &["migrate"], &["users", "delete", "ada@example.com"]] {
        let ended = keyfold.run(arguments).await;
        let sentence = "the search_path (typo) names no schema that exists: make one (create schema), \
                        or change the search_path";
        assert_refused(&ended, &[sentence]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_server_on_a_data_directory_is_refused_and_the_first_is_not_disturbed() {
    let data = DataDirectory::new("second");
    let first = Keyfold::in_directory(&data).serve().await;
    let second = Keyfold::in_directory(&data).run(&[]).await;
    let holder = format!("another Keyfold server (process {})", first.process.pid());
    let path = std::fs::canonicalize(data.path()).unwrap();
    assert_refused(&second, &[&holder, path.to_str().unwrap(), "stop it first", "KEYFOLD_DATA"]);

    first.get("/health/ready").send().await.expect(200);
    assert_private(&data);
    first.stop().await;
}

/// Asserts that only the server's user and, as root, PostgreSQL's user can access the data.
fn assert_private(data: &DataDirectory) {
    let owner = |path| std::fs::metadata(path).unwrap().uid();
    let is_within = std::fs::symlink_metadata(data.cluster()).unwrap().is_dir();
    let is_divided = owner(data.path()) != owner(data.cluster());
    // PostgreSQL's own user has to get through to its files, but can list nothing.
    let expected = if is_divided && is_within { 0o710 } else { 0o700 };
    assert_eq!(mode(&data.path()), expected);
    assert_eq!(mode(&data.cluster()), 0o700);
    assert_eq!(mode(&data.path().join("secret")), 0o600);

    let pid_file = std::fs::read_to_string(data.cluster().join("postmaster.pid")).unwrap();
    let socket = pid_file.lines().nth(4).unwrap();
    assert_eq!(mode(socket.as_ref()), 0o700, "{socket}");
    let address = pid_file.lines().nth(5).unwrap();
    assert_eq!(address, "", "it listens on a socket only");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_server_on_a_database_is_refused_unless_all_are_a_cluster() {
    let database = ExternalDatabase::new().await;
    let keyfold = database.keyfold(SECRET);
    let first = keyfold.serve().await;
    let node = keyfold
        .clone()
        .set("KEYFOLD_CLUSTER", "true")
        .set("KEYFOLD_PUBLIC_URL", "http://keyfold.test");
    let (second, third) = tokio::join!(keyfold.run(&[]), node.run(&[]));
    for refused in [second, third] {
        let said = ["another Keyfold server already uses this database", "KEYFOLD_CLUSTER=true"];
        assert_refused(&refused, &said);
    }
    first.get("/health/ready").send().await.expect(200);
    first.stop().await;

    let (first, second) = tokio::join!(node.serve(), node.serve());
    let ada = TestUser::sign_up(&first.url, "ada@example.com").await;
    TestUser::sign_in(&second.url, &ada.email).await;
    first.stop().await;
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_secret_is_refused_and_makes_no_key() {
    let database = ExternalDatabase::new().await;
    let keyfold = database.keyfold(SECRET).set("KEYFOLD_PUBLIC_URL", PUBLIC_URL);
    let server = keyfold.serve().await;
    let ada = TestUser::sign_up(&server.url, "ada@example.com").await;
    let jwks = server.jwks().await;
    server.stop().await;
    let tables = ["jwks", "key_material", "events"];
    let before = dump(&database.connection, &tables).await;

    let wrong = "not the secret that the keys are sealed under";
    for arguments in [&[] as &[_], &["keys", "rotate"]] {
        let ended = database.keyfold(wrong).run(arguments).await;
        assert_refused(&ended, &["cannot be opened with this secret", "KEYFOLD_SECRET"]);
        assert!(!ended.err.contains(wrong) && !ended.err.contains(SECRET), "{ended:?}");
    }
    assert_eq!(dump(&database.connection, &tables).await, before);

    let server = keyfold.serve().await;
    assert_eq!(server.jwks().await, jwks);
    ada.at(&server.url).list("").await.expect(200);
    server.stop().await;
}

/// Runs a statement on a database.
async fn spoil(database: &ExternalDatabase, statement: &str) {
    let link = database.connection.connect().await.unwrap();
    link.client.batch_execute(statement).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_a_newer_version_has_migrated_is_refused_and_left_alone() {
    let database = ExternalDatabase::new().await;
    let keyfold = database.keyfold(SECRET);
    keyfold.print(&["migrate"]).await;
    let ahead = "insert into refinery_schema_history (version, name, applied_on, checksum)
                 values (99, 'future', '2030-01-01T00:00:00Z', '7')";
    spoil(&database, ahead).await;
    let tables = ["refinery_schema_history", "events", "jwks"];
    let before = dump(&database.connection, &tables).await;
    let commands: [&[_]; 8] = [
        &[],
        &["migrate"],
        &["events"],
        &["replay"],
        &["keys", "list"],
        &["users", "list"],
        &["sessions", "list", "ada@example.com"],
        &["users", "delete", "ada@example.com"],
    ];
    for arguments in commands {
        let ended = keyfold.run(arguments).await;
        let said = "this database has migration V99__future, which this version of Keyfold does \
                    not know: start a newer version";
        assert_refused(&ended, &[said]);
    }
    assert_eq!(dump(&database.connection, &tables).await, before);
}

/// Brings a database to where the program was before its last migration, and names that one.
async fn migrate_but_for_the_last(database: &ExternalDatabase) -> String {
    let complete = ExternalDatabase::new().await;
    complete.keyfold(SECRET).print(&["migrate"]).await;
    let there = complete.connection.connect().await.unwrap().client;
    let schema: String =
        there.query_one("select current_schema()::text", &[]).await.unwrap().get(0);
    let mut files = tidy::files("schema");
    files.pop();
    for file in files {
        spoil(database, &tidy::read(&file)).await;
    }
    let history = format!(
        "create table refinery_schema_history (like {schema}.refinery_schema_history including all);
         insert into refinery_schema_history select * from {schema}.refinery_schema_history;
         delete from refinery_schema_history where version = (select max(version) from refinery_schema_history)"
    );
    spoil(database, &history).await;
    let last = "select format('V%s__%s', version, name) from refinery_schema_history order by version desc limit 1";
    there.query_one(last, &[]).await.unwrap().get(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_lacks_a_migration_is_brought_up_to_date_by_a_server_and_by_nothing_else() {
    let database = ExternalDatabase::new().await;
    let keyfold = database.keyfold(SECRET);
    let missing = migrate_but_for_the_last(&database).await;
    for arguments in [&["events"] as &[_], &["replay"], &["users", "delete", "ada@example.com"]] {
        let ended = keyfold.run(arguments).await;
        let refusal = format!("this database lacks {missing}: run `keyfold migrate` first");
        assert_refused(&ended, &[&refusal]);
    }
    let server = keyfold.serve().await;
    TestUser::sign_up(&server.url, "ada@example.com").await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_postgresql_dies_ends_and_the_next_start_works() {
    let data = DataDirectory::new("dies");
    let server = Keyfold::in_directory(&data).serve().await;
    TestUser::sign_up(&server.url, "ada@example.com").await;
    signal("KILL", &[data.postmaster().unwrap()]);
    let ended = server.process.ended().await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let (_, reason) = ended.err.rsplit_once("\nkeyfold: ").unwrap();
    assert!(reason.contains("the private PostgreSQL server ended by itself"), "{reason}");
    assert!(reason.contains("signal 9"), "{reason}");

    let server = Keyfold::in_directory(&data).serve().await;
    TestUser::sign_in(&server.url, "ada@example.com").await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_with_another_encoding_is_refused_with_what_to_do() {
    let database = ExternalDatabase::new().await;
    let name = format!("latin1_{}", std::process::id());
    let latin1 = format!(
        "create database {name} encoding 'LATIN1' template template0 lc_collate 'C' lc_ctype 'C'"
    );
    let link = database.connection.connect().await.unwrap();
    link.client.batch_execute(&latin1).await.unwrap();
    let (rest, query) = database.url.split_once('?').unwrap();
    let (server, _) = rest.rsplit_once('/').unwrap();
    let url = format!("{server}/{name}?{query}")
        .replace("search_path%3Dtest_", "search_path%3Dpublic,test_");
    let keyfold = database.keyfold(SECRET).set("DATABASE_URL", &url);
    for arguments in [&["serve"] as &[_], &["migrate"]] {
        let ended = keyfold.run(arguments).await;
        assert_refused(
            &ended,
            &["the database has the encoding LATIN1: make one with encoding UTF8"],
        );
    }
    link.client.batch_execute(&format!("drop database {name}")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_postgresql_that_names_no_process_does_not_prevent_the_start() {
    for rubbish in ["", "\n", "no number\n"] {
        let data = DataDirectory::new("rubbish");
        let keyfold = Keyfold::in_directory(&data);
        let server = keyfold.serve().await;
        TestUser::sign_up(&server.url, "ada@example.com").await;
        server.stop().await;
        std::fs::write(data.cluster().join("postmaster.pid"), rubbish).unwrap();
        let server = keyfold.serve().await;
        TestUser::sign_in(&server.url, "ada@example.com").await;
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_cluster_allows_as_many_sessions_as_the_pool_may_need() {
    let data = DataDirectory::new("pool");
    let most = async |pool: &str| {
        let server = Keyfold::in_directory(&data).set("KEYFOLD_DATABASE_POOL", pool).serve().await;
        let most =
            dump(&data.connection().await, &["(select current_setting('max_connections'))"]).await;
        server.stop().await;
        most[0].trim_matches(['(', ')']).parse::<u32>().unwrap()
    };
    assert_eq!([most("4").await, most("200").await, most("4").await], [100, 233, 100]);
}
