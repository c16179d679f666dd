//! Versions and marks of a history that is gone: after a restore, and in a copy of the database that has gone on by itself.

use reqwest::Method;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::support::app::{Reply, SECRET, TestApp};
use crate::support::backup::Backup;
use crate::support::process::{DataDirectory, ExternalDatabase, Keyfold, PUBLIC_URL, until};
use crate::support::tools::{Tool, python, tests};
use crate::support::user::TestUser;

const ENDS: &str = "/api/auth/revocations";

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

async fn ask(user: &TestUser, method: Method, rest: &str, headers: &[(&str, &str)]) -> Reply {
    let request = user.request(method, &user.tasks(rest));
    headers.iter().fold(request, |request, (name, value)| request.header(name, value)).send().await
}

async fn get(user: &TestUser, rest: &str) -> Value {
    ask(user, Method::GET, rest, &[]).await.expect(200)
}

async fn rename(user: &TestUser, task: &str, title: &str, headers: &[(&str, &str)]) -> Reply {
    let request = user.request(Method::PATCH, &user.tasks(&format!("/{task}")));
    let request =
        headers.iter().fold(request, |request, (name, value)| request.header(name, value));
    request.json(&json!({"title": title})).send().await
}

/// Versions and cursors that a client keeps of a list.
struct Kept {
    /// The version of the list, and of the task.
    list: String,
    task: String,
    cursor: String,
    diff: String,
    before: String,
}

impl Kept {
    /// Reads everything of a list and of a task in it.
    async fn of(user: &TestUser, task: &str) -> Self {
        let page = get(user, "?limit=1").await;
        let history = get(user, "/history?limit=1").await;
        let diff = get(user, "/diff?from=0&limit=1").await;
        Self {
            list: text(&page["version"]).to_owned(),
            task: text(&get(user, &format!("/{task}")).await["version"]).to_owned(),
            cursor: text(&page["nextCursor"]).to_owned(),
            diff: text(&diff["nextCursor"]).to_owned(),
            before: text(&history["nextBefore"]).to_owned(),
        }
    }

    /// The ways to read with it: a path, and the parameter that names the history.
    fn reads(&self) -> Vec<(String, &'static str)> {
        let Self { list, cursor, diff, before, .. } = self;
        vec![
            (format!("?asOf={list}"), "asOf"),
            (format!("?asOf=1@{list}"), "asOf"),
            (format!("?cursor={cursor}"), "cursor"),
            (format!("/diff?from={list}"), "from"),
            (format!("/diff?from=0&to={list}"), "to"),
            (format!("/diff?from=0&cursor={diff}"), "cursor"),
            (format!("/history?before={before}"), "before"),
            (format!("/history?before=1@{list}"), "before"),
            (format!("/events?since={list}"), "since"),
            (format!("/events?since=1@{list}"), "since"),
        ]
    }
}

/// Asserts that versions kept from one history are refused in another one.
async fn assert_refused(user: &TestUser, task: &str, kept: &Kept) {
    for (rest, field) in kept.reads() {
        let reply = ask(user, Method::GET, &rest, &[]).await;
        let problem = reply.expect(400);
        assert_eq!(problem["details"][0]["field"], field, "{rest}: {problem}");
    }
    let events = ask(user, Method::GET, "/events", &[("last-event-id", &kept.list)]).await;
    assert_eq!(events.expect(400)["details"][0]["field"], "Last-Event-ID");

    let (list, one) = (format!("\"{}\"", kept.list), format!("\"{}\"", kept.task));
    for (rest, tag) in [("", &list), (&*format!("/{task}"), &one)] {
        let reply = ask(user, Method::GET, rest, &[("if-none-match", tag)]).await;
        assert_eq!((reply.status.as_u16(), reply.header("etag") == tag), (200, false), "{rest}");
    }
    let before = get(user, "").await;
    let reply = rename(user, task, "overwritten", &[("if-match", &one)]).await;
    assert_eq!(reply.expect(412)["code"], "VERSION_MISMATCH");
    let reply = ask(user, Method::POST, "/undo", &[("if-match", &list)]).await;
    assert_eq!(reply.expect(412)["code"], "VERSION_MISMATCH");
    let change = json!({"op": "delete", "id": task, "ifVersion": kept.task});
    let batch = user.request(Method::POST, &user.tasks("/batch"));
    let reply = batch.json(&json!({"commands": [change]})).send().await;
    assert_eq!(reply.expect(412)["code"], "VERSION_MISMATCH");
    let restore = user.request(Method::POST, &user.tasks(&format!("/{task}/restore")));
    let reply = restore.json(&json!({"version": kept.list})).send().await;
    assert_eq!(reply.expect(400)["details"][0]["code"], "VERSION_UNKNOWN");
    assert_eq!(get(user, "").await, before, "nothing was changed");
}

/// Asserts that versions kept from a shared history are accepted.
async fn assert_taken(user: &TestUser, kept: &Kept) {
    for (rest, _) in kept.reads().iter().filter(|(rest, _)| !rest.starts_with("/events")) {
        let reply = ask(user, Method::GET, rest, &[]).await;
        assert_eq!(reply.status, 200, "{rest}: {}", reply.text);
    }
}

/// Adds a task, once for the key.
async fn add_keyed(user: &TestUser, key: &str) -> Value {
    let request = user.request(Method::POST, &user.tasks("")).header("idempotency-key", key);
    request.json(&json!({"title": key})).send().await.expect(201)
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_restore_nothing_is_taken_for_what_has_its_number_in_the_lost_history() {
    let database = ExternalDatabase::new().await;
    let mut backup = Backup::of(&database);
    let keyfold = database.keyfold(SECRET).set("KEYFOLD_PUBLIC_URL", PUBLIC_URL);
    let server = keyfold.serve().await;
    let ada = TestUser::sign_up(&server.url, "ada@example.com").await;
    let milk = text(&ada.create_task("Milk").await["id"]).to_owned();
    let kept_key = add_keyed(&ada, "kept").await;
    let earlier = Kept::of(&ada, &milk).await;
    backup.take().await;
    rename(&ada, &milk, "Oat milk", &[]).await.expect(200);
    let lost_key = add_keyed(&ada, "lost").await;
    let lost = Kept::of(&ada, &milk).await;
    server.stop().await;

    let (keyfold, _) = backup.restore(keyfold).await;
    let server = keyfold.serve().await;
    let ada = ada.at(&server.url);
    // Right after the restore, when the list is shorter, and when others stand in the place of what was lost.
    assert_refused(&ada, &milk, &lost).await;
    rename(&ada, &milk, "Rice milk", &[]).await.expect(200);
    ada.create_task("Salt").await;
    assert_refused(&ada, &milk, &lost).await;
    assert_taken(&ada, &earlier).await;

    // The idempotency keys in the backup match its list.
    assert_eq!(add_keyed(&ada, "kept").await, kept_key);
    let again = add_keyed(&ada, "lost").await;
    assert_ne!(again["id"], lost_key["id"], "it was lost, so it is done");
    assert_eq!(add_keyed(&ada, "lost").await, again);
    server.stop().await;
    backup.remove().await;
}

/// Identifiers of the ends after a cursor, and the next cursor.
async fn ends(user: &TestUser, since: &str) -> (Vec<String>, String) {
    let page = user.request(Method::GET, &format!("{ENDS}?since={since}")).send().await.expect(200);
    let ids = page["sets"].as_object().unwrap().keys().cloned().collect();
    (ids, text(&page["next"]).to_owned())
}

async fn told(user: &TestUser, since: &str, count: usize) -> (Vec<String>, String) {
    let mut told = (Vec::new(), String::new());
    until("the ends are told", async || {
        told = ends(user, since).await;
        told.0.len() == count
    })
    .await;
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_restore_a_verifier_is_told_of_all_ends_again_and_refuses_what_has_ended() {
    let database = ExternalDatabase::new().await;
    let mut backup = Backup::of(&database);
    let keyfold = database.keyfold(SECRET);
    let server = keyfold.serve().await;
    let ada = TestUser::sign_up(&server.url, "ada@example.com").await;
    let sign_out = async |user: &TestUser| {
        let phone = TestUser::sign_in(&server.url, &user.email).await;
        phone.sign_out().await.expect(200);
    };
    sign_out(&ada).await;
    backup.take().await;
    for _ in 0..5 {
        sign_out(&ada).await;
    }
    let (_, lost) = told(&ada, "0", 6).await;
    let mut verifier = python();
    let script = tests("clients").join("verifier.py");
    verifier.arg(script).args([&server.url, &ada.token]).env("no_proxy", "*");
    let mut verifier = Tool::start(&mut verifier);
    assert_eq!(verifier.line().await.as_deref(), Some("accepted"));
    let address = server.url.trim_start_matches("http://").to_owned();
    server.stop().await;

    let (keyfold, _) = backup.restore(keyfold).await;
    // The verifier finds it where it was.
    let keyfold = keyfold.set("KEYFOLD_LISTEN", &address);
    let server = keyfold.serve().await;
    let (first, _) = told(&ada, "0", 1).await;
    assert_eq!(ends(&ada, &lost).await.0, first, "what another history knows is told anew");
    assert_eq!(keyfold.print(&["sessions", "end"]).await, "sessions ended: 1\n");
    // Lines about the absent server come first.
    let refused = loop {
        let line = verifier.line().await.expect("it goes on until it refuses");
        if !line.starts_with("verifier: ") {
            break line;
        }
    };
    assert_eq!(refused, "the session has ended");
    let (all, newest) = told(&ada, &lost, 2).await;
    assert_eq!(ends(&ada, "0").await.0, all);
    assert_eq!(ends(&ada, &newest).await, (Vec::new(), newest));
    server.stop().await;
    backup.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_on_copies_of_one_volume_do_not_take_each_others_versions_for_their_own() {
    let original = DataDirectory::new("original");
    let keyfold = Keyfold::in_directory(&original).set("KEYFOLD_PUBLIC_URL", PUBLIC_URL);
    let server = keyfold.serve().await;
    let ada = TestUser::sign_up(&server.url, "ada@example.com").await;
    let milk = text(&ada.create_task("Milk").await["id"]).to_owned();
    ada.create_task("Bread").await;
    let common = Kept::of(&ada, &milk).await;
    server.stop().await;
    let fork = DataDirectory::new("fork");
    let copied = Command::new("cp").arg("-a").args([original.path(), fork.path()]).status().await;
    assert!(copied.unwrap().success());

    let there = Keyfold::in_directory(&fork).set("KEYFOLD_PUBLIC_URL", PUBLIC_URL);
    let servers = [keyfold.serve().await, there.serve().await];
    let views = servers.each_ref().map(|server| ada.at(&server.url));
    let mut kept = Vec::new();
    for view in &views {
        // Both copies get equal changes, at nearly the same time.
        rename(view, &milk, "Oat milk", &[]).await.expect(200);
        kept.push(Kept::of(view, &milk).await);
    }
    let numbers = kept.iter().map(|kept| kept.list.split_once('.').unwrap().0);
    assert_eq!(numbers.collect::<Vec<_>>(), ["3", "3"]);
    assert_refused(&views[0], &milk, &kept[1]).await;
    assert_refused(&views[1], &milk, &kept[0]).await;
    for (view, own) in views.iter().zip(&kept) {
        assert_taken(view, own).await;
        assert_taken(view, &common).await;
    }
    for server in servers {
        server.stop().await;
    }
}

/// Ends the session that listens, with its lock.
const CUT: &str = "\
    select count(pg_terminate_backend(pid))::text from pg_locks where locktype = 'advisory' and objid = \
    (hashtextextended('keyfold-node:' || current_schema(), 0) & 4294967295)::bigint::oid";

/// Deletes the last events, as a takeover by a server without them does; others may have been written since.
const LOSE: &str = "\
    alter table events disable trigger events_append_only;
    delete from events where position > (select max(position) - 2 from events);
    alter table events enable trigger events_append_only;";

/// Writes others in their place, and one more.
const WRITE: &str = "\
    insert into events (position, stream, version, slice, event_id, type, schema, data, context, recorded_at)
    select head + number, 'other', number, 0, gen_random_uuid(), 'Other', 1, '{}', '{}', now()
    from events_lock() head, generate_series(1, 3) number;";

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_database_has_lost_what_it_has_seen_ends_instead_of_going_on_from_memory() {
    for is_written_again in [false, true] {
        let mut app = TestApp::spawn().await;
        let ada = app.sign_up("ada@example.com").await;
        for title in ["Milk", "Bread", "Salt"] {
            ada.create_task(title).await;
        }
        let link = app.connection().connect().await.unwrap();
        link.client.batch_execute(LOSE).await.unwrap();
        if is_written_again {
            link.client.batch_execute(WRITE).await.unwrap();
        }
        assert_eq!(app.query_text(CUT).await, "1");
        assert_eq!(app.failed().await, "the follower of the log");
    }
}
