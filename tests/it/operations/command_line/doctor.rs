//! `keyfold doctor`: every line it prints, whatever state the database is in.

use std::net::TcpListener;
use std::sync::LazyLock;

use keyfold::postgres::known_migrations;

use crate::operations::command_line::operator::kid;
use crate::support::app::SECRET;
use crate::support::process::{DataDirectory, Ended, ExternalDatabase, Keyfold, PUBLIC_URL};
use crate::support::user::TestUser;

const PLACE: &str =
    "ok       database     PostgreSQL * at a Unix socket, database *, schema *, takes writes";
const OWN: &str = "ok       sessions     each client keeps its own while it is connected";
const DURABLE: &str = "ok       durability   commits are on disk";
const ELSEWHERE: &str =
    "ok       disk         cannot be checked from here: watch the disk of the database's machine";
const ROOM: &str = "* disk         * MB free at *";
const ALONE: &str = "ok       replication  no standby, commits wait for none";
static MIGRATED: LazyLock<String> = LazyLock::new(|| {
    let known = known_migrations();
    format!("ok       schema       {known} of {known} migrations applied")
});
const NOBODY: &str = "warning  nodes        no server runs on this schema: start one";
const CLOCK: &str = "ok       clock        within 1s of the database's";
const RIGHTS: &str = "ok       rights       all rights of a server are granted";
const GUARDS: &str = "ok       guards       triggers protect the log";
const DATES: &str = "ok       dates        no event is dated ahead of now";
const FOLLOWING: &str = "ok       read models  match the newest * events";
const SINGLE: &str = "ok       nodes        keyfold from a Unix socket for *s, single mode";

/// True if a line matches a pattern, in which `*` stands for any text.
fn is_like(line: &str, expected: &str) -> bool {
    let mut parts = expected.split('*');
    let first = parts.next().unwrap();
    let Some(mut rest) = line.strip_prefix(first) else { return false };
    let mut ends_open = false;
    for part in parts {
        ends_open = part.is_empty();
        let Some((_, after)) = rest.split_once(part) else { return false };
        rest = after;
    }
    rest.is_empty() || ends_open
}

#[track_caller]
fn assert_found(ended: &Ended, code: i32, expected: &[&str]) {
    assert_eq!(ended.code, Some(code), "{ended:?}");
    let lines: Vec<_> = ended.out.lines().collect();
    let are_like = lines.len() == expected.len()
        && lines.iter().zip(expected).all(|(line, expected)| is_like(line, expected));
    assert!(are_like, "{}\nis not\n{}", ended.out, expected.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn beside_a_server_everything_is_found_to_be_well() {
    let database = ExternalDatabase::new().await;
    let keyfold = database.keyfold(SECRET);
    let server = keyfold.serve().await;
    let ada = TestUser::sign_up(&server.url, "ada@example.com").await;
    let log = "ok       log          position 4, no hole, the last event *s ago at *Z";
    let key = format!(
        "ok       keys         {} signing since *Z, made *s ago, opens with the secret, \
         its successor is published at *Z",
        kid(&ada.token)
    );
    let found = keyfold.run(&["doctor"]).await;
    assert_found(
        &found,
        0,
        &[
            PLACE, OWN, DURABLE, ELSEWHERE, ALONE, &MIGRATED, RIGHTS, SINGLE, CLOCK, GUARDS, log,
            DATES, FOLLOWING, &key,
        ],
    );
    assert!(!found.out.contains(SECRET) && !found.err.contains(SECRET), "{found:?}");
    server.stop().await;

    let found = keyfold.run(&["doctor"]).await;
    assert_found(
        &found,
        0,
        &[
            PLACE, OWN, DURABLE, ELSEWHERE, ALONE, &MIGRATED, RIGHTS, NOBODY, CLOCK, GUARDS, log,
            DATES, FOLLOWING, &key,
        ],
    );

    let wrong = database.keyfold("not the secret that the keys are sealed under");
    let closed = "error    keys         * signing since *Z, made *s ago, does not open: \
                  KEYFOLD_SECRET is not the secret it was sealed under. If that one is lost for good, \
                  run `keyfold keys replace --lost`";
    let found = wrong.run(&["doctor"]).await;
    assert_found(
        &found,
        1,
        &[
            PLACE, OWN, DURABLE, ELSEWHERE, ALONE, &MIGRATED, RIGHTS, NOBODY, CLOCK, GUARDS, log,
            DATES, FOLLOWING, closed,
        ],
    );
    assert!(found.err.ends_with("keyfold: 1 check found an error\n"), "{found:?}");

    let renewed = wrong.set("KEYFOLD_PREVIOUS_SECRETS", SECRET);
    let outdated = "warning  keys         * signing since *Z, made *s ago, opens with a previous secret \
                    only: start a server, which reseals it, before that secret is dropped";
    let found = renewed.run(&["doctor"]).await;
    assert_found(
        &found,
        0,
        &[
            PLACE, OWN, DURABLE, ELSEWHERE, ALONE, &MIGRATED, RIGHTS, NOBODY, CLOCK, GUARDS, log,
            DATES, FOLLOWING, outdated,
        ],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_node_of_a_cluster_is_listed() {
    let database = ExternalDatabase::new().await;
    let node = database.keyfold(SECRET).set("KEYFOLD_CLUSTER", "true");
    let node = node.set("KEYFOLD_PUBLIC_URL", PUBLIC_URL);
    let (first, second) = tokio::join!(node.serve(), node.serve());
    let nodes = "ok       nodes        2: keyfold from a Unix socket for *s, cluster mode; \
                 keyfold from a Unix socket for *s, cluster mode";
    let log = "ok       log          position *, no hole, the last event *s ago at *Z";
    let key = "ok       keys         * signing since *";
    let found = node.run(&["doctor"]).await;
    assert_found(
        &found,
        0,
        &[
            PLACE, OWN, DURABLE, ELSEWHERE, ALONE, &MIGRATED, RIGHTS, nodes, CLOCK, GUARDS, log,
            DATES, FOLLOWING, key,
        ],
    );
    first.stop().await;
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_was_never_migrated_needs_nothing_but_that() {
    let database = ExternalDatabase::new().await;
    let keyfold = database.keyfold(SECRET);
    // Other tests have their schemas in the same database.
    let behind = "warning  schema       0 of * migrations applied*run `keyfold migrate`, \
                  or start a server, which does it";
    let found = keyfold.run(&["doctor"]).await;
    assert_found(
        &found,
        0,
        &[PLACE, OWN, DURABLE, ELSEWHERE, ALONE, behind, RIGHTS, NOBODY, CLOCK],
    );

    keyfold.print(&["migrate"]).await;
    let log = "ok       log          position 0, nothing has happened yet";
    let keys =
        "warning  keys         there is no signing key: the next server to start creates one";
    let found = keyfold.run(&["doctor"]).await;
    assert_found(
        &found,
        0,
        &[
            PLACE, OWN, DURABLE, ELSEWHERE, ALONE, &MIGRATED, RIGHTS, NOBODY, CLOCK, GUARDS, log,
            DATES, FOLLOWING, keys,
        ],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn it_needs_no_more_rights_than_to_read_and_says_which_a_server_needs() {
    let database = ExternalDatabase::new().await;
    let keyfold = database.keyfold(SECRET);
    let server = keyfold.serve().await;
    let link = database.connection.connect().await.unwrap();
    let row = link.client.query_one("select current_schema()::text", &[]).await.unwrap();
    let schema: String = row.get(0);
    let role = format!("doctor_{}_{schema}", std::process::id());
    let limited = format!(
        "create role {role}; grant usage on schema {schema} to {role};
         grant select on all tables in schema {schema} to {role}"
    );
    link.client.batch_execute(&limited).await.unwrap();
    let limited =
        keyfold.clone().set("DATABASE_URL", &format!("{}%20-crole%3D{role}", database.url));
    let nodes = "ok       nodes        * from a Unix socket*, single mode";
    let log = "ok       log          position *, no hole, the last event *s ago at *Z";
    let key = "ok       keys         * signing since *";
    let lacking = "error    rights       this user lacks INSERT on events, *: let DATABASE_URL name the \
                   user who owns the tables, or grant it";
    let found = limited.run(&["doctor"]).await;
    assert_found(
        &found,
        1,
        &[
            PLACE, OWN, DURABLE, ELSEWHERE, ALONE, &MIGRATED, lacking, nodes, CLOCK, GUARDS, log,
            DATES, FOLLOWING, key,
        ],
    );
    server.stop().await;
    link.client.batch_execute(&format!("drop owned by {role}; drop role {role}")).await.unwrap();
}

#[tokio::test]
async fn a_database_that_cannot_be_reached_is_said_without_its_password() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("postgres://ada:hunter2@{nobody}/tasks");
    let keyfold = Keyfold::new().set("DATABASE_URL", &url).set("KEYFOLD_SECRET", SECRET);
    let found = keyfold.run(&["doctor"]).await;
    let away = "error    database     the database is not available: *: \
                check that PostgreSQL runs and DATABASE_URL names it";
    assert_found(&found, 1, &[away]);
    assert!(!found.out.contains("hunter2") && !found.err.contains("hunter2"), "{found:?}");
}

#[tokio::test]
async fn looking_at_a_data_directory_that_is_not_there_does_not_make_one() {
    let data = DataDirectory::new("no-data");
    let found = Keyfold::in_directory(&data).run(&["doctor"]).await;
    let absent = format!(
        "error    database     there is no database in {} yet: start a server, which makes one, \
         or correct KEYFOLD_DATA",
        data.path().display()
    );
    assert_found(&found, 1, &[&absent]);
    assert!(!data.path().exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_cluster_is_looked_at_with_and_without_its_server() {
    let data = DataDirectory::new("doctor");
    let keyfold = Keyfold::in_directory(&data);
    let server = keyfold.serve().await;
    let log = "ok       log          position 2, no hole, the last event *s ago at *Z";
    let key = "ok       keys         * signing since *";
    let found = keyfold.run(&["doctor"]).await;
    assert_found(
        &found,
        0,
        &[
            PLACE, OWN, DURABLE, ROOM, ALONE, &MIGRATED, RIGHTS, SINGLE, CLOCK, GUARDS, log, DATES,
            FOLLOWING, key,
        ],
    );
    server.stop().await;
    let found = keyfold.run(&["doctor"]).await;
    assert_found(
        &found,
        0,
        &[
            PLACE, OWN, DURABLE, ROOM, ALONE, &MIGRATED, RIGHTS, NOBODY, CLOCK, GUARDS, log, DATES,
            FOLLOWING, key,
        ],
    );
    assert_eq!(data.postmaster(), None);
}
