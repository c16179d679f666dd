//! The operator's commands, beside a running server and without one.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::Value;

use crate::support::app::SECRET;
use crate::support::process::{DataDirectory, ExternalDatabase, Keyfold, Server, dump, until};
use crate::support::user::{PASSWORD, TestUser};

/// The key id in the header of a token.
pub(super) fn kid(token: &str) -> String {
    let header = BASE64_URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
    let header: Value = serde_json::from_slice(&header).unwrap();
    header["kid"].as_str().unwrap().to_owned()
}

async fn published(server: &Server) -> Vec<String> {
    let jwks: Value = serde_json::from_str(&server.jwks().await).unwrap();
    let keys = jwks["keys"].as_array().unwrap().iter();
    keys.map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_rotated_beside_a_running_server() {
    let data = DataDirectory::new("rotate");
    let keyfold = Keyfold::in_directory(&data).set("KEYFOLD_KEY_LEAD", "1s");
    let server = keyfold.serve().await;
    let before = TestUser::sign_up(&server.url, "ada@example.com").await;
    let old = kid(&before.token);
    let listed = keyfold.print(&["keys", "list"]).await;
    assert!(listed.starts_with(&format!("{old}  RS256 (2048 bits)  signing since 2")), "{listed}");

    let printed = keyfold.print(&["keys", "rotate"]).await;
    let (new, rest) = printed.split_once(' ').unwrap();
    assert!(rest.starts_with("is published and signs from 2"), "{printed}");
    assert_ne!(new, old);
    until("the server publishes the new key", async || {
        published(&server).await.contains(&new.to_owned())
    })
    .await;
    until("the server signs with the new key", async || {
        let after = TestUser::sign_in(&server.url, "ada@example.com").await;
        after.list("").await.expect(200);
        kid(&after.token) == new
    })
    .await;
    assert!(published(&server).await.contains(&old));
    before.list("").await.expect(200);

    let listed = keyfold.print(&["keys", "list"]).await;
    assert_eq!(listed.lines().count(), 2, "{listed}");
    assert!(listed.contains(&format!("{old}  RS256 (2048 bits)  verifying until 2")), "{listed}");
    assert!(listed.contains(&format!("{new}  RS256 (2048 bits)  signing since 2")), "{listed}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_revoked_beside_a_running_server_and_its_history_is_told() {
    let data = DataDirectory::new("revoke");
    let keyfold = Keyfold::in_directory(&data);
    let server = keyfold.serve().await;
    let ada = TestUser::sign_up(&server.url, "ada@example.com").await;
    let old = kid(&ada.token);

    let printed = keyfold.print(&["keys", "revoke", &old]).await;
    let [revoked, successor] = printed.lines().collect::<Vec<_>>()[..] else { panic!("{printed}") };
    assert_eq!(revoked, format!("{old} is revoked: no token signed by it is accepted any more"));
    let new = successor.strip_suffix(" signs from now on").unwrap();
    until("the server refuses the key", async || published(&server).await == [new]).await;
    assert_eq!(ada.list("").await.status, 401);

    let history = keyfold.print(&["keys", "history"]).await;
    let told = history.lines().map(|line| line.split_once("Z  ").unwrap().1);
    let told: Vec<_> = told.map(|line| line.split(" from 2").next().unwrap()).collect();
    let expected = [
        format!("{old}  published for RS256 (2048 bits), signs"),
        format!("{old}  started signing"),
        format!("{old}  revoked"),
        format!("{new}  published for RS256 (2048 bits), signs"),
        format!("{new}  started signing"),
    ];
    assert_eq!(told, expected);

    let again = keyfold.run(&["keys", "revoke", &old]).await;
    let refused = format!("keyfold: there is no key {old}; `keyfold keys list` shows all keys\n");
    assert_eq!((again.code, again.out.as_str()), (Some(1), ""), "{again:?}");
    assert!(again.err.ends_with(&refused), "{again:?}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_events_are_printed_without_a_gap_with_and_without_a_server() {
    let data = DataDirectory::new("events");
    let keyfold = Keyfold::in_directory(&data);
    let server = keyfold.serve().await;
    let ada = TestUser::sign_up(&server.url, "ada@example.com").await;
    for title in ["Milk", "Bread", "Salt"] {
        ada.create_task(title).await;
    }
    ada.sign_out().await.expect(200);

    let printed = keyfold.print(&["events"]).await;
    let events: Vec<Value> =
        printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let positions: Vec<_> =
        events.iter().map(|event| event["position"].as_u64().unwrap()).collect();
    let head = dump(&data.connection().await, &["(select count(*) from events)"]).await;
    assert_eq!(positions, (1..=positions.len() as u64).collect::<Vec<_>>());
    assert_eq!(head, [format!("({})", positions.len())]);
    for secret in [PASSWORD, "argon2", &ada.session_token, &ada.token] {
        assert!(!printed.contains(secret), "{secret} in {printed}");
    }
    let text = |event: &Value, field: &str| event[field].as_str().unwrap().to_owned();
    let types: Vec<_> = events.iter().map(|event| text(event, "type")).collect();
    assert_eq!(types.iter().filter(|name| *name == "TaskCreated").count(), 3, "{types:?}");

    let rest = keyfold.print(&["events", "--after", "2", "--limit", "3"]).await;
    assert_eq!(rest.lines().collect::<Vec<_>>(), printed.lines().collect::<Vec<_>>()[2..5]);
    let stream = format!("tasks-{}", ada.id);
    let tasks = keyfold.print(&["events", "--stream", &stream]).await;
    let of_stream = printed.lines().filter(|line| line.contains(&format!("\"{stream}\"")));
    assert_eq!(tasks.lines().collect::<Vec<_>>(), of_stream.collect::<Vec<_>>());
    assert_eq!(tasks.lines().count(), 3);

    server.stop().await;
    assert_eq!(keyfold.print(&["events"]).await, printed);
    assert_eq!(data.postmaster(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_events_are_printed_and_where_a_limit_stops_them_it_is_said_how_to_go_on() {
    let database = ExternalDatabase::new().await;
    let keyfold = database.keyfold(SECRET);
    keyfold.print(&["migrate"]).await;
    let many = "insert into events (position, stream, version, slice, event_id, type, schema, data, context, recorded_at)
                select number, 'other-1', number, 0, gen_random_uuid(), 'Happened', 1, '{}', '{}', now()
                from generate_series(1, 2500) as number";
    database.connection.connect().await.unwrap().client.batch_execute(many).await.unwrap();
    let all = keyfold.run(&["events"]).await;
    assert_eq!((all.code, all.out.lines().count(), all.err.as_str()), (Some(0), 2500, ""));
    for (limit, stream, rest) in [
        ("1500", None, "continue with `keyfold events --after 1500`\n"),
        ("3", Some("other-1"), "continue with `keyfold events --after 3 --stream other-1`\n"),
    ] {
        let of_stream = stream.map(|stream| ["--stream", stream]);
        let arguments =
            [&["events", "--limit", limit][..], of_stream.as_ref().map_or(&[], |s| &s[..])];
        let some = keyfold.run(&arguments.concat()).await;
        assert_eq!((some.code, some.out.lines().count().to_string()), (Some(0), limit.to_owned()));
        let said = "limit reached, with more events to come: ";
        assert_eq!(some.err, format!("{said}{rest}"));
    }
    let exactly = keyfold.run(&["events", "--limit", "2500"]).await;
    assert_eq!((exactly.code, exactly.out, exactly.err.as_str()), (Some(0), all.out, ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_reproduces_the_read_models_beside_a_running_server() {
    let database = ExternalDatabase::new().await;
    let keyfold = database.keyfold(SECRET);
    let server = keyfold.serve().await;
    let ada = TestUser::sign_up(&server.url, "ada@example.com").await;
    TestUser::sign_up(&server.url, "grace@example.com").await.sign_out().await.expect(200);
    keyfold.print(&["keys", "rotate"]).await;
    let tables = ["users", "sessions", "jwks"];
    let before = dump(&database.connection, &tables).await;
    let link = database.connection.connect().await.unwrap();
    let spoil = "delete from sessions; delete from jwks; update users set name = 'nobody'";
    link.client.batch_execute(spoil).await.unwrap();
    assert_ne!(dump(&database.connection, &tables).await, before);

    let printed = keyfold.print(&["replay"]).await;
    assert_eq!(dump(&database.connection, &tables).await, before);
    let events = keyfold.print(&["events"]).await.lines().count();
    assert_eq!(printed, format!("{events} events replayed, the read models are rebuilt\n"));
    ada.create_task("Milk").await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_schema_is_brought_up_to_date_once() {
    let database = ExternalDatabase::new().await;
    let keyfold = database.keyfold(SECRET);
    for arguments in [&["events"] as &[_], &["replay"], &["keys", "list"], &["keys", "rotate"]] {
        let ended = keyfold.run(arguments).await;
        assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""), "{ended:?}");
        assert!(ended.err.contains("run `keyfold migrate` first"), "{ended:?}");
    }
    let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/schema")).unwrap().count();
    let printed = keyfold.print(&["migrate"]).await;
    let summary = format!("{files} migrations applied, the schema is up to date\n");
    assert!(printed.starts_with("applied V1__event_log\n"), "{printed}");
    assert!(printed.ends_with(&summary), "{printed}");
    assert_eq!(printed.lines().count(), files + 1, "{printed}");

    let nothing_to_do = "0 migrations applied, the schema is up to date\n";
    assert_eq!(keyfold.print(&["migrate"]).await, nothing_to_do);
    let server = keyfold.serve().await;
    assert_eq!(keyfold.print(&["migrate"]).await, nothing_to_do);
    server.stop().await;
}

#[tokio::test]
async fn the_openapi_document_is_the_committed_one_whatever_the_configuration() {
    let printed = Keyfold::new().set("KEYFOLD_LISTEN", "somewhere").print(&["openapi"]).await;
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi/openapi.json");
    assert!(printed == std::fs::read_to_string(path).unwrap(), "`keyfold openapi` says otherwise");
}
